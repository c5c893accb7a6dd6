"""Members of different kinds on few examples."""

import numpy as np

from experiments import different_kinds


def test_a_class_that_no_training_example_has_keeps_its_column():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2)).astype(np.float32)
    y = np.where(x[:, 0] > 0, 2, 0)
    splits = {name: {"x": x, "y": y} for name in ("train", "validation", "test")}
    found = different_kinds.tree_probabilities(splits, 3)
    for split in ("validation", "test"):
        probabilities = np.asarray(found[split])
        assert probabilities.shape == (60, 3)
        np.testing.assert_array_equal(probabilities[:, 1], 0)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
        assert (probabilities.argmax(axis=1) == y).mean() > 0.9
