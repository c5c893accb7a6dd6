"""Training on a stream, from wherever the workdir stands."""

import contextlib
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import optax

from jaxdl import checkpoint, distributed, train
from jaxdl._files import drop_drafts
from jaxdl.operations import counted
from jaxdl.parallel import StepOver
from jaxdl.signals import Interrupted
from jaxdl.streaming import agreement, conditions, endings, program
from jaxdl.streaming.agreement import Agreement
from jaxdl.streaming.conditions import Refused
from jaxdl.streaming.log import ROWS, Log
from jaxdl.streaming.program import Carry
from jaxdl.streaming.saving import CHECKPOINTS, Saver
from jaxdl.streaming.session import Evaluation, Session
from jaxdl.streaming.speed import Speed
from jaxdl.streaming.stream import Batches, Stream
from jaxdl.streaming.telling import telling
from jaxdl.trackers import Tracker
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
    trackers: Sequence[Tracker] = (),
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
    step: `parallel.StepOver` trains over many devices and processes, of which each calls `fit`.
        Process 0 alone writes and speaks; what ends one ends all, after the same step.
    stop: asked after each step; when true, in one process at least, the state is saved and
        Interrupted raised. By default SIGTERM and Ctrl-C ask for it, where the program does not
        handle them itself.
    trackers: of `jaxdl.trackers`, told the rows that a checkpoint holds once it is on disk.
    Returns the state after the last step: at once, where the workdir has it. Raises Refused for
    other conditions than those of the sessions before, WorkdirBusy, CheckpointError if there are
    checkpoints and none is intact, Diverged, OSError if the disk fails, ValueError for numbers
    below 1 and for data that end too early; one of several processes raises it, and
    `distributed.Ended`, with the same exit code, all others.
    """
    _check_numbers(evaluation, steps=steps, log_steps=log_steps, save_steps=save_steps, keep=keep)
    _check_step(step)
    workdir, config = Path(workdir), {**config, "steps": steps}
    with contextlib.ExitStack() as stack, distributed.one_end():
        changed = _opened(workdir, config, allow_config_change, stack)
        asks = stack.enter_context(agreement.requests(stop))
        told = stack.enter_context(
            telling(workdir, config, trackers if distributed.is_first() else ())
        )
        saver = stack.enter_context(Saver(workdir, save_seconds, save_steps, keep))
        with distributed.together(endings.code):
            stream = Stream(batches)
            blank = program.blank(task, tx, step, state, stream.first)
            traced = program.compiled(task, tx, program.plain(step)).trace(
                *program.shapes((blank, stream.first))
            )
        asked = evaluation and evaluation[1:]
        settings = {**config, "log_steps": log_steps, "evaluation": asked, "stop": stop is not None}
        conditions.check_shared(settings, traced, stream.first)
        facts = conditions.of(traced, distributed.gathered(stream.first))
        with distributed.together(endings.code):
            number, carry, meta = _begun(workdir, blank, stream, facts, allow_config_change)
        conditions.check_same_step(workdir, number)
        told.tell(meta["log"].get(ROWS, 0) if distributed.is_first() else 0)
        if number >= steps:
            _say(f"{workdir} is complete: {number} steps")
            return carry.state
        saver.begin(number)
        log = _logged(workdir, config, meta, number, stack)
        flops = jax.process_count() * counted(traced.jaxpr) if peak_flops else None
        session = Session(
            steps=steps,
            log_steps=log_steps,
            evaluation=evaluation,
            conditions=facts,
            advance=program.compiled(task, tx, step),
            stream=stream,
            place=step.place if isinstance(step, StepOver) else lambda batch: batch,
            log=log,
            saver=saver,
            telling=told,
            speed=Speed(flops, peak_flops),
            agreement=Agreement(saver, asks, log_steps, number),
            number=number,
            carry=carry,
            zeros=blank.metrics,
            best=None if changed else meta["best"],
        )
        found = session.train()
        if stop is None and asks is not None and asks():
            raise Interrupted  # whoever asked the program to stop means all of it
        return found


def _begun(
    workdir: Path, blank: Carry, stream: Stream, facts: Mapping[str, str], allow_change: bool
) -> checkpoint.Restored:
    """The newest checkpoint that is intact, with the stream behind it; the beginning if none is
    there. Only process 0 says what it finds."""
    with warnings.catch_warnings():
        if not distributed.is_first():
            warnings.simplefilter("ignore")
        found = checkpoint.restore(workdir / CHECKPOINTS, blank)
    if found is None and not distributed.is_first():
        return checkpoint.Restored(0, blank, {"best": None})
    if found is None:
        rows = workdir / ROWS
        if rows.exists() and rows.stat().st_size:
            warnings.warn(f"{workdir} has metrics and no checkpoint: it begins anew", stacklevel=3)
        return checkpoint.Restored(0, blank, {"log": {}, "best": None})
    if distributed.is_first() and conditions.check(
        workdir, found.meta["conditions"], facts, allow_change
    ):
        found.meta["best"] = None
    stream.move(found.meta["batches"])
    _say(f"{workdir} goes on from step {found.step}")
    return found


def _opened(
    workdir: Path, config: Mapping[str, Any], allow_change: bool, stack: contextlib.ExitStack
) -> bool:
    """Process 0 holds the workdir until the stack ends. Whether the configuration is another one.

    Raises Refused if it must not be, or the workdir cannot be written.
    """
    with distributed.together(endings.code):
        if not distributed.is_first():
            return False
        try:
            workdir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(checkpoint.lock(workdir))
            drop_drafts(workdir)
        except OSError as error:
            raise Refused(f"{workdir} cannot be used: {error.strerror}") from None
        return conditions.settled(workdir, config, allow_change)


def _logged(
    workdir: Path,
    config: Mapping[str, Any],
    meta: Mapping[str, Any],
    number: int,
    stack: contextlib.ExitStack,
) -> Log | None:
    """What process 0 writes metrics to."""
    with distributed.together(endings.code):
        if not distributed.is_first():
            return None
        conditions.write(workdir, config)
        log = Log(workdir, meta["log"], number, config["steps"])
        stack.enter_context(contextlib.closing(log))
        return log


def _say(text: str) -> None:
    if distributed.is_first():
        print(text, file=sys.stderr)


def _check_step(step: train.Step) -> None:
    count = jax.process_count()
    devices = [*step.mesh.devices.flat] if isinstance(step, StepOver) else []
    if count > 1 and len({device.process_index for device in devices}) < count:
        raise ValueError(
            f"there are {count} processes: step=parallel.StepOver(mesh), with a mesh of the "
            "devices of all of them, trains over these"
        )


def _check_numbers(evaluation: Evaluation | None, **numbers: float | None) -> None:
    if evaluation is not None:
        numbers["evaluation.steps"] = evaluation.steps
        if evaluation.mode not in ("max", "min"):
            raise ValueError(f"mode is 'max' or 'min', not {evaluation.mode!r}")
    for name, number in numbers.items():
        if number is not None and not number >= 1:
            raise ValueError(f"{name} must be 1 or more, not {number}")
