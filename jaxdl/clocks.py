"""Wall-clock times of competitors, measured in turn."""

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import jax
import numpy as np

from jaxdl.types import PyTree

Name = TypeVar("Name")


def in_turn(
    calls: Mapping[Name, Callable[[], PyTree]], repeats: int, steps: int = 1
) -> dict[Name, np.ndarray]:
    """Seconds of each call, `[repeats]`: medians of `steps` calls, whose results are waited for.

    The competitors are called one after the other in every step, so that what else the machine does
    meets all of them; a first round, which compiles and is slower, does not count.
    """
    found: dict[Name, list[float]] = {name: [] for name in calls}
    for _ in range(1 + repeats * steps):
        for name, call in calls.items():
            began = time.perf_counter()
            jax.block_until_ready(call())
            found[name].append(time.perf_counter() - began)
    return {
        name: np.median(np.reshape(seconds[1:], (repeats, steps)), axis=1)
        for name, seconds in found.items()
    }
