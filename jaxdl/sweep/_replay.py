"""A single trial of a sweep again, and how long a sweep will take."""

import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdl.sweep import chunk as chunks
from jaxdl.sweep import store
from jaxdl.sweep.chunk import Categories
from jaxdl.sweep.compilation import Program, state_shapes
from jaxdl.sweep.hosted import put
from jaxdl.sweep.placement import place, side_by_side
from jaxdl.sweep.programs import compile_run
from jaxdl.sweep.run import Data, Run
from jaxdl.sweep.space import Trial
from jaxdl.types import TrainState

LONG = 1.0
"""Seconds of a segment from which on what the first one takes besides is nothing."""


def replay(
    run: Run,
    trial: Trial,
    data: Data,
    *,
    segments: int,
    lanes: int,
    categories: Categories | None = None,
    row: Mapping[str, Any] | None = None,
    batched: bool = False,
) -> TrainState:
    """The state at the end of one trial, with the bits it had in the sweep.

    lanes: that of the trial's row: the same compiled program runs again, its other lanes idle.
    batched: as the sweep was.
    row: of the trial; warns if the state found is evaluated otherwise than it says.
    """
    program, data = _compiled(run, [trial], data, categories or {}, lanes, batched)
    first = np.arange(program.lanes) == 0
    state, _ = _advance(program, trial, data, categories or {}, segments, first)
    if row is not None:
        hparams = _in_all_lanes(program, trial, categories or {})
        measured = jax.device_get(program.evaluate(hparams, state, first, data))
        other = [name for name, values in measured.items() if not _same(row.get(name), values[0])]
        if other:
            warnings.warn(
                f"trial {row.get('trial')} run again has {other[0]} {measured[other[0]][0]}, its "
                f"row says {row.get(other[0])}: what follows is not of the very model of the row",
                stacklevel=2,
            )
    return jax.tree.map(lambda leaf: leaf[0], state)


def _same(said: float | None, measured: float | np.number) -> bool:
    number = np.nan if said is None else said
    return bool(np.isclose(number, float(measured), rtol=0, atol=0, equal_nan=True))


def kept_state(
    workdir: str | Path,
    run: Run,
    trial: Trial,
    row: Mapping[str, Any],
    data: Data,
    categories: Categories | None = None,
) -> TrainState | None:
    """The state at the end of the trial of a row, as the sweep kept it; None if it did not.

    The sweep is one of `keep_states`: what comes back are the very numbers that the row is of.
    """
    one = state_shapes(run, chunks.columns([trial], categories or {}), data)
    return store.kept_state(Path(workdir), row, one)


def predict_seconds(
    programs: Mapping[str, Run],
    trials: Sequence[Trial],
    data: Data,
    *,
    segments: int,
    categories: Categories | None = None,
    tell: Callable[[str], None] = lambda name: None,
    batched: bool = False,
) -> float:
    """Seconds that `execute` will need here, from each program compiled and one of its segments.

    tell: called with the name of each program before it is measured. batched: as the sweep will be.
    """
    seconds = 0.0
    for name in dict.fromkeys(trial.program for trial in trials):
        tell(name)
        mine = [trial for trial in trials if trial.program == name]
        compiling, each = _measured(programs[name], mine, data, categories or {}, batched)
        seconds += compiling + each * segments * len(mine)
    return seconds


def _measured(
    run: Run, trials: Sequence[Trial], data: Data, categories: Categories, batched: bool
) -> tuple[float, float]:
    """Seconds of compilation, and of a segment of one trial among many."""
    placement = place(batched=batched)
    program, data = _compiled(run, trials, data, categories, None, batched)
    alive = np.ones(program.lanes, bool)
    if placement.over_lanes is not side_by_side:
        # One lane a device tells the cost of all: they run one after another.
        alive = np.arange(program.lanes) % (program.lanes // placement.mesh.size) == 0
    _, seconds = _advance(program, trials[0], data, categories, 1, alive)
    if seconds < LONG:
        _, seconds = _advance(program, trials[0], data, categories, 2, alive)
    return program.compile_seconds, seconds / alive.sum()


def _compiled(
    run: Run,
    trials: Sequence[Trial],
    data: Data,
    categories: Categories,
    lanes: int | None,
    batched: bool,
) -> tuple[Program, Data]:
    placement = place(batched=batched)
    data = put(data, placement.everywhere)
    hparams = chunks.columns(trials, categories)
    return compile_run(run, placement, hparams, data, len(trials), lanes), data


def _advance(
    program: Program,
    trial: Trial,
    data: Data,
    categories: Categories,
    segments: int,
    alive: np.ndarray,
) -> tuple[Any, float]:
    """State of the lanes after some segments, and the seconds of the last one."""
    hparams = _in_all_lanes(program, trial, categories)
    state = program.init(hparams, np.full(program.lanes, trial.seed, np.uint32), data)
    seconds = 0.0
    for _ in range(segments):
        began = time.perf_counter()
        state, *_ = jax.block_until_ready(program.advance(hparams, state, alive, data))
        seconds = time.perf_counter() - began
    return state, seconds


def _in_all_lanes(program: Program, trial: Trial, categories: Categories) -> dict[str, np.ndarray]:
    return chunks.in_lanes([trial], categories, np.zeros(program.lanes, int))
