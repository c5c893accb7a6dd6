"""Bias and variance told from errors, and whether a model can memorize a batch."""

import math
from typing import NamedTuple

import jax
import optax

from jaxdl import train
from jaxdl.types import Array, Batch, Task

NEAR_ZERO = 0.01


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


class Overfit(NamedTuple):
    """Mean metrics (`loss`, `accuracy` ...) before and after; memorized: the loss came near 0."""

    first: dict[str, float]
    last: dict[str, float]
    memorized: bool


def overfit_batch(
    task: Task,
    tx: optax.GradientTransformation,
    key: Array,
    batch: Batch,
    steps: int,
    near_zero: float = NEAR_ZERO,
) -> Overfit:
    """Trains on one small batch alone: a model, loss and optimizer that work can memorize it.

    near_zero: in the unit of the loss. A loss that does not get there points to an error in the
    code or at a model or rate that is too small, before any time is spent on the whole data.
    """

    @jax.jit
    def run(key: Array, batch: Batch) -> tuple[dict[str, Array], dict[str, Array]]:
        state = train.init(task, tx, key, batch)
        first = train.measure(task, state, batch)
        state, _ = jax.lax.scan(
            lambda state, _: (train.step(task, tx, state, batch)[0], None), state, None, steps
        )
        return train.mean(first), train.mean(train.measure(task, state, batch))

    first, last = ({name: float(m) for name, m in means.items()} for means in run(key, batch))
    return Overfit(first, last, last["loss"] < near_zero)
