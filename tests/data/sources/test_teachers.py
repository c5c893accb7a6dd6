import jax
import numpy as np
import pytest
from scipy.special import expit

from jaxdl.data.sources import teachers

SIZE, COUNT = 6, 20_000
DRAW = jax.jit(lambda features: teachers.logistic(SIZE)(KEYS[0], KEYS[1], features, COUNT))
KEYS = jax.random.split(jax.random.key(0))
ZIPF = 0.5 / np.arange(1, SIZE + 1)


@pytest.mark.parametrize("features", range(3))
def test_features_have_their_frequencies_and_labels_their_probabilities(features):
    batch = jax.tree.map(np.asarray, DRAW(features))
    teacher = 1.5 * np.asarray(jax.random.normal(KEYS[0], (SIZE,)))
    square = np.square(batch["x"]).mean(axis=0)
    expected = ZIPF if teachers.FEATURES[features] == "zipf" else np.full(SIZE, ZIPF.mean())
    np.testing.assert_allclose(square, expected, atol=0.02)
    p = expit(batch["x"] @ teacher)
    assert abs((batch["y"][:, 0] - p).mean()) < 0.01
    assert np.corrcoef(batch["y"][:, 0], p)[0, 1] == pytest.approx(p.std() / batch["y"].std(), 0.1)
