"""One process that trains: steps, and what is due after them."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxdl.signals import Interrupted
from jaxdl.streaming.endings import Diverged
from jaxdl.streaming.log import Log
from jaxdl.streaming.program import Carry, all_finite
from jaxdl.streaming.saving import Saver
from jaxdl.streaming.speed import Speed
from jaxdl.streaming.stream import Stream
from jaxdl.types import Array, Batch, TrainState


class Evaluation(NamedTuple):
    """What is measured every so many `steps`, and after the last one.

    measure: `state -> {name: number}`; a pure function, since a session repeats the steps that one
        before it had done behind its last checkpoint.
    best: the name of the metric by which the best state is kept, in `best`; NaN never is the best.
    """

    measure: Callable[[TrainState], Mapping[str, float | Array]]
    steps: int
    best: str | None = None
    mode: Literal["max", "min"] = "max"


@dataclasses.dataclass
class Session:
    """Goes from step `number` to step `steps`.

    conditions: kept in every checkpoint. best: the best value so far.
    """

    steps: int
    log_steps: int
    evaluation: Evaluation | None
    conditions: Mapping[str, str]
    advance: Callable[[Carry, Batch], Carry]
    stream: Stream
    log: Log
    saver: Saver
    speed: Speed
    number: int
    carry: Carry
    best: float | None

    def train(self, stopped: Callable[[], bool]) -> TrainState:
        """The state after the last step, once that is on disk. Raises Interrupted if stopped."""
        blank = jax.tree.map(np.zeros_like, self.carry.metrics)
        every = self.evaluation.steps if self.evaluation else math.inf
        while self.number < self.steps:
            self._step()
            last = self.number == self.steps
            if last or self.number % self.log_steps == 0:
                self._report()
                self.carry = self.carry._replace(metrics=blank)
            if self.evaluation and (last or self.number % every == 0):
                self._evaluate(self.evaluation)
            stop = stopped()
            if last or stop or self.saver.is_due(self.number):
                self._save()
            if stop:
                self.saver.wait()
                raise Interrupted
        self.saver.wait()
        return self.carry.state

    def _step(self) -> None:
        try:
            batch = next(self.stream)
        except StopIteration:
            raise ValueError(
                f"the data end after {self.number} of {self.steps} steps; "
                "data.batches.epochs goes on without end"
            ) from None
        self.carry = self.advance(self.carry, batch)
        self.number += 1
        self.speed.tick(self.carry.diverged_at)

    def _report(self) -> None:
        self._check()
        steps = (self.number - 1) % self.log_steps + 1
        sums = jax.device_get(self.carry.metrics)
        with np.errstate(invalid="ignore", divide="ignore"):  # 0/0: of nothing that has a weight
            row = {f"train/{name}": float(total / weight) for name, (total, weight) in sums.items()}
        self.log.write(self.number, row | self.speed.read(float(sums["loss"][1]) / steps))

    def _evaluate(self, evaluation: Evaluation) -> None:
        self._check()
        with self.speed.aside():
            measured = {n: float(v) for n, v in evaluation.measure(self.carry.state).items()}
        self.log.write(self.number, {f"evaluation/{n}": v for n, v in measured.items()})
        if evaluation.best is None:
            return
        if evaluation.best not in measured:
            raise ValueError(f"best={evaluation.best!r} is none of {', '.join(measured)}")
        value = measured[evaluation.best]
        if not math.isfinite(value):
            return
        gain = value - self.best if self.best is not None else math.inf
        if (gain if evaluation.mode == "max" else -gain) > 0 or self.best is None:
            self._check_parameters()
            self.best = value
            self.saver.save_best(self.number, self.carry.state, {evaluation.best: value})

    def _save(self) -> None:
        self._check()
        self._check_parameters()
        meta: dict[str, Any] = {
            "batches": self.stream.position(),
            "log": self.log.position(),
            "best": self.best,
            "conditions": self.conditions,
        }
        self.saver.save(self.number, self.carry, meta, self.log.sync)

    def _check(self) -> None:
        if (step := int(self.carry.diverged_at)) >= 0:
            self._diverged(f"the loss is not finite at step {step}")

    def _check_parameters(self) -> None:
        if not all_finite(self.carry.state.params):
            self._diverged(f"a parameter is not finite after step {self.number}")

    def _diverged(self, what: str) -> None:
        self.saver.wait()
        newest = self.saver.step
        kept = f"the newest checkpoint is of step {newest}" if newest else "there is no checkpoint"
        raise Diverged(f"{what}; {kept}")
