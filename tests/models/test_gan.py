import functools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.models import DCDiscriminator, DCGenerator, Discriminator, Generator
from jaxdl.models._dcgan import layer_norm

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
Z = RNG.standard_normal((4, 3), np.float32)
X = RNG.standard_normal((4, 8, 8, 1), np.float32)
Y = np.array([0, 1, 2, 1])


def begun(model, *inputs):
    """Output and variables of a model as it begins."""
    return jax.device_get(jax.jit(lambda: model.init_with_output(KEY, *inputs, train=False))())


def test_dense_generator_is_the_formula_on_noise_beside_the_label():
    model = Generator((5,), (2, 2), num_classes=3, output=jnp.tanh)
    samples, variables = begun(model, Z, Y)
    layers = variables["params"]["MLP_0"]
    h = np.concatenate([Z, np.eye(3)[Y]], axis=1) @ layers["Dense_0"]["kernel"]
    h = np.maximum(h + layers["Dense_0"]["bias"], 0)
    expected = np.tanh(h @ layers["Dense_1"]["kernel"] + layers["Dense_1"]["bias"])
    np.testing.assert_allclose(samples, expected.reshape(4, 2, 2), atol=1e-5)


def test_dense_discriminator_without_hidden_layers_is_linear_in_example_and_label():
    model = Discriminator((), num_classes=3)
    scores, variables = begun(model, X, Y)
    layer = variables["params"]["MLP_0"]["Dense_0"]
    expected = np.concatenate([np.asarray(X).reshape(4, 64), np.eye(3)[Y]], 1) @ layer["kernel"]
    np.testing.assert_allclose(scores, expected[:, 0] + layer["bias"], atol=1e-5)


def test_without_classes_labels_are_not_read():
    model = Generator((5,), (2,))

    @jax.jit
    def both():
        variables = model.init(KEY, Z, train=False)
        return [model.apply(variables, Z, y, train=False) for y in (None, Y)]

    np.testing.assert_array_equal(*both())


def test_classes_without_labels_are_refused():
    with pytest.raises(ValueError, match="3 classes needs the labels"):
        Generator((5,), (2,), num_classes=3).init(KEY, Z, train=False)


def test_dcgan_is_that_of_torch():
    """Weights copied over; renew the golden with tests/goldens/make_dcgan.py (`make goldens`)."""
    with np.load(Path(__file__).parents[1] / "goldens/dcgan.npz") as file:
        golden = {name: file[name].astype(np.float32) for name in file.files}
    y = golden["y"].astype(np.int32)
    generator = DCGenerator((4, 3), (8, 8), num_classes=2)
    discriminator = DCDiscriminator((3, 4), num_classes=2)
    params = [
        {
            place: {part: golden[f"{name}_{part}"] for part in ("kernel", "bias")}
            for place, name in places.items()
        }
        for places in (
            {"Dense_0": "dense", "ConvTranspose_0": "up", "ConvTranspose_1": "last"},
            {"Conv_0": "first", "Conv_1": "second", "Dense_0": "score"},
        )
    ]

    @jax.jit
    @functools.partial(jax.value_and_grad, has_aux=True)
    def play(z):
        images = _in_training(generator, params[0], z, y)
        scores = _in_training(discriminator, params[1], images, y)
        return jax.nn.softplus(-scores).mean(), (images, scores)

    (_, (images, scores)), gradient = play(golden["z"])
    np.testing.assert_allclose(images, golden["images"], atol=1e-5)
    np.testing.assert_allclose(scores, golden["scores"], atol=1e-5)
    np.testing.assert_allclose(gradient, golden["z_gradient"], atol=1e-6)


def _in_training(model, params, x, y):
    """Output with batch statistics, the normalizations with scale 1 and bias 0 as they begin."""
    fresh = model.init(KEY, x, y, train=False)
    variables = {**fresh, "params": {**fresh["params"], **params}}
    return model.apply(variables, x, y, train=True, mutable=["batch_stats"])[0]


def test_layer_norm_scores_each_example_by_itself_where_batch_norm_does_not():
    for normalize, alone in ((layer_norm, True), (DCDiscriminator((2, 2)).normalize, False)):
        model = DCDiscriminator((2, 2), normalize=normalize)

        @jax.jit
        @jax.grad
        def of_first(x, model=model):
            variables = model.init(KEY, X, train=False)
            return model.apply(variables, x, train=True, mutable=["batch_stats"])[0][0]

        moved = np.asarray(of_first(X))[1:]
        assert bool((moved == 0).all()) is alone


def test_images_that_do_not_halve_are_refused():
    with pytest.raises(ValueError, match="3 doublings do not end at 8 × 12"):
        DCGenerator((2, 2, 2), (8, 12)).init(KEY, Z, train=False)
