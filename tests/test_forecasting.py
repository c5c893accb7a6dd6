"""Forecasts by hand: fed back against a loop, baselines against their words, AR against its law."""

import jax
import numpy as np
import pytest

from jaxdl import forecasting
from jaxdl.data import series

RNG = np.random.default_rng(0)
X = RNG.normal(size=(4, 6, 2)).astype(np.float32)


def two_steps(x):
    """Of each column: the sum of the last two values, then minus the first."""
    return np.float32(0.5) * (x[:, -2:] + x[:, :2] * np.array([[[1.0], [-1.0]]], np.float32))


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_what_is_fed_back_is_read_as_if_it_had_come(steps):
    found = jax.jit(lambda x: forecasting.forecast(two_steps, x, steps))(X)
    seen = X
    while seen.shape[1] < X.shape[1] + steps:
        seen = np.concatenate([seen, two_steps(seen[:, -X.shape[1] :])], axis=1)
    np.testing.assert_allclose(found, seen[:, X.shape[1] :][:, :steps], rtol=1e-6)


def test_windows_of_whole_numbers_are_fed_back_unrounded():
    """x_t = x_{t−1} + ½, by hand."""
    line = forecasting.AR(np.array([0.5]), np.array([[1.0]]))
    found = forecasting.forecast(line, np.array([[[1], [2]]]), 3)
    assert found.ravel().tolist() == [2.5, 3.0, 3.5]


def test_of_quantiles_the_middle_one_is_fed_back():
    def predict(x):
        return x[:, -1:, :, None] + np.array([-1.0, 2.0, 3.0], np.float32).reshape(1, 1, 1, 3)

    found = jax.jit(lambda x: forecasting.forecast(predict, x, 3))(X)
    assert found.shape == (4, 3, 2, 3)
    for step in range(3):
        expected = X[:, -1, :, None] + 2 * step + np.array([-1, 2, 3])
        np.testing.assert_allclose(found[:, step], expected, rtol=1e-5)
    with pytest.raises(ValueError, match="steps 0"):
        forecasting.forecast(predict, X, 0)


def test_persistence_and_last_season_by_hand():
    x = np.arange(5.0, dtype=np.float32).reshape(1, 5, 1)
    assert forecasting.persistence(x, 3).ravel().tolist() == [4, 4, 4]
    with pytest.raises(ValueError, match="steps -1, 1 or more are needed"):
        forecasting.persistence(x, -1)
    assert forecasting.seasonal_naive(x, 5, 3).ravel().tolist() == [2, 3, 4, 2, 3]
    with pytest.raises(ValueError, match=r"outside 1\.\.5"):
        forecasting.seasonal_naive(x, 1, 6)


def test_autoregression_finds_the_law_that_made_the_series():
    made = np.zeros((300, 2))
    made[:2] = RNG.normal(size=(2, 2))
    noise = 0.01 * RNG.normal(size=made.shape)
    for t in range(2, 300):
        made[t] = [0.3, -0.1] + np.array([1.2, 0.5]) * made[t - 1] - 0.6 * made[t - 2] + noise[t]
    windows = series.windows(made, 8, 4)
    model = forecasting.fit_ar(windows["x"], windows["y"], 2)
    np.testing.assert_allclose(model.coefficients, [[1.2, 0.5], [-0.6, -0.6]], atol=0.05)
    # The normal equations: what is left is orthogonal to every regressor.
    rest = windows["y"][:, 0] - np.asarray(model(windows["x"]))[:, 0]
    for lag in (1, 2):
        assert abs((rest * windows["x"][:, -lag]).mean(axis=0)).max() < 1e-6
    found = forecasting.forecast(model, made[None, :100], 3)
    seen = [made[98], made[99]]
    for _ in range(3):
        first, second = model.coefficients
        seen.append(model.intercept + first * seen[-1] + second * seen[-2])
    np.testing.assert_allclose(found[0], seen[2:], rtol=1e-5)
    with pytest.raises(ValueError, match=r"order 9 is outside 1\.\.8"):
        forecasting.fit_ar(windows["x"], windows["y"], 9)


def test_errors_elsewhere_make_intervals_step_by_step():
    errors = np.arange(11.0).reshape(11, 1, 1) * np.array([1.0, 10.0]).reshape(1, 2, 1)
    found = forecasting.with_errors(np.full((3, 2, 1), 100.0), errors)
    np.testing.assert_allclose(found[0, :, 0], [[101, 105, 109], [110, 150, 190]])


def test_without_windows_no_line_is_fitted():
    with pytest.raises(ValueError, match="no windows"):
        forecasting.fit_ar(np.zeros((0, 4, 1)), np.zeros((0, 1, 1)), 2)
