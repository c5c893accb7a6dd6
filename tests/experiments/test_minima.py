"""What tells two networks apart: functions, and weights after their units are matched."""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import linear_sum_assignment

from experiments import minima
from jaxdl import tasks
from jaxdl.models import MLP

TASK = tasks.classification(MLP((6,), 3))
X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
TRAIN = {"x": X, "y": np.arange(8, dtype=np.int32) % 3}
TEST = {name: array[None] for name, array in {**TRAIN, "mask": np.ones(8, np.float32)}.items()}
ONE, OTHER = (TASK.init(jax.random.key(number), TRAIN)[0] for number in range(2))
ORDER = np.array([3, 0, 5, 1, 2, 4])


def test_units_are_matched_as_scipy_matches_them():
    cost = -np.asarray(minima.units(ONE) @ minima.units(OTHER).T)
    np.testing.assert_array_equal(minima.matching(ONE, OTHER), linear_sum_assignment(cost)[1])


def test_a_network_with_renamed_units_is_the_same_function_far_away_and_found_again():
    away = minima.renamed(ONE, jnp.asarray(ORDER))
    np.testing.assert_allclose(
        TASK.predict(away, {}, TRAIN), TASK.predict(ONE, {}, TRAIN), rtol=1e-5, atol=1e-6
    )
    found = jax.jit(lambda: minima.compared(TASK, ONE, away, {"train": TRAIN, "test": TEST}))()
    assert found["disagreement"] == 0
    assert found["distance"] > 1
    assert found["matched_distance"] < 1e-6
    assert abs(found["matched_line_rise"]) < 1e-5
    # Ends of the line are the two networks.
    losses = [TASK.loss(p, {}, TRAIN, jax.random.key(0), train=False)[0] for p in (ONE, away)]
    np.testing.assert_allclose([found["line_1"], found["line_21"]], losses, rtol=1e-5)
