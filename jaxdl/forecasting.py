"""Forecasts of time series: one step or many from any model, and what it has to be better than.

Windows are `[B, T, D]` of `jaxdl.data.series`; a predictor says the next H values of each window:
`x [B, T, D] -> [B, H, D]`, or `[B, H, D, Q]`, quantiles in ascending order.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.types import Array

Predict = Callable[[Array], Array]
"""`x [B, T, D] -> [B, H, D]` or `[B, H, D, Q]`."""
Rows = TypeVar("Rows", Array, np.ndarray)
LEVELS = (0.1, 0.5, 0.9)
"""Levels of the quantiles of an 80 % interval, the median between them."""


def forecast(predict: Predict, x: ArrayLike, steps: int) -> Array:
    """The next `steps` values of each window, `[B, steps, D]` or `[B, steps, D, Q]`.

    Direct where the predictor says as many at once (H ≥ steps); else fed back: what it says, the
    middle one of quantiles, is read as if it had been observed, and it is asked again. With H = 1
    that is one step at a time. Quantiles of what is fed back know nothing of the error of what
    they were fed with: where errors add up, they are too near to each other.
    Raises ValueError for steps < 1.
    """
    if steps < 1:
        raise ValueError(f"steps {steps}, 1 or more are needed")
    x = jnp.asarray(x)
    # What is fed back is rounded to the dtype of the window: of integers it would lose its point.
    x = x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)
    length, block = x.shape[1], jax.eval_shape(predict, x).shape[1]

    def ask(window: Array, _: None) -> tuple[Array, Array]:
        found = predict(window)
        seen = jnp.concatenate([window, point(found, x.ndim).astype(x.dtype)], axis=1)
        return seen[:, -length:], found

    _, blocks = jax.lax.scan(ask, x, None, -(-steps // block))
    values = jnp.moveaxis(blocks, 0, 1)
    return values.reshape(len(x), -1, *values.shape[3:])[:, :steps]


def point(values: Rows, axes: int = 3) -> Rows:
    """One number of each forecast: the middle one where there is an axis of quantiles more."""
    return values if values.ndim == axes else values[..., values.shape[-1] // 2]


def persistence(x: ArrayLike, steps: int) -> Array:
    """The last value again and again, `[B, steps, D]`: the best there is of a random walk.

    Raises ValueError for no steps.
    """
    if steps < 1:
        raise ValueError(f"steps {steps}, 1 or more are needed")
    return jnp.repeat(jnp.asarray(x)[:, -1:], steps, axis=1)


def seasonal_naive(x: ArrayLike, steps: int, season: int) -> Array:
    """The values of a season ago, `[B, steps, D]`, over and over the last season of the window.

    Raises ValueError for a season that is longer than the window.
    """
    x = jnp.asarray(x)
    length = x.shape[1]
    if not 1 <= season <= length:
        raise ValueError(f"a season of {season} steps is outside 1..{length}, the window's length")
    return x[:, length - season + np.arange(steps) % season]


class AR(NamedTuple):
    """x_t = c + Σ φ_k x_{t−k}, of each column by itself: `intercept [D]`, `coefficients [p, D]`."""

    intercept: np.ndarray
    coefficients: np.ndarray

    def __call__(self, x: Array) -> Array:
        """The next value of each window, `[B, 1, D]`; `forecast` feeds it back."""
        order = len(self.coefficients)
        # The newest value is the first of the coefficients, and the last of the window.
        weights = jnp.asarray(self.coefficients[None, ::-1], jnp.float32)
        terms = jnp.asarray(x)[:, -order:] * weights
        return (
            terms.sum(axis=1, keepdims=True) + jnp.asarray(self.intercept, jnp.float32)[None, None]
        )


def fit_ar(x: np.ndarray, y: np.ndarray, order: int) -> AR:
    """Conditional least squares of the first targets on the last `order` inputs, in float64.

    x `[N, T, D]`, y `[N, H, D]`: windows of the training part, of one series or several, so that
    gaps are left out of it as they are of the windows.
    Raises ValueError for an order outside 1 … T, and without windows.
    """
    if not len(x):
        raise ValueError("there are no windows to fit an autoregression to")
    if not 1 <= order <= x.shape[1]:
        raise ValueError(f"order {order} is outside 1..{x.shape[1]}, the length of the windows")
    intercepts, columns = [], []
    for column in range(x.shape[2]):
        lags = x[:, : -order - 1 : -1, column].astype(np.float64)
        rows = np.column_stack([np.ones(len(lags)), lags])
        solution = np.linalg.lstsq(rows, y[:, 0, column].astype(np.float64), rcond=None)[0]
        intercepts.append(solution[0])
        columns.append(solution[1:])
    return AR(np.array(intercepts), np.stack(columns, axis=1))


def with_errors(
    points: np.ndarray, errors: np.ndarray, levels: Sequence[float] = LEVELS
) -> np.ndarray:
    """Quantiles `[B, H, D, Q]` around forecasts, from errors that were made on other windows.

    points `[B, H, D]`; errors `[N, H, D]`, targets minus forecasts, each step ahead by itself. Of
    the validation part (split conformal prediction, Vovk et al. 2005), since errors on what a model
    was fitted to are too small.
    """
    spread = np.quantile(errors, np.asarray(levels), axis=0)
    return points[..., None] + np.moveaxis(spread, 0, -1)[None]
