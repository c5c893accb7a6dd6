"""One process that trains: steps, and what is due after them."""

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import jax
import numpy as np

from jaxdl import distributed, train
from jaxdl.signals import Interrupted
from jaxdl.streaming import endings
from jaxdl.streaming.agreement import Agreement
from jaxdl.streaming.endings import Diverged
from jaxdl.streaming.log import ROWS, Log
from jaxdl.streaming.program import Carry, all_finite
from jaxdl.streaming.saving import Saver
from jaxdl.streaming.speed import Speed
from jaxdl.streaming.stream import Stream
from jaxdl.streaming.telling import Telling
from jaxdl.types import Array, Batch, Metrics, PyTree, TrainState


class Evaluation(NamedTuple):
    """What is measured every so many `steps`, and after the last one.

    measure: `state -> {name: number}`; a pure function, since a session repeats the steps that one
        before it had done behind its last checkpoint. Of several processes each calls it.
    best: the name of the metric by which the best state is kept, in `best`; NaN never is the best.
    """

    measure: Callable[[TrainState], Mapping[str, float | Array]]
    steps: int
    best: str | None = None
    mode: Literal["max", "min"] = "max"


class PendingRow(NamedTuple):
    """A row that is not written yet: of step `number`, the last of its steps.

    metrics, diverged_at: as in `Carry`; the device may still compute them. timed: how many of its
    steps the clock counts.
    """

    number: int
    metrics: Metrics
    diverged_at: Array
    timed: int


@dataclasses.dataclass
class Session:
    """Goes from step `number` to step `steps`.

    conditions: kept in every checkpoint. place: puts a batch where the step wants it. log: None in
    the processes that write nothing. zeros: metrics of no step. best: the best value so far.
    pending: written while the device computes the next step.
    """

    steps: int
    log_steps: int
    evaluation: Evaluation | None
    conditions: Mapping[str, str]
    advance: Callable[[Carry, Batch], Carry]
    stream: Stream
    place: Callable[[Batch], Batch]
    log: Log | None
    saver: Saver
    telling: Telling
    speed: Speed
    agreement: Agreement
    number: int
    carry: Carry
    zeros: Metrics
    best: float | None
    pending: PendingRow | None = None

    def train(self) -> TrainState:
        """The state after the last step, once that is on disk. Raises Interrupted if stopped."""
        every = self.evaluation.steps if self.evaluation else math.inf
        while self.number < self.steps:
            try:
                self._step()
            finally:  # a step that fails takes no row with it
                self._report()
            last = self.number == self.steps
            if last or self.number % self.log_steps == 0:
                _, sums, diverged_at = self.carry
                self.pending = PendingRow(self.number, sums, diverged_at, self.speed.take())
                self.carry = self.carry._replace(metrics=self.zeros)
            if self.evaluation and (last or self.number % every == 0):
                self._evaluate(self.evaluation)
            due = self.agreement.after(self.number, last)
            if due.save:
                self._save()
            if due.stop:
                self.agreement.end()
                raise Interrupted
        self.agreement.end()
        return self.carry.state

    def _step(self) -> None:
        batch = self.stream.first  # for one that cannot be read
        with self.agreement.held():
            batch = self._next()
        self.carry = self.advance(self.carry, self.place(batch))
        self.number += 1
        self.speed.tick(self.carry.diverged_at)

    def _next(self) -> Batch:
        try:
            return next(self.stream)
        except StopIteration:
            raise ValueError(
                f"the data end after {self.number} of {self.steps} steps; "
                "data.batches.epochs goes on without end"
            ) from None

    def _report(self) -> None:
        """Writes the row that is pending."""
        if self.pending is None:
            return
        row, self.pending = self.pending, None
        self._check(row.diverged_at)
        steps = (row.number - 1) % self.log_steps + 1
        sums = jax.device_get(row.metrics)
        with np.errstate(invalid="ignore", divide="ignore"):  # 0/0: of nothing that has a weight
            found = {f"train/{name}": float(value) for name, value in train.mean(sums).items()}
        speed = self.speed.read(row.timed, float(sums["loss"][1]) / steps)
        self._write(row.number, found | speed)

    def _write(self, number: int, row: Mapping[str, float]) -> None:
        if self.log is not None:
            with self.agreement.held():
                self.log.write(number, row)

    def _evaluate(self, evaluation: Evaluation) -> None:
        self._report()
        self._check(self.carry.diverged_at)
        with self.speed.aside():
            measured = {n: float(v) for n, v in evaluation.measure(self.carry.state).items()}
        self._write(self.number, {f"evaluation/{n}": v for n, v in measured.items()})
        if evaluation.best is None:
            return
        if evaluation.best not in measured:
            raise ValueError(f"best={evaluation.best!r} is none of {', '.join(measured)}")
        value = measured[evaluation.best]
        # As process 0 sees it, which keeps the best.
        if self.agreement.meet(self._is_best(value, evaluation.mode))[0, 0]:
            self._check_parameters()
            self.best = value
            held = self._held(self.carry.state)
            if distributed.is_first():
                with self.agreement.held():
                    self.saver.save_best(self.number, held, {evaluation.best: value})

    def _is_best(self, value: float, mode: str) -> bool:
        if self.best is None or not math.isfinite(value):
            return math.isfinite(value)
        return value > self.best if mode == "max" else value < self.best

    def _save(self) -> None:
        self._report()
        self.agreement.meet()  # if it could not be written, a checkpoint would be without it
        self._check(self.carry.diverged_at)
        self._check_parameters()
        positions, held = self.stream.positions(), self._held(self.carry)
        if self.log is None:
            self.saver.begin(self.number)
            return
        meta: dict[str, Any] = {
            "batches": positions,
            "log": self.log.position(),
            "best": self.best,
            "conditions": self.conditions,
        }
        with self.agreement.held():
            tell = functools.partial(self.telling.tell, meta["log"][ROWS])
            self.saver.save(self.number, held, meta, self.log.sync, tell)

    def _held(self, tree: PyTree) -> PyTree:
        """What process 0 can write; in a process alone it is fetched beside the training."""
        return tree if jax.process_count() == 1 else distributed.gathered(tree)

    def _check(self, diverged_at: Array) -> None:
        if (step := int(diverged_at)) >= 0:
            self._diverged(f"the loss is not finite at step {step}")

    def _check_parameters(self) -> None:
        if not all_finite(self.carry.state.params):
            self._diverged(f"a parameter is not finite after step {self.number}")

    def _diverged(self, what: str) -> None:
        with distributed.together(endings.code):
            if distributed.is_first():
                self.saver.wait()
                newest = self.saver.step
                kept = f"the newest checkpoint is of step {newest}"
                raise Diverged(f"{what}; {kept if newest else 'there is no checkpoint'}")
