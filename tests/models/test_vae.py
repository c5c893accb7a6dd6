import jax
import numpy as np
from scipy import stats

from jaxdl.models import VAE

RNG = np.random.default_rng(0)
MODEL = VAE((2, 2), (5,), 3)
X = RNG.normal(size=(4, 2, 2)).astype(np.float32)
SHAPES = jax.eval_shape(lambda: MODEL.init(jax.random.key(0), X, train=False))["params"]
PARAMS = jax.tree.map(lambda leaf: RNG.normal(size=leaf.shape).astype(np.float32), SHAPES)


def layers(side, h):
    first, last = (PARAMS[side][name] for name in ("Dense_0", "Dense_1"))
    return np.maximum(h @ first["kernel"] + first["bias"], 0) @ last["kernel"] + last["bias"]


def test_the_first_half_is_the_mean_which_a_call_decodes():
    encoded = layers("encoder", X.reshape(4, 4))
    mean, log_variance = MODEL.apply({"params": PARAMS}, X, train=False, method="encode")
    np.testing.assert_allclose(mean, encoded[:, :3], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(log_variance, encoded[:, 3:], rtol=1e-4, atol=1e-5)
    expected = layers("decoder", encoded[:, :3]).reshape(4, 2, 2)
    outputs = MODEL.apply({"params": PARAMS}, X, train=False)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-4)


def test_samples_are_decoded_standard_normals():
    """A linear decoder of one number gives normals whose deviations are its weights."""
    model = VAE((2,), (), 1)
    weights = np.array([[2.0, -0.5]], np.float32)
    decoder = {"Dense_0": {"kernel": weights, "bias": np.array([1.0, 3.0], np.float32)}}
    samples = model.apply(
        {"params": {"decoder": decoder}}, jax.random.key(1), 2000, method="sample"
    )
    draws = (np.asarray(samples) - [1, 3]) / weights
    np.testing.assert_allclose(draws[:, 0], draws[:, 1], atol=1e-4)
    assert stats.kstest(draws[:, 0], "norm").pvalue > 1e-3
