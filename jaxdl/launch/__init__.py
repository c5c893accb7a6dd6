"""Launching of experiments, and loading of what they found."""

from jaxdl.launch.best import load, save_best
from jaxdl.launch.config import Field, UserError, choose, choose_all
from jaxdl.launch.dataset import DATASET
from jaxdl.launch.runner import Conclusion, Experiment, Plan, Use, main, segments

__all__ = [
    "DATASET",
    "Conclusion",
    "Experiment",
    "Field",
    "Plan",
    "Use",
    "UserError",
    "choose",
    "choose_all",
    "load",
    "main",
    "save_best",
    "segments",
]
