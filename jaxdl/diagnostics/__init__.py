"""Diagnostics of training: signals, gradients, bias and variance."""

from jaxdl.diagnostics.fitting import NEAR_ZERO, Overfit, overfit_batch
from jaxdl.diagnostics.flow import flow_frame, gradient_flow, is_near_one, is_zero
from jaxdl.diagnostics.signals import (
    gradient_norm_by_step,
    largest_singular_value,
    signal_by_layer,
)
from jaxdl.stats.diagnosis import Diagnosis, diagnose

__all__ = [
    "NEAR_ZERO",
    "Diagnosis",
    "Overfit",
    "diagnose",
    "flow_frame",
    "gradient_flow",
    "gradient_norm_by_step",
    "is_near_one",
    "is_zero",
    "largest_singular_value",
    "overfit_batch",
    "signal_by_layer",
]
