"""What a sweep found, read back from disk."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from jaxdl.sweep import ledger, store
from jaxdl.sweep.space import Trial, trial_id


class Results(NamedTuple):
    """Rows of the ledger, in the order of the trials, and where the curves lie."""

    rows: list[dict[str, Any]]
    workdir: Path

    def to_pandas(self) -> Any:
        """The rows as a DataFrame."""
        return ledger.to_pandas(self.rows)

    def curves(self) -> dict[str, np.ndarray]:
        """`trial: [N]` ids, `loss: [N, steps]` in training, evaluations `[N, segments]`; nan where
        a trial had stopped."""
        with np.load(self.workdir / store.CURVES, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def collect(workdir: Path, trials: Sequence[Trial]) -> Results:
    """Merges the curves and reads the ledger back."""
    store.gather_curves(workdir, trials)
    rows = {row["trial"]: row for row in ledger.read(workdir / store.LEDGER)}
    ids = [trial_id(trial) for trial in trials]
    return Results([rows[name] for name in ids if name in rows], workdir)
