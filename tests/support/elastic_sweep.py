"""`tiny_sweep` as a plan, for workers; each of its parts takes as long as it is told to."""

import time

import jax
from support import tiny_sweep as tiny

from jaxdl import sweep


def plan(seconds=0.0, halving=False, points=3):
    """Two programs; a trial's segment takes so many seconds more."""
    rates = [0.01 * 2**n for n in range(points)]
    trials = sweep.trials(
        list(tiny.PROGRAMS),
        sweep.grid(initializer=tiny.NAMES, learning_rate=rates),
        range(2),
    )
    return sweep.Plan(
        {name: slow(run, seconds) for name, run in tiny.PROGRAMS.items()} if seconds else tiny.PROGRAMS,
        trials,
        tiny.DATA,
        segments=tiny.SEGMENTS,
        categories={"initializer": tiny.NAMES},
        prune=tiny.HALVING if halving else None,
    )


def slow(run, seconds):
    def advance(hparams, state, data):
        jax.debug.callback(lambda _: time.sleep(seconds), hparams["learning_rate"])
        return run.advance(hparams, state, data)

    return run._replace(advance=advance)
