"""Launching of experiments, and loading of what they found."""

from jaxdl.launch._export import export
from jaxdl.launch.best import load, read_best, save_best
from jaxdl.launch.dataset import DatasetConfig, read
from jaxdl.launch.experiment import Conclusion, Experiment, Use
from jaxdl.launch.fields import Config, UserError, choose, choose_all, setting
from jaxdl.launch.runner import main
from jaxdl.launch.settings import rates, widths

__all__ = [
    "Conclusion",
    "Config",
    "DatasetConfig",
    "Experiment",
    "Use",
    "UserError",
    "choose",
    "choose_all",
    "export",
    "load",
    "main",
    "rates",
    "read",
    "read_best",
    "save_best",
    "setting",
    "widths",
]
