import jax
import jax.numpy as jnp
import numpy as np
from scipy.signal import correlate2d

from jaxdl.models import ConvAutoencoder, DenseAutoencoder

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)


def random_params(model, x):
    """Parameters of the model's shapes, none of them zero."""
    shapes = jax.eval_shape(lambda: model.init(KEY, x, train=False))["params"]
    return jax.tree.map(lambda leaf: RNG.normal(size=leaf.shape).astype(np.float32), shapes)


def code_and_output(model, params, x):
    @jax.jit
    def both(params, x):
        variables = {"params": params}
        code = model.apply(variables, x, train=False, method="encode")
        return code, model.apply(variables, x, train=False)

    return jax.device_get(both(params, x))


def test_dense_is_the_formula_and_its_mirror_image():
    model = DenseAutoencoder((2, 3), (5, 4), 2, code_activation=jax.nn.sigmoid)
    x = RNG.normal(size=(3, 2, 3)).astype(np.float32)
    params = random_params(model, x)

    def layers(side, h):
        for index, name in enumerate(("Dense_0", "Dense_1", "Dense_2")):
            h = (np.maximum(h, 0) if index else h) @ params[side][name]["kernel"]
            h = h + params[side][name]["bias"]
        return h

    code = 1 / (1 + np.exp(-layers("encoder", x.reshape(3, 6))))
    found, output = code_and_output(model, params, x)
    np.testing.assert_allclose(found, code, rtol=1e-4, atol=1e-6)
    expected = layers("decoder", code).reshape(3, 2, 3)
    np.testing.assert_allclose(output, expected, rtol=1e-4)
    assert [params["decoder"][f"Dense_{i}"]["kernel"].shape for i in range(3)] == [
        (2, 4), (4, 5), (5, 6),
    ]  # fmt: skip


def test_without_hidden_layers_it_is_linear_of_the_rank_of_its_code():
    model = DenseAutoencoder((6,), (), 2)
    x = RNG.normal(size=(1, 6)).astype(np.float32)
    params = random_params(model, x)

    def call(x):
        return model.apply({"params": params}, x, train=False)[0]

    jacobian = jax.jit(jax.jacobian(call))
    here, there = (np.asarray(jacobian(point))[:, 0] for point in (x, x + 3))
    np.testing.assert_allclose(here, there, rtol=1e-5)
    assert np.linalg.matrix_rank(here, tol=1e-4) == 2


def test_convolutional_is_scipys_correlation_and_its_adjoint_on_an_odd_size():
    model = ConvAutoencoder((5, 5, 1), (2,), 3)
    x = RNG.normal(size=(1, 5, 5, 1)).astype(np.float32)
    params = random_params(model, x)
    down, up = params["down_0"], params["up_0"]
    maps = [
        correlate2d(x[0, :, :, 0], down["kernel"][:, :, 0, channel], "same")[::2, ::2]
        for channel in range(2)
    ]
    h = np.maximum(np.stack(maps, axis=-1) + down["bias"], 0).reshape(1, -1)
    code = h @ params["to_code"]["kernel"] + params["to_code"]["bias"]
    found, output = code_and_output(model, params, x)
    np.testing.assert_allclose(found, code, rtol=1e-4)

    h = np.maximum(code @ params["from_code"]["kernel"] + params["from_code"]["bias"], 0)
    image = np.zeros((7, 7))
    for (i, j), features in zip(np.ndindex(3, 3), h.reshape(9, 2), strict=True):
        image[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += up["kernel"][:, :, 0] @ features
    expected = image[:5, :5] + up["bias"]
    assert output.shape == (1, 5, 5, 1)
    np.testing.assert_allclose(output[0, :, :, 0], expected, rtol=1e-4, atol=1e-4)


def test_sizes_that_do_not_halve_come_back():
    model = ConvAutoencoder((7, 10, 2), (3, 4), 5)
    x = jnp.ones((2, 7, 10, 2))
    assert jax.eval_shape(lambda: model.init_with_output(KEY, x, train=False))[0].shape == x.shape


def test_kernels_of_the_decoder_are_drawn_for_the_channels_they_read():
    model = ConvAutoencoder((4, 4, 1), (256,), 2)
    init = jax.jit(lambda x: model.init(KEY, x, train=False))
    params = init(jnp.zeros((1, 4, 4, 1)))["params"]
    for name, fan_in in (("down_0", 9), ("up_0", 9 * 256)):
        deviation = float(params[name]["kernel"].std())
        np.testing.assert_allclose(deviation, (2 / fan_in) ** 0.5, rtol=0.1)
