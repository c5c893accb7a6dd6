"""From a model to a Task, one kind a file."""

from jaxdl.tasks.classification import classification
from jaxdl.tasks.regression import regression
from jaxdl.tasks.supervised import supervised

TASKS = {"classification": classification, "regression": regression}

__all__ = ["TASKS", "classification", "regression", "supervised"]
