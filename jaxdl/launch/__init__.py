"""Launching of experiments, and loading of what they found."""

from jaxdl.launch.best import load, save_best
from jaxdl.launch.config import Field, UserError, choose, choose_all
from jaxdl.launch.runner import Conclusion, Experiment, Plan, main

__all__ = [
    "Conclusion",
    "Experiment",
    "Field",
    "Plan",
    "UserError",
    "choose",
    "choose_all",
    "load",
    "main",
    "save_best",
]
