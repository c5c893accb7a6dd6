"""A ledger as a sweep could have written it, for everything that reads one."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import sweep
from jaxdl.sweep import chunk, compilation, ledger, store
from jaxdl.sweep.results import collect


class Unrun(sweep.Plan):
    """A plan whose replays have states of the right shapes, with numbers that mean nothing."""

    __slots__ = ()

    def replay(self, row):
        trial = next(trial for trial in self.trials if sweep.trial_id(trial) == row["trial"])
        columns = chunk.columns([trial], self.categories)
        shapes = compilation.state_shapes(self.programs[trial.program], columns, self.data)
        rng = np.random.default_rng(trial.seed)
        return jax.tree.map(lambda leaf: _some(rng, leaf), shapes)


def shapes(plan, name):
    """Shapes of a program's curves and evaluations, by tracing alone."""
    run = plan.programs[name]
    trials = [trial for trial in plan.trials if trial.program == name]
    hparams = chunk.columns(trials, plan.categories)
    one = {key: jax.ShapeDtypeStruct((), values.dtype) for key, values in hparams.items()}
    state = compilation.state_shapes(run, hparams, plan.data)
    state, curves = jax.eval_shape(run.advance, one, state, plan.data)
    return curves, jax.eval_shape(run.evaluate, one, state, plan.data)


def results(plan, workdir, missing=1):
    """Rows and curves of all trials but the last `missing`; the first has diverged.

    Metrics and curves lie between 0 and 1, and differ from trial to trial.
    """
    rng = np.random.default_rng(0)
    known = {name: shapes(plan, name) for name in plan.programs}
    rows, ids = [], []
    length = {}
    for curves, metrics in known.values():
        for name, count in _lengths(plan, curves, metrics).items():
            length[name] = max(length.get(name, 0), count)
    arrays = {
        name: np.full((len(plan.trials), n), np.nan, np.float32) for name, n in length.items()
    }
    for number, trial in enumerate(plan.trials[: len(plan.trials) - missing]):
        curves, metrics = known[trial.program]
        lost = number == 0
        measured = {name: None if lost else float(rng.beta(4, 2)) for name in metrics}
        outcome = {"status": "diverged" if lost else "ok", "steps": 4, **measured}
        labels = plan.labels.get(trial.program, {})
        rows.append(store.row(trial, labels, outcome, {"lanes": 2, "fingerprint": "synthetic"}))
        ids.append(rows[-1]["trial"])
        for name, count in _lengths(plan, curves, metrics).items():
            if not lost:
                arrays[name][number, :count] = rng.beta(4, 2, count)
    ledger.append(workdir / store.LEDGER, rows)
    kept = {name: values[: len(ids)] for name, values in arrays.items()}
    np.savez(workdir / store.CURVES, trial=np.array(ids, str), **kept)
    return collect(workdir, plan.trials)


def in_turn(calls, repeats, steps=1):
    """What `clocks.in_turn` could have measured, without calling anything."""
    rng = np.random.default_rng(0)
    return {name: rng.uniform(0.5, 1.5, repeats) for name in calls}


def _lengths(plan, curves, metrics):
    """Of the curves by step, and of the evaluations by segment."""
    by_step = {name: plan.segments * shape.shape[0] for name, shape in curves.items()}
    return by_step | dict.fromkeys(metrics, plan.segments)


def _some(rng, leaf):
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.key(0)
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.asarray(np.abs(rng.normal(0.1, 0.05, leaf.shape)), leaf.dtype)
    return jnp.zeros(leaf.shape, leaf.dtype)
