"""The command line of an experiment: absl flags, one clear line for every mistake."""

import json
import re
import runpy
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags
from ml_collections import ConfigDict

from jaxdl._errors import in_one_line
from jaxdl.launch.fields import KINDS, Config, Field, UserError, check, limits, listed
from jaxdl.trackers import TRACKERS

SWITCHES = {
    "dry_run": "Print trials, programs and predicted minutes; write nothing.",
    "check_overfit": "Print whether each program can memorize eight examples; write nothing.",
    "profile": "Write a trace of the first seconds of training into the workdir's folder profile, "
    "for TensorBoard or xprof.",
    "allow_config_change": "Go on in a workdir that was begun under another configuration; trials "
    "of other data, programs or segments run anew.",
}
LAUNCHERS = {
    "launcher": "Where trials run: local, in this process; processes, of this machine; submitit, "
    "jobs of Slurm; cluster, of Dask; distributed, processes of the job that this one belongs to.",
    "workers": "Processes or jobs at a time; 0: as many as there are devices here.",
    "submitit": "Of submitit's executor: slurm_partition=gpu,gpus_per_node=1,timeout_min=240.",
}
TRACKER = (
    "Who is told metrics and hyperparameters of the trials when these are done, of a list: "
    "tensorboard, into tb/ of the workdir (without the flag, of the last 500 trials); "
    "wandb; mlflow. none: nobody."
)
KINDS_OF_LAUNCHERS = LOCAL, *_ = "local", "processes", "submitit", "cluster", "distributed"
STAGES = PLAN, CONFIRM = "plan", "confirm"
"""The two plans of a run."""
NO_USES: Mapping[str, str] = {}


class Command(NamedTuple):
    """A parsed command line."""

    config: Config
    workdir: Path
    dry_run: bool
    check_overfit: bool
    profile: bool
    allow_config_change: bool
    use: tuple[str, str] | None = None
    launcher: str = LOCAL
    workers: int = 0
    submitit: Mapping[str, int | str] = {}
    worker: str = ""
    trackers: Sequence[str] | None = None


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
    except (flags.Error, ValueError) as error:  # --noSWITCH=VALUE is a bare ValueError
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
    switches: dict[str, Any] = {switch: values[switch].value for switch in SWITCHES}
    asked = [(use, str(values[use].value)) for use in uses if values[use].present]
    if len(asked) > 1:
        raise UserError(f"--{asked[0][0]} and --{asked[1][0]}: one at a time")
    if values.profile and values.launcher != LOCAL:
        raise UserError(f"--profile: of what runs here; not with --launcher={values.launcher}")
    return Command(
        config,
        Path(values.workdir),
        **switches,
        use=asked[0] if asked else None,
        launcher=values.launcher,
        workers=values.workers,
        submitit=_pairs("submitit", values.submitit),
        worker=values.worker,
        trackers=_trackers(values.tracker) if values["tracker"].present else None,
    )


def _trackers(names: Sequence[str]) -> list[str]:
    known = [*TRACKERS, "none"]
    if wrong := [name for name in names if name not in known]:
        raise UserError(f"--tracker: {wrong[0]!r} is none of {', '.join(known)}")
    return [name for name in dict.fromkeys(names) if name != "none"]


def _pairs(flag: str, texts: Sequence[str]) -> dict[str, int | str]:
    """KEY=VALUE of each, where a value that is a whole number is one."""
    if wrong := [text for text in texts if not re.fullmatch(r"\w+=.*", text)]:
        raise UserError(f"--{flag}: {wrong[0]!r} is not KEY=VALUE")
    pairs = dict(text.split("=", 1) for text in texts)
    return {key: int(text) if text.isdecimal() else text for key, text in pairs.items()}


def _in_one_line(error: Exception, fields: Mapping[str, Field]) -> str:
    """What absl says of a mistake, without what only programmers of flags can read."""
    if isinstance(error, flags.UnrecognizedFlagError) and error.flagname in fields:
        return f"unknown flag --{error.flagname}; did you mean --config.{error.flagname}?"
    text = " ".join(str(error).split())
    if isinstance(error, flags.IllegalFlagValueError):
        flag, _, reason = text.partition(": ")
        if reason.startswith("config."):
            return reason
        flag = flag.removeprefix("flag ")
        if flag.removeprefix("--").partition("=")[0] in LAUNCHERS:
            return f"{flag}: {reason}"
        return f"{flag} is neither true nor false"
    if text.startswith("Missing value for flag --config."):
        return f"{text}; values are given as --config.KEY=VALUE"
    return text


def usage(
    doc: str, kind: type[Config], name: str, command: str, uses: Mapping[str, str] = NO_USES
) -> str:
    """The text of `--help`; command: that this text is of."""
    fields = kind.fields()
    flag_values = _define(fields, name, uses)
    lines = [doc.strip(), "", f"Usage: {command} [FLAGS]", ""]
    for flag in ("workdir", *uses, *SWITCHES, *LAUNCHERS, "tracker", "config", *_keys(fields)):
        shown = flag_values[flag].default
        if isinstance(shown, tuple | list):
            shown = listed(shown)
        if isinstance(shown, bool):
            shown = str(shown).lower()
        value = "" if flag in SWITCHES else f"={shown}"
        lines += [f"  --{flag}{value}", f"      {flag_values[flag].help}"]
        field = fields.get(flag.removeprefix("config."))
        if field is not None and (words := limits(field)):
            lines[-1] += f" ({words})"
    return "\n".join(lines)


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
    own: dict[str, Any] = {"flag_values": values}
    flags.DEFINE_enum("launcher", LOCAL, KINDS_OF_LAUNCHERS, LAUNCHERS["launcher"], **own)
    flags.DEFINE_integer("workers", 0, LAUNCHERS["workers"], lower_bound=0, **own)
    flags.DEFINE_list("submitit", [], LAUNCHERS["submitit"], **own)
    flags.DEFINE_list("tracker", ["tensorboard"], TRACKER, **own)
    # Of the processes that a launcher starts: the plan whose trials they run.
    flags.DEFINE_enum("worker", "", ["", *STAGES], "", **own)
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
    flags.DEFINE_alias("precision", "config.precision", flag_values=values)
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
    except (ValueError, RecursionError):
        raise UserError(f"--config={path} is not a JSON file") from None
    if not isinstance(saved, dict):
        raise UserError(f"--config={path}: not a JSON object of keys and values")
    return saved


def _get_config(path: str) -> dict[str, Any]:
    """What `get_config()` of a Python file gives: a ConfigDict, a dict or a Config."""
    try:
        made = runpy.run_path(path).get("get_config")
        found = None if made is None else made()
    except OSError as error:
        raise UserError(f"--config={path} cannot be read: {error.strerror}") from None
    except SyntaxError as error:
        raise UserError(f"--config={path} is no Python: {error}") from None
    except Exception as error:  # the file is the user's: whatever it raises is told with its place
        line = traceback.extract_tb(error.__traceback__)[-1].lineno
        text = in_one_line(error)
        raise UserError(f"--config={path}, line {line}: {text}") from None
    if made is None:
        raise UserError(f"--config={path} has no function get_config()")
    found = found.to_dict() if isinstance(found, ConfigDict | Config) else found
    if not isinstance(found, dict):
        raise UserError(f"--config={path}: get_config() gives no ConfigDict but {type(found)}")
    return found


def _cast(key: str, value: Any, field: Field) -> Any:
    default = field.default
    if isinstance(default, tuple) and isinstance(value, list | tuple):
        one = Field(default[0], field.help)
        return tuple(_cast(key, entry, one) for entry in value)
    if isinstance(default, float) and type(value) is int:
        try:
            return float(value)
        except OverflowError:
            raise UserError(f"config.{key}: a number of {len(str(value))} digits") from None
    if type(value) is not type(default):
        kind = KINDS.get(type(default), "a list")
        raise UserError(f"config.{key}: {value!r} is not {kind}")
    return value
