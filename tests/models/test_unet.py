import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import UNet

X = np.random.default_rng(0).uniform(size=(2, 8, 8, 1)).astype(np.float32)
MODEL = UNet((4, 6, 8), 2, output=lambda x: x)


def test_every_pixel_of_the_image_may_reach_a_far_one_and_sizes_stay():
    @jax.jit
    def run(key):
        params = MODEL.init(key, X)
        slopes = jax.grad(lambda x: jnp.square(MODEL.apply(params, x)[0, 0, 0]).sum())(X)
        return MODEL.apply(params, X), slopes

    made, slopes = run(jax.random.key(0))
    assert made.shape == (2, 8, 8, 2)
    assert np.abs(slopes[0, -2:]).max() > 0  # by the coarse way
    assert not slopes[1].any()


def test_fine_detail_passes_beside_the_coarse_levels():
    @jax.jit
    def run(key, x):
        params = MODEL.init(key, x)["params"]
        # What comes up from below is cut off: only what stands beside is left.
        joined = params["Conv_6"]
        cut = {**joined, "kernel": joined["kernel"].at[:, :, :4].set(0)}
        variables = {"params": {**params, "Conv_6": cut}}
        return MODEL.apply(variables, x.at[0, 3, 3].set(9.0)) - MODEL.apply(variables, x)

    moved = np.abs(np.asarray(run(jax.random.key(0), jnp.asarray(X)))).sum(axis=(0, 3))
    assert moved[3, 3] > 0
    assert not moved[6:].any()


def test_images_that_do_not_halve_are_refused():
    with pytest.raises(ValueError, match="6 × 8 is not divisible by 4"):
        jax.eval_shape(MODEL.init, jax.random.key(0), np.zeros((1, 6, 8, 1), np.float32))
