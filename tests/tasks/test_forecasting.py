"""One task for forecasts of all steps at once and for those that are fed back."""

import flax.linen as nn
import jax
import numpy as np
import pytest

from jaxdl import forecasting, tasks

RNG = np.random.default_rng(0)
BATCH = {
    "x": RNG.normal(size=(3, 4, 1)).astype(np.float32),
    "y": RNG.normal(size=(3, 2, 1)).astype(np.float32),
}
KEY = jax.random.key(0)


class Around(nn.Module):
    """The last value, less and more by a learned number, for so many steps."""

    ahead: int

    @nn.compact
    def __call__(self, x):
        away = self.param("away", nn.initializers.ones, ())
        last = forecasting.persistence(x, self.ahead)[..., None]
        return last + away * np.array([-1.0, 0.25, 1.0], np.float32).reshape(1, 1, 1, 3)


def by_hand(found, y, weight):
    """Pinball loss, absolute errors and coverage, each a mean over examples of these weights."""
    levels, error = np.array([0.1, 0.5, 0.9]), y[..., None] - found
    pinball = np.maximum(levels * error, (levels - 1) * error)
    inside = (found[..., 0] <= y) & (y <= found[..., -1])
    values = {
        "loss": pinball,
        "absolute_error": abs(error[..., 1]),
        "next_error": abs(error[:, :1, :, 1]),
        "coverage": inside,
    }
    return {
        name: np.average(each.reshape(3, -1).mean(axis=1), weights=weight)
        for name, each in values.items()
    }


@pytest.mark.parametrize("ahead", [1, 2])
def test_losses_and_metrics_by_hand(ahead):
    task = tasks.forecasting(Around(ahead))
    weight = np.array([1, 0, 2], np.float32)
    batch = {**BATCH, "mask": weight}
    batch["y"] = np.where(weight[:, None, None] > 0, batch["y"], np.float32(np.nan))

    @jax.jit
    def run(batch):
        params, state = task.init(KEY, batch)
        trained = task.loss(params, state, batch, KEY, train=True)
        judged = task.loss(params, state, batch, KEY, train=False)
        return (
            trained[1][1],
            judged[1][1],
            jax.grad(lambda params: task.loss(params, state, batch, KEY, train=True)[0])(params),
        )

    trained, judged, gradient = jax.device_get(run(batch))
    last, away = BATCH["x"][:, -1:, :, None], np.array([-1, 0.25, 1])
    first = last + away
    # Fed back, the second step goes on from the middle of the first.
    second = first + (0.25 if ahead == 1 else 0)
    both = np.concatenate([first, second], axis=1)
    y = np.nan_to_num(batch["y"])
    for found, expected in (
        (trained, by_hand(both[:, :ahead], y[:, :ahead], weight)),
        (judged, by_hand(both, y, weight)),
    ):
        assert set(found) == set(expected)
        for name, (total, count) in found.items():
            np.testing.assert_allclose(total / count, expected[name], rtol=1e-5)
    assert np.isfinite(gradient["away"])


@pytest.mark.parametrize("levels", [(0.1, 0.9), (0.5, 0.1, 0.9), (0.0, 0.5, 1.0), ()])
def test_levels_are_an_odd_number_in_order(levels):
    with pytest.raises(ValueError, match="ascending"):
        tasks.forecasting(Around(1), levels)
