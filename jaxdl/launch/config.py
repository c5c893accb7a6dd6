"""Configuration of an experiment: typed fields, absl flags, one clear line for every mistake."""

import dataclasses
import difflib
import json
import math
import runpy
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar, cast, dataclass_transform

from absl import flags
from ml_collections import ConfigDict

SWITCHES = {
    "dry_run": "Print trials, programs and predicted minutes; write nothing.",
    "check_overfit": "Print whether each program can memorize eight examples; write nothing.",
    "allow_config_change": "Go on in a workdir that was begun under another configuration; trials "
    "of other data, programs or segments run anew.",
}
NO_USES: Mapping[str, str] = {}
PACKAGES = "experiments", "benchmarks"
"""Whose modules are launched."""
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


class UserError(ValueError):
    """A mistake of the user's, in one line: what, where, and what would be right."""


class Field(NamedTuple):
    """One key of a configuration, of the type of its default; a tuple is a comma-separated list.

    low, high: bounds of a number (inclusive), or of each number of a list.
    choices: the values that are possible, if they are few.
    repeats: whether a list may name a value twice: widths may, what is compared may not.
    """

    default: bool | int | float | str | tuple[Any, ...]
    help: str
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[Any, ...] = ()
    repeats: bool = False


T = TypeVar("T")


def setting(
    default: T,
    help: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    choices: tuple[Any, ...] = (),
    repeats: bool = False,
) -> T:
    """A field of a `Config`: its default, what `--help` says of it, its limits (see `Field`)."""
    field = Field(cast(Any, default), help, low, high, choices, repeats)
    return dataclasses.field(default=default, metadata={"flag": field})


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Flags:
    """What makes every subclass a frozen dataclass whose fields are flags."""

    _flags: ClassVar[Mapping[str, Field]] = {}

    def __init_subclass__(cls) -> None:
        made = {n: f for n, f in vars(cls).items() if isinstance(f, dataclasses.Field)}
        cls._flags = {
            **cls._flags,
            **{name: field.metadata["flag"] for name, field in made.items()},
        }
        dataclasses.dataclass(frozen=True, kw_only=True)(cls)

    @classmethod
    def fields(cls) -> dict[str, Field]:
        """The flags, in the order of the fields."""
        return dict(cls._flags)


class Config(Flags):
    """The configuration of an experiment; subclasses add fields and change defaults.

    Each field is made by `setting` and is a flag `--config.NAME`; a subclass is a frozen dataclass
    without being declared as one.
    """

    steps: int = setting(1000, "Training steps of each trial.", low=1)
    seeds: int = setting(5, "Seeds of each setting.", low=1)

    def to_dict(self) -> dict[str, Any]:
        """Names and values, tuples as tuples."""
        return {name: getattr(self, name) for name in self.fields()}

    def config_dict(self) -> ConfigDict:
        """A locked ConfigDict of the same, to be changed and given by `get_config()` of a file."""
        values = ConfigDict(self.to_dict())
        values.lock()
        return values


class Command(NamedTuple):
    """A parsed command line."""

    config: Config
    workdir: Path
    dry_run: bool
    check_overfit: bool
    allow_config_change: bool
    use: tuple[str, str] | None = None


def parse(
    argv: Sequence[str],
    kind: type[Config],
    name: str,
    uses: Mapping[str, str] = NO_USES,
) -> Command:
    """Reads `--workdir`, `--dry_run`, `--config` and `--config.KEY` for a configuration.

    uses: flags with a text, by name and with their help, of what can be done with a finished run;
        at most one is given.
    Raises UserError for an unknown flag or key (with the nearest right one), a value of the wrong
    type or out of bounds, and a configuration file that is not to be read.
    """
    fields = kind.fields()
    values = _define(fields, name, uses)
    try:
        rest = values(list(argv))[1:]
    except flags.Error as error:
        raise UserError(_in_one_line(error, fields)) from None
    if rest:
        raise UserError(f"unexpected argument {rest[0]!r}; values are given as --config.KEY=VALUE")
    saved = _read_file(values["config"].value, fields) if values["config"].value else {}
    chosen: dict[str, Any] = {
        key: saved[key]
        if key in saved and not values[f"config.{key}"].present
        else values[f"config.{key}"].value
        for key in fields
    }
    if not values.workdir.strip():
        raise UserError("--workdir is empty; it needs the name of a folder")
    config = kind(**chosen)
    switches = (values.dry_run, values.check_overfit, values.allow_config_change)
    asked = [(use, str(values[use].value)) for use in uses if values[use].present]
    if len(asked) > 1:
        raise UserError(f"--{asked[0][0]} and --{asked[1][0]}: one at a time")
    return Command(config, Path(values.workdir), *switches, use=asked[0] if asked else None)


def _in_one_line(error: flags.Error, fields: Mapping[str, Field]) -> str:
    """What absl says of a mistake, without what only programmers of flags can read."""
    if isinstance(error, flags.UnrecognizedFlagError) and error.flagname in fields:
        return f"unknown flag --{error.flagname}; did you mean --config.{error.flagname}?"
    text = " ".join(str(error).split())
    if isinstance(error, flags.IllegalFlagValueError):
        flag, _, reason = text.partition(": ")
        if reason.startswith("config."):
            return reason
        return f"{flag.removeprefix('flag ')} is neither true nor false"
    return text


def package() -> str:
    """Of the module that was launched: `experiments`, or `benchmarks`."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    launched = spec.name.rpartition(".")[0] if spec is not None else ""
    return launched if launched in PACKAGES else PACKAGES[0]


def usage(doc: str, kind: type[Config], name: str, uses: Mapping[str, str] = NO_USES) -> str:
    """The text of `--help`."""
    fields = kind.fields()
    flag_values = _define(fields, name, uses)
    lines = [doc.strip(), "", f"Usage: python -m {package()}.{name} [FLAGS]", ""]
    for flag in ("workdir", *uses, *SWITCHES, "config", *_keys(fields)):
        shown = flag_values[flag].default
        if isinstance(shown, tuple):
            shown = _text(shown)
        value = "" if isinstance(shown, bool) and not shown else f"={shown}"
        lines += [f"  --{flag}{value}", f"      {flag_values[flag].help}"]
        field = fields.get(flag.removeprefix("config."))
        if field is not None and (limits := _limits(field)):
            lines[-1] += f" ({limits})"
    return "\n".join(lines)


def check(key: str, value: Any, field: Field) -> None:
    """Raises UserError if a value is out of its field's bounds or choices, or not finite."""
    entries = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) and not value:
        raise UserError(f"config.{key} is empty; it needs at least one value")
    if not field.repeats and len(set(entries)) != len(entries):
        raise UserError(f"config.{key} names a value twice: {_text(value)}")
    for entry in entries:
        if field.choices and entry not in field.choices:
            known = ", ".join(str(choice) for choice in field.choices)
            raise UserError(f"config.{key}: {entry!r} is none of {known}")
        if isinstance(entry, int | float) and not isinstance(entry, bool):
            if not math.isfinite(entry):
                raise UserError(f"config.{key}: {entry} is not a finite number")
            if not field.low <= entry <= field.high:
                raise UserError(f"config.{key}: {entry} is not {_bounds(field)}")


class _Parser(flags.ArgumentParser):
    """Reads and checks one field's value for absl."""

    def __init__(self, key: str, field: Field) -> None:
        super().__init__()
        self.key, self.field = key, field

    def parse(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            return argument
        if isinstance(self.field.default, tuple):
            kind = type(self.field.default[0])
            texts = [text.strip() for text in argument.split(",") if text.strip()]
            value: Any = tuple(self._read(kind, text) for text in texts)
        else:
            value = self._read(type(self.field.default), argument.strip())
        check(self.key, value, self.field)
        return value

    def _read(self, kind: type, text: str) -> Any:
        if kind is bool:
            if text.lower() in ("true", "false"):
                return text.lower() == "true"
        else:
            try:
                return kind(text)
            except ValueError:
                pass
        raise UserError(f"config.{self.key}: {text!r} is not {KINDS[kind]}")

    def flag_type(self) -> str:
        return type(self.field.default).__name__


def _keys(fields: Mapping[str, Field]) -> list[str]:
    return [f"config.{key}" for key in fields]


def _define(
    fields: Mapping[str, Field], name: str, uses: Mapping[str, str] = NO_USES
) -> flags.FlagValues:
    values = flags.FlagValues()
    flags.DEFINE_string(
        "workdir",
        f"runs/{name}",
        "Folder of this run; resumed if it was left half done.",
        flag_values=values,
    )
    for use, text in uses.items():
        flags.DEFINE_string(use, "", text, flag_values=values)
    for switch, text in SWITCHES.items():
        flags.DEFINE_boolean(switch, False, text, flag_values=values)
    flags.DEFINE_string(
        "config",
        "",
        "File to take the configuration from: JSON, such as the config.json of a run, or Python "
        "with a function get_config() that gives a ConfigDict.",
        flag_values=values,
    )
    for key, field in fields.items():
        flags.DEFINE(
            _Parser(key, field), f"config.{key}", field.default, field.help, flag_values=values
        )
    return values


def _read_file(path: str, fields: Mapping[str, Field]) -> dict[str, Any]:
    saved = _get_config(path) if path.endswith(".py") else _from_json(path)
    result = {}
    for key, value in saved.items():
        if key not in fields:
            raise UserError(f"--config={path}: unknown key {key!r}; known: {', '.join(fields)}")
        result[key] = _cast(key, value, fields[key])
        check(key, result[key], fields[key])
    return result


def _from_json(path: str) -> dict[str, Any]:
    try:
        saved = json.loads(Path(path).read_text())
    except OSError as error:
        raise UserError(f"--config={path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise UserError(f"--config={path} is not a JSON file") from None
    if not isinstance(saved, dict):
        raise UserError(f"--config={path}: not a JSON object of keys and values")
    return saved


def _get_config(path: str) -> dict[str, Any]:
    """What `get_config()` of a Python file gives: a ConfigDict, a dict or a Config."""
    try:
        made = runpy.run_path(path).get("get_config")
    except OSError as error:
        raise UserError(f"--config={path} cannot be read: {error.strerror}") from None
    except SyntaxError as error:
        raise UserError(f"--config={path} is no Python: {error}") from None
    if made is None:
        raise UserError(f"--config={path} has no function get_config()")
    found = made()
    found = found.to_dict() if hasattr(found, "to_dict") else found
    if not isinstance(found, dict):
        raise UserError(f"--config={path}: get_config() gives no ConfigDict but {type(found)}")
    return found


def _cast(key: str, value: Any, field: Field) -> Any:
    default = field.default
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        one = Field(default[0], field.help)
        return tuple(_cast(key, entry, one) for entry in value)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if type(value) is not type(default):
        kind = KINDS.get(type(default), "a list")
        raise UserError(f"config.{key}: {value!r} is not {kind}")
    return value


def _bounds(field: Field) -> str:
    if field.high == math.inf:
        return f"at least {field.low:g}"
    if field.low == -math.inf:
        return f"at most {field.high:g}"
    return f"between {field.low:g} and {field.high:g}"


def _limits(field: Field) -> str:
    """What a value of the field may be, for the reader of `--help`."""
    if field.choices:
        return f"one of {', '.join(map(str, field.choices))}"
    if math.isinf(field.low) and math.isinf(field.high):
        return ""
    return _bounds(field)


def _text(value: Iterable[object]) -> str:
    return ",".join(str(entry) for entry in value)


def choose(key: str, name: str, known: Mapping[str, T]) -> T:
    """`known[name]`, or a UserError that lists what there is."""
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise UserError(f"config.{key}: {name!r} is none of {', '.join(known)}{hint}")
    return known[name]


def choose_all(key: str, names: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of `known` for each of the names, in their order."""
    return {name: choose(key, name, known) for name in names}
