"""How fast training goes, and what memory it takes."""

import contextlib
import time
from collections.abc import Iterator

import jax

from jaxdl.types import PyTree

MEMORY = ("bytes_in_use", "peak_bytes_in_use")


class Speed:
    """Seconds of steps since the last row, without compilation and what else the loop does.

    flops: of a step; peak_flops: of all its devices together, in a second; None: not known.
    """

    def __init__(self, flops: float | None, peak_flops: float | None):
        self._flops, self._peak = flops, peak_flops
        self._began: float | None = None
        self._steps = 0

    def tick(self, after: PyTree) -> None:
        """A step was started; `after` is there once it is done."""
        if self._began is None:
            jax.block_until_ready(after)  # the first one compiles
            self._began = time.perf_counter()
        else:
            self._steps += 1

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """What is done within does not count as training."""
        began = time.perf_counter()
        yield
        if self._began is not None:
            self._began += time.perf_counter() - began

    def take(self) -> int:
        """How many steps were started since this was last asked, the first one left out."""
        steps, self._steps = self._steps, 0
        return steps

    def read(self, steps: int, examples: float) -> dict[str, float]:
        """Columns of a row of so many steps, done by now; empty where there is no such step.

        examples: in a step, on average. Of memory there is what the device tells: CPUs tell
        nothing.
        """
        now = time.perf_counter()
        began = self._began
        if began is None or not steps:
            return {}
        self._began = now
        seconds = (now - began) / steps
        found = {"speed/step_seconds": seconds, "speed/examples_per_second": examples / seconds}
        if self._flops is not None and self._peak is not None:
            found["speed/flops_utilization"] = self._flops / seconds / self._peak
        memory = jax.local_devices()[0].memory_stats() or {}
        return found | {f"device/{name}": memory[name] for name in MEMORY if name in memory}
