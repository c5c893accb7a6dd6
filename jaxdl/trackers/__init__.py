"""Rows of metrics, told to whoever keeps them: TensorBoard, Weights & Biases, MLflow.

What is on disk in the workdir is the truth, and a tracker is told it again from the first row on
whenever a process goes on, so that it neither loses a row nor has one twice. Nothing leaves the
machine unless the environment says where to: see `wandb` and `mlflow`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from jaxdl.trackers._mlflow import mlflow
from jaxdl.trackers._tensorboard import tensorboard
from jaxdl.trackers._wandb import wandb
from jaxdl.trackers.tracker import Identity, Record, Row, Tracker, Unavailable

TRACKERS: Mapping[str, Callable[[str | Path], Tracker]] = {
    "tensorboard": tensorboard,
    "wandb": wandb,
    "mlflow": mlflow,
}
"""By name, each made from the workdir of a run."""

__all__ = [
    "TRACKERS",
    "Identity",
    "Record",
    "Row",
    "Tracker",
    "Unavailable",
    "mlflow",
    "tensorboard",
    "wandb",
]
