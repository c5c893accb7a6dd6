"""Weights & Biases: a run each, on this machine unless the user says otherwise."""

import hashlib
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxdl.trackers.tracker import Identity, Row, Tracker, package, place


def wandb(workdir: str | Path) -> Tracker:
    """Into `wandb/` of the workdir, for `wandb sync`; nothing is sent.

    With `WANDB_MODE=online` in the environment, and only then, runs are sent as they are told; its
    other variables (`WANDB_PROJECT`, `WANDB_ENTITY` ...) hold too. The project is by default called
    as the workdir. Raises Unavailable without the package wandb.
    """
    folder, mode = Path(workdir), os.environ.get("WANDB_MODE")
    mode = mode if mode in ("online", "disabled") else "offline"
    # Crashes of the client are reported to its makers unless this is said before the import.
    os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    client = package("wandb")

    def begin(identity: Identity) -> _Record:
        told = "/".join((place(folder), identity.id, identity.version))
        name = hashlib.sha256(told.encode()).hexdigest()[:16]
        # What a process told that was killed is told again from the beginning.
        for left in (folder / "wandb").glob(f"offline-run-*-{name}"):
            shutil.rmtree(left)
        run = client.init(
            project=os.environ.get("WANDB_PROJECT") or folder.resolve().name,
            id=name,
            name=identity.name,
            group=identity.group,
            config=dict(identity.hparams),
            dir=str(folder),
            mode=mode,
            resume="allow" if mode == "online" else None,
            reinit="create_new",
            settings=client.Settings(
                silent=True,
                console="off",
                disable_code=True,
                disable_git=True,
                disable_job_creation=True,
                save_code=False,
                x_disable_meta=True,
                x_disable_stats=True,
            ),
        )
        return _Record(run)

    return begin


class _Record:
    """W&B counts steps up: of what it has already, nothing is taken again."""

    def __init__(self, run: Any):
        self._run = run

    def write(self, rows: Iterable[Row]) -> None:
        for step, values in rows:
            if step >= self._run.starting_step:
                self._run.log(dict(values), step=step)

    def end(self, status: str | None) -> None:
        if status is not None:
            self._run.summary["status"] = status
        self._run.finish(exit_code=0 if status in (None, "ok") else 1)
