"""Launching of experiments, and loading of what they found."""

from jaxdl.launch.best import load, save_best
from jaxdl.launch.config import Config, Field, UserError, choose, choose_all, setting
from jaxdl.launch.dataset import DATASET, DatasetConfig
from jaxdl.launch.experiment import Conclusion, Experiment, Use
from jaxdl.launch.runner import main
from jaxdl.sweep.plans import Plan, segments

__all__ = [
    "DATASET",
    "Conclusion",
    "Config",
    "DatasetConfig",
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
    "setting",
]
