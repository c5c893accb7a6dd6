"""Training on a stream, from wherever the workdir stands."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optax

from jaxdl import checkpoint, signals, train
from jaxdl._files import drop_drafts
from jaxdl.signals import Interrupted
from jaxdl.streaming import conditions, program
from jaxdl.streaming.conditions import Refused
from jaxdl.streaming.log import ROWS, Log
from jaxdl.streaming.program import Carry
from jaxdl.streaming.saving import CHECKPOINTS, Saver
from jaxdl.streaming.session import Evaluation, Session
from jaxdl.streaming.speed import Speed
from jaxdl.streaming.stream import Batches, Stream
from jaxdl.types import Task, TrainState

NO_CONFIG: Mapping[str, Any] = {}


def fit(
    task: Task,
    tx: optax.GradientTransformation,
    state: TrainState,
    batches: Batches,
    workdir: str | Path,
    *,
    steps: int,
    config: Mapping[str, Any] = NO_CONFIG,
    log_steps: int = 100,
    save_seconds: float | None = 60.0,
    save_steps: int | None = None,
    keep: int = 2,
    evaluation: Evaluation | None = None,
    peak_flops: float | None = None,
    step: train.Step = train.step,
    allow_config_change: bool = False,
    stop: Callable[[], bool] | None = None,
) -> TrainState:
    """Trains up to a number of steps in all, from `state` or from what is in the workdir.

    state: of `train.init`, before the first step; also the template of what is restored.
    batches: as the first session begins; later ones go on where the checkpoint says.
    config: plain values by name, kept in `config.json`; later sessions need the same.
    log_steps: a row of `train/` metrics holds their means over so many steps (see `log`).
    save_seconds, save_steps: a checkpoint is written, beside the training, so long after the last
        one, and after the last step; `keep` of them stay in `checkpoints`.
    peak_flops: operations a second that the devices can do, to log what share of it is used.
    allow_config_change: go on under other conditions; the best state is then looked for anew.
    stop: asked after each step; when true, the state is saved and Interrupted raised. By default
        SIGTERM and Ctrl-C ask for it, where the program does not handle them itself.
    Returns the state after the last step: at once, where the workdir has it. Raises Refused for
    other conditions than those of the sessions before, WorkdirBusy, CheckpointError if there are
    checkpoints and none is intact, Diverged, OSError if the disk fails, ValueError for numbers
    below 1 and for data that end too early.
    """
    _check_numbers(evaluation, steps=steps, log_steps=log_steps, save_steps=save_steps, keep=keep)
    workdir, config = Path(workdir), {**config, "steps": steps}
    with contextlib.ExitStack() as stack:
        _open(workdir, stack)
        changed = conditions.settled(workdir, config, allow_config_change)
        stopped = stack.enter_context(signals.until(stop, after="step"))
        saver = stack.enter_context(Saver(workdir, save_seconds, save_steps, keep))
        stream = Stream(batches)
        blank = program.blank(task, tx, step, state, stream.first)
        advance = program.compiled(task, tx, step)
        traced = advance.trace(blank, stream.first)
        facts = conditions.of(traced, stream.first)
        number, carry, meta = _begun(workdir, blank, stream, facts, allow_config_change)
        if number >= steps:
            print(f"{workdir} is complete: {number} steps", file=sys.stderr)
            return carry.state
        conditions.write(workdir, config)
        saver.begin(number)
        log = stack.enter_context(contextlib.closing(Log(workdir, meta["log"], number, steps)))
        flops = traced.lower().cost_analysis()["flops"] if peak_flops else None
        session = Session(
            steps=steps,
            log_steps=log_steps,
            evaluation=evaluation,
            conditions=facts,
            advance=advance,
            stream=stream,
            log=log,
            saver=saver,
            speed=Speed(flops, peak_flops),
            number=number,
            carry=carry,
            best=None if changed else meta["best"],
        )
        found = session.train(stopped)
        if stop is None and stopped():  # whoever asked the program to stop means all of it
            raise Interrupted
        return found


def _begun(
    workdir: Path, blank: Carry, stream: Stream, facts: Mapping[str, str], allow_change: bool
) -> checkpoint.Restored:
    """The newest checkpoint that is intact, with the stream behind it; the beginning if none is
    there."""
    found = checkpoint.restore(workdir / CHECKPOINTS, blank)
    if found is None:
        rows = workdir / ROWS
        if rows.exists() and rows.stat().st_size:
            warnings.warn(f"{workdir} has metrics and no checkpoint: it begins anew", stacklevel=3)
        return checkpoint.Restored(0, blank, {"log": {}, "best": None})
    if conditions.check(workdir, found.meta["conditions"], facts, allow_change):
        found.meta["best"] = None
    stream.move(found.meta["batches"])
    print(f"{workdir} goes on from step {found.step}", file=sys.stderr)
    return found


def _open(workdir: Path, stack: contextlib.ExitStack) -> None:
    """Holds the workdir until the stack ends. Raises Refused if it cannot be written."""
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        stack.enter_context(checkpoint.lock(workdir))
        drop_drafts(workdir)
    except OSError as error:
        raise Refused(f"{workdir} cannot be used: {error.strerror}") from None


def _check_numbers(evaluation: Evaluation | None, **numbers: float | None) -> None:
    if evaluation is not None:
        numbers["evaluation.steps"] = evaluation.steps
        if evaluation.mode not in ("max", "min"):
            raise ValueError(f"mode is 'max' or 'min', not {evaluation.mode!r}")
    for name, number in numbers.items():
        if number is not None and not number >= 1:
            raise ValueError(f"{name} must be 1 or more, not {number}")
