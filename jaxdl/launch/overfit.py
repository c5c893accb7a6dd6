"""Can each program memorize a few examples? The first thing to ask of a new model, loss or rate."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import jax
import numpy as np

from jaxdl import report, sweep
from jaxdl.launch.fields import UserError
from jaxdl.sweep.plans import Plan
from jaxdl.sweep.space import Trial
from jaxdl.types import Array, PyTree

EXAMPLES = 8
TRIALS = 16
SHARE = 0.01


def check_overfit(plan: Plan) -> bool:
    """Runs up to TRIALS trials of each program on EXAMPLES training examples alone, and tells.

    A program has memorized them if in its best trial the mean loss of the last tenth of the steps
    is below SHARE of the loss at the first. One that cannot is wrong somewhere, or too small, or
    too slow, or regularized. A loss that does not begin above 0 has no such scale, and no verdict.
    Prints a table; True if none failed. Raises UserError if the data have no such examples.
    """
    _check(plan)

    data = {**plan.data, "train": _few(plan.data["train"])}
    trials = [trial for name in plan.programs for trial in _some(plan.trials, name)]
    with tempfile.TemporaryDirectory() as folder:
        results = plan._replace(data=data, trials=trials, keep_states=False).execute(
            Path(folder), progress=sweep.reporter()
        )
        curves = results.curves()["loss"]
    first = curves[:, 0]
    last = curves[:, -max(1, curves.shape[1] // 10) :].mean(axis=1)
    programs = np.array([trial.program for trial in trials])
    rows, memorized = [], []
    for name in plan.programs:
        mine = np.flatnonzero((programs == name) & np.isfinite(last))
        best = min(mine, key=lambda i: last[i], default=None)
        if best is None:
            rows.append((name, report.number(None), report.number(None), "no", "none ended"))
            memorized.append(False)
            continue
        losses = (report.number(first[best]), report.number(last[best]))
        scaled = first[best] > 0
        memorized.append(bool(last[best] < SHARE * first[best]) or not scaled)
        answer = "no scale" if not scaled else "yes" if memorized[-1] else "no"
        rows.append((name, *losses, answer, _words(trials[best])))
    header = ("program", "first loss", "last loss", "memorized", "best of the trials tried")
    caption = (
        f"Trained on {EXAMPLES} examples alone, up to {TRIALS} trials a program. Memorized: the "
        f"last tenth of the steps has less than {SHARE:.0%} of the first loss."
    )
    report.show(report.Table(header, tuple(rows), frozenset({1, 2}), caption))
    return all(memorized)


def _check(plan: Plan) -> None:
    """Raises UserError unless `train` is arrays of one length, a row for each example."""
    if isinstance(plan.data.get("train"), sweep.Hosted):
        raise UserError("--check_overfit: training data that are Hosted are not cut; give fewer")
    lengths = {len(leaf) for leaf in jax.tree.leaves(plan.data.get("train", {}))}
    if len(lengths) != 1 or min(lengths) < EXAMPLES // 2:
        raise UserError("--check_overfit: this experiment has no training examples row by row")


def _few(arrays: "PyTree") -> "PyTree":
    """The same arrays with EXAMPLES rows (or all, if fewer), repeated: no shape changes."""

    def repeat(array: "Array | np.ndarray") -> "Array | np.ndarray":
        count = min(EXAMPLES, len(array))
        chosen = np.linspace(0, len(array) - 1, count).astype(int)
        return array[chosen[np.arange(len(array)) % count]]

    return jax.tree.map(repeat, arrays)


def _some(trials: Sequence[Trial], program: str) -> Sequence[Trial]:
    mine = [trial for trial in trials if trial.program == program]
    return mine[:: -(-len(mine) // TRIALS)]


def _words(trial: Trial) -> str:
    parts = (f"{n} {v:g}" if isinstance(v, float) else f"{n} {v}" for n, v in trial.hparams.items())
    return ", ".join([*parts, f"seed {trial.seed}"])
