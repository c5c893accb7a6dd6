"""Bias and variance, told from errors."""

import math
from typing import NamedTuple


class Diagnosis(NamedTuple):
    """bias: training error above the target; variance: dev error above the training error."""

    bias: float
    variance: float
    high_bias: bool
    high_variance: bool

    @property
    def finding(self) -> str:
        """In words."""
        names = ("high bias",) * self.high_bias + ("high variance",) * self.high_variance
        return " and ".join(names) or "near the target"


def diagnose(
    train_error: float, dev_error: float, target_error: float, tolerance: float
) -> Diagnosis:
    """Bias and variance from three errors, all in one unit; more than `tolerance` is high.

    High bias asks for a larger model, longer training or a better optimizer; high variance for more
    data or more regularization. Source: Ng, Machine Learning Yearning, 2018, chapters 20 to 24.
    Raises ValueError for an error that is not finite.
    """
    if not all(map(math.isfinite, (train_error, dev_error, target_error))):
        raise ValueError(
            f"errors {train_error}, {dev_error} and {target_error} are not all finite: no diagnosis"
        )
    bias, variance = train_error - target_error, dev_error - train_error
    return Diagnosis(bias, variance, bool(bias > tolerance), bool(variance > tolerance))
