"""MLflow: a run each, in a database of the workdir unless the user names another place."""

import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jaxdl.trackers.tracker import Identity, Row, Tracker, package, place

AT_ONCE = 1000
"""Numbers that MLflow takes in a call."""
PARAMS_AT_ONCE = 100
STATUS = {"ok": "FINISHED", "pruned": "KILLED"}
VERSION, RUN, WORKDIR = "jaxdl.version", "jaxdl.run", "jaxdl.workdir"


def mlflow(workdir: str | Path) -> Tracker:
    """Into `mlflow.db` of the workdir, for `mlflow ui --backend-store-uri sqlite:///…`.

    `MLFLOW_TRACKING_URI` in the environment names another place, which may be a server, and
    `MLFLOW_EXPERIMENT_NAME` another experiment than one that is called as the workdir. Raises
    Unavailable without mlflow (or mlflow-skinny), SQLAlchemy and alembic.
    """
    folder = Path(workdir)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read at the import
    package("mlflow-skinny")
    own = folder.resolve() / "mlflow.db"
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{own}"
    if uri.startswith("sqlite"):
        package("sqlalchemy")
        package("alembic")
    from mlflow.tracking import MlflowClient

    client: Any = None
    experiment = ""

    def begin(identity: Identity) -> _Record:
        nonlocal client, experiment
        if client is None:
            if uri == f"sqlite:///{own}" and not own.exists():
                _make(own)
            client = MlflowClient(tracking_uri=uri)
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or folder.resolve().name
            known = client.get_experiment_by_name(name)
            experiment = known.experiment_id if known else client.create_experiment(name)
        return _Record(client, _run(client, experiment, place(folder), identity))

    return begin


def _make(database: Path) -> None:
    """Whole or not at all: one that a kill left half made MLflow never opens again."""
    from mlflow.tracking import MlflowClient

    draft = database.with_name(f".{database.name}.draft")
    for left in database.parent.glob(f"{draft.name}*"):  # with a journal of its own
        left.unlink()
    MlflowClient(tracking_uri=f"sqlite:///{draft}").search_experiments(max_results=1)
    os.replace(draft, database)


def _run(client: Any, experiment: str, workdir: str, identity: Identity) -> Any:
    """The run of this identity, with its parameters; those of other versions are deleted."""
    tags = {RUN: identity.id, WORKDIR: workdir, VERSION: identity.version}
    wanted = f"tags.`{RUN}` = '{identity.id}' and tags.`{WORKDIR}` = '{workdir}'"
    mine = None
    for run in client.search_runs([experiment], wanted):
        if mine is None and run.data.tags.get(VERSION) == identity.version:
            mine = run
        else:
            client.delete_run(run.info.run_id)
    if mine is None:
        tags |= {"group": identity.group}
        mine = client.create_run(experiment, tags=tags, run_name=identity.name)
    from mlflow.entities import Param

    missing = [
        Param(name, str(value))
        for name, value in identity.hparams.items()
        if name not in mine.data.params
    ]
    for begin in range(0, len(missing), PARAMS_AT_ONCE):
        client.log_batch(mine.info.run_id, params=missing[begin : begin + PARAMS_AT_ONCE])
    return mine


class _Record:
    def __init__(self, client: Any, run: Any):
        self._client, self._id = client, run.info.run_id
        self._there = {
            (name, found.step)
            for name in run.data.metrics
            for found in client.get_metric_history(self._id, name)
        }

    def write(self, rows: Iterable[Row]) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        new = [
            Metric(name, value, now, step)
            for step, values in rows
            for name, value in values.items()
            if (name, step) not in self._there
        ]
        for begin in range(0, len(new), AT_ONCE):
            self._client.log_batch(self._id, metrics=new[begin : begin + AT_ONCE])
        self._there |= {(metric.key, metric.step) for metric in new}

    def end(self, status: str | None) -> None:
        if status is not None:
            self._client.set_terminated(self._id, status=STATUS.get(status, "FAILED"))
