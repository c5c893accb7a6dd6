import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.ndimage import convolve, uniform_filter

from jaxdl.models import deblur

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
wiener, wiener_periodic = jax.jit(deblur.wiener), jax.jit(deblur.wiener_periodic)
X = RNG.uniform(size=(2, 8, 10, 1)).astype(np.float32)
KERNEL = np.array([[0, 1, 0], [2, 6, 1], [0, 1, 0]], np.float32) / 11


def test_the_network_begins_as_the_identity_and_learns_on_odd_sizes():
    model = deblur.ResidualDeblurrer(3, layers=3)
    x = RNG.uniform(size=(1, 7, 9, 2)).astype(np.float32)

    @jax.jit
    def begin(x):
        params = model.init(KEY, x, train=False)["params"]

        def loss(params):
            outputs = model.apply({"params": params}, x, train=True)
            return (outputs**2).sum(), outputs

        return jax.grad(loss, has_aux=True)(params)

    gradient, outputs = begin(x)
    np.testing.assert_array_equal(outputs, x)
    assert np.any(gradient["Conv_2"]["kernel"])


def test_a_level_passes_through_unchanged():
    """The network sees detail only, so it works alike in shadow and in light."""
    model = deblur.ResidualDeblurrer(3, layers=2)
    shapes = jax.eval_shape(lambda: model.init(KEY, X, train=False))["params"]
    params = jax.tree.map(lambda leaf: RNG.normal(size=leaf.shape).astype(np.float32), shapes)
    restore = jax.jit(lambda x: model.apply({"params": params}, x, train=False))
    plain, light = np.asarray(restore(X)), restore(X + 2)
    np.testing.assert_allclose(light, plain + 2, atol=1e-4)
    assert np.abs(plain - X).max() > 0.01


def test_local_mean_is_scipys():
    expected = np.stack([uniform_filter(image[:, :, 0], 5, mode="nearest") for image in X])
    found = np.asarray(jax.jit(lambda: deblur.local_mean(X, 5))())
    np.testing.assert_allclose(found[..., 0], expected, atol=1e-6)


def test_pixels_go_to_channels_and_back():
    x = jnp.arange(16.0).reshape(1, 4, 4, 1)
    squares = deblur.pixels_to_channels(x)
    np.testing.assert_array_equal(squares[0, 1, 0], [8, 9, 12, 13])
    x = RNG.normal(size=(2, 4, 6, 3))
    back = deblur.channels_to_pixels(deblur.pixels_to_channels(x))
    np.testing.assert_array_equal(back, x)


def blurred_periodically(noise):
    blurred = convolve(X[0, :, :, 0], KERNEL, mode="wrap")
    return blurred + noise * RNG.standard_normal(blurred.shape)


def test_without_noise_the_filter_undoes_a_periodic_blur():
    x = blurred_periodically(0.0)[None, :, :, None].astype(np.float32)
    np.testing.assert_allclose(wiener_periodic(x, KERNEL, 0.0, 0.0)[0], X[0], atol=1e-4)


@pytest.mark.parametrize("ratio", [0.01, 0.3])
def test_the_filter_solves_the_regularized_least_squares(ratio):
    """(KᵀK + r·P) x̂ = Kᵀ y: K blurs, P takes the mean off."""
    shape, size = X.shape[1:3], X[0].size
    units = np.eye(size).reshape(size, *shape)
    blur = np.stack([convolve(unit, KERNEL, mode="wrap").ravel() for unit in units], axis=1)
    y = blurred_periodically(0.1)
    keeps_mean = np.eye(size) - np.full((size, size), 1 / size)
    expected = np.linalg.solve(blur.T @ blur + ratio * keeps_mean, blur.T @ y.ravel())
    found = wiener_periodic(y[None, :, :, None].astype(np.float32), KERNEL, ratio, 0.0)
    np.testing.assert_allclose(found.ravel(), expected, atol=1e-4)


def test_an_exponent_spares_the_slow_waves():
    rows = np.arange(16)
    for cycles, exponent in ((1, 2.0), (4, 2.0), (4, 0.0)):
        frequency = cycles / 16
        wave = np.cos(2 * np.pi * frequency * rows)[:, None] * np.ones(16)
        delta = np.ones((1, 1), np.float32)
        x = wave[None, :, :, None].astype(np.float32)
        expected = x / (1 + 0.5 * frequency**exponent)
        np.testing.assert_allclose(wiener_periodic(x, delta, 0.5, exponent), expected, atol=1e-5)


def test_mirrored_borders_keep_a_constant_and_a_symmetric_blur_of_a_mirrored_image_exact():
    flat = jnp.full((1, 6, 5, 1), 0.7)
    np.testing.assert_allclose(wiener(flat, KERNEL, 0.1, 2.0), flat, atol=1e-6)
    symmetric = np.outer([1, 4, 1], [1, 4, 1]).astype(np.float32) / 36
    blurred = convolve(X[0, :, :, 0], symmetric, mode="reflect")[None, :, :, None]
    np.testing.assert_allclose(wiener(blurred, symmetric, 0.0, 0.0)[0], X[0], atol=1e-4)
