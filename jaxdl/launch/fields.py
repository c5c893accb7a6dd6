"""The configuration of an experiment: typed fields with limits, and what is wrong with a value."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar, cast, dataclass_transform

from ml_collections import ConfigDict

from jaxdl._errors import UserError
from jaxdl._text import meant

PRECISIONS = ("default", "bfloat16", "tensorfloat32", "float32")
INT32 = 2**31 - 1
KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


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
    precision: str = setting(
        "default",
        "In which an accelerator multiplies float32 (JAX's default_matmul_precision); a CPU always "
        "does so in float32. --precision is short for it.",
        choices=PRECISIONS,
    )

    def to_dict(self) -> dict[str, Any]:
        """Names and values, tuples as tuples."""
        return {name: getattr(self, name) for name in self.fields()}

    def config_dict(self) -> ConfigDict:
        """A locked ConfigDict of the same, to be changed and given by `get_config()` of a file."""
        values = ConfigDict(self.to_dict())
        values.lock()
        return values


def check(key: str, value: Any, field: Field) -> None:
    """Raises UserError if a value is out of its field's bounds or choices, or not finite."""
    entries = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) and not value:
        raise UserError(f"config.{key} is empty; it needs at least one value")
    if not field.repeats and len(set(entries)) != len(entries):
        raise UserError(f"config.{key} names a value twice: {listed(value)}")
    for entry in entries:
        if field.choices and entry not in field.choices:
            known = ", ".join(str(choice) for choice in field.choices)
            raise UserError(f"config.{key}: {entry!r} is none of {known}")
        if isinstance(entry, int | float) and not isinstance(entry, bool):
            if isinstance(entry, int) and abs(entry) > INT32:
                raise UserError(f"config.{key}: {entry} does not fit 32 bits")
            if not math.isfinite(entry):
                raise UserError(f"config.{key}: {entry} is not a finite number")
            if not field.low <= entry <= field.high:
                raise UserError(f"config.{key}: {entry} is not {bounds(field)}")


def bounds(field: Field) -> str:
    if field.high == math.inf:
        return f"at least {field.low:g}"
    if field.low == -math.inf:
        return f"at most {field.high:g}"
    return f"between {field.low:g} and {field.high:g}"


def limits(field: Field) -> str:
    """What a value of the field may be, for the reader of `--help`."""
    if field.choices:
        return f"one of {', '.join(map(str, field.choices))}"
    if math.isinf(field.low) and math.isinf(field.high):
        return ""
    return bounds(field)


def listed(value: Iterable[object]) -> str:
    return ",".join(str(entry) for entry in value)


def choose(key: str, name: str, known: Mapping[str, T]) -> T:
    """`known[name]`, or a UserError that lists what there is."""
    if name not in known:
        listing = f"{', '.join(known)}{meant(name, known)}"
        raise UserError(f"config.{key}: {name!r} is none of {listing}")
    return known[name]


def choose_all(key: str, names: Sequence[str], known: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of `known` for each of the names, in their order."""
    return {name: choose(key, name, known) for name in names}
