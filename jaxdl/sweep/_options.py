"""Options of a sweep that there are not, or of the wrong kind, told in one line."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from numbers import Real
from typing import Any

import jax

from jaxdl._text import meant
from jaxdl.sweep.distributions import is_whole

NAMES = ("lanes", "progress", "stop", "checkpoint_seconds", "rerun_changed", "devices")
"""Of `execute`, beside what a plan says itself."""


def check_names(given: Iterable[str], known: Collection[str]) -> None:
    """Raises ValueError for a name that is not known."""
    for name in given:
        if name not in known:
            listed = ", ".join(known)
            raise ValueError(f"{name}: there is no such option, but {listed}{meant(name, known)}")


def check_count(name: str, count: Any, least: int = 1) -> None:
    """Raises ValueError for what is no whole number of at least so much."""
    if not is_whole(count):
        raise ValueError(f"{name} is a whole number, not {count!r}")
    if count < least:
        raise ValueError(f"{name} must be >= {least}, not {count}")


def check(
    stop: Callable[[], bool] | None,
    checkpoint_seconds: Any,
    rerun_changed: bool,
    devices: Sequence[jax.Device] | None,
) -> None:
    """Raises ValueError for a value of the wrong kind."""
    if stop is not None and not callable(stop):
        raise ValueError(f"stop: give a function that tells whether to stop, not {stop!r}")
    number = isinstance(checkpoint_seconds, Real) and not isinstance(checkpoint_seconds, bool)
    if not number or math.isnan(checkpoint_seconds) or checkpoint_seconds < 0:
        raise ValueError(f"checkpoint_seconds: give a number >= 0, not {checkpoint_seconds!r}")
    if not isinstance(rerun_changed, bool):
        raise ValueError(f"rerun_changed: give True or False, not {rerun_changed!r}")
    if devices is not None:
        _check_devices(devices)


def _check_devices(devices: Any) -> None:
    listed = list(devices) if isinstance(devices, Sequence) else []
    if not listed or not all(isinstance(each, jax.Device) for each in listed):
        raise ValueError(f"devices: give some of jax.local_devices() in a list, not {devices!r}")
    if len(set(listed)) < len(listed):
        raise ValueError(f"devices: each once, not {devices!r}")
