"""A ledger as a sweep could have written it, for everything that reads one."""

import jax
import numpy as np

from jaxdl import sweep
from jaxdl.sweep import chunk, ledger, programs, store
from jaxdl.sweep.results import collect


class Unrun(sweep.Plan):
    """A plan whose trials are replayed as they begin, untrained."""

    __slots__ = ()

    def replay(self, row):
        trial = next(trial for trial in self.trials if sweep.trial_id(trial) == row["trial"])
        columns = chunk.columns([trial], self.categories)
        hparams = {name: values[0] for name, values in columns.items()}
        return self.programs[trial.program].init(hparams, jax.random.key(trial.seed), self.data)


def shapes(plan, name):
    """Shapes of a program's curves and evaluations, by tracing alone."""
    run = plan.programs[name]
    trials = [trial for trial in plan.trials if trial.program == name]
    hparams = chunk.columns(trials, plan.categories)
    one = {key: jax.ShapeDtypeStruct((), values.dtype) for key, values in hparams.items()}
    state = programs.state_shapes(run, hparams, plan.data)
    state, curves = jax.eval_shape(run.advance, one, state, plan.data)
    return curves, jax.eval_shape(run.evaluate, one, state, plan.data)


def results(plan, workdir, *, diverged=1, missing=1):
    """Rows and curves of all trials: the first `diverged` have no numbers, the last are not there.

    Metrics lie between 0 and 1 and curves are positive; they differ from trial to trial.
    """
    rng = np.random.default_rng(0)
    known = {name: shapes(plan, name) for name in plan.programs}
    rows, ids = [], []
    length = {}
    for curves, _ in known.values():
        for name, shape in curves.items():
            length[name] = max(length.get(name, 0), plan.segments * shape.shape[0])
    arrays = {
        name: np.full((len(plan.trials), n), np.nan, np.float32) for name, n in length.items()
    }
    for number, trial in enumerate(plan.trials[: len(plan.trials) - missing]):
        curves, metrics = known[trial.program]
        lost = number < diverged
        measured = {name: None if lost else float(rng.beta(4, 2)) for name in metrics}
        outcome = {"status": "diverged" if lost else "ok", "steps": 4, **measured}
        labels = plan.labels.get(trial.program, {})
        rows.append(store.row(trial, labels, outcome, {"lanes": 2, "fingerprint": "synthetic"}))
        ids.append(rows[-1]["trial"])
        for name, shape in curves.items():
            count = plan.segments * shape.shape[0]
            arrays[name][number, :count] = np.nan if lost else rng.lognormal(0, 0.5, count)
    ledger.append(workdir / store.LEDGER, rows)
    kept = {name: values[: len(ids)] for name, values in arrays.items()}
    np.savez(workdir / store.CURVES, trial=np.array(ids, str), **kept)
    return collect(workdir, plan.trials)
