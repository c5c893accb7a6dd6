"""Autoregression against statsmodels (`make parity`)."""

import numpy as np
import pytest

from jaxdl import forecasting
from jaxdl.data import series

ar_model = pytest.importorskip("statsmodels.tsa.ar_model")


@pytest.mark.parametrize("order", [1, 3, 12])
def test_autoregression_and_its_forecasts_are_those_of_statsmodels(order):
    values = np.sin(np.arange(200) / 3) + np.random.default_rng(0).normal(size=200)
    windows = series.windows(values, order, 1)
    ours = forecasting.fit_ar(windows["x"], windows["y"], order)
    theirs = ar_model.AutoReg(values, order).fit()
    found = [ours.intercept[0], *ours.coefficients[:, 0]]
    np.testing.assert_allclose(found, theirs.params, rtol=1e-8)
    ahead = forecasting.forecast(ours, values[None, -order:, None].astype(np.float32), 10)
    np.testing.assert_allclose(ahead[0, :, 0], theirs.forecast(10), rtol=1e-4, atol=1e-5)
