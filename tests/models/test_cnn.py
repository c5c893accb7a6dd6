"""Convolutional networks against the same layers of XLA and their laws."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import dropping

from jaxdl.layers.norms import BatchNorm, GroupNorm, LayerNorm
from jaxdl.models import CNN
from jaxdl.ops.pooling import global_avg_pool

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(3, 9, 8, 2)).astype(np.float32)


def xla(params, x):
    """Two blocks, of two convolutions and of one, then a dense layer of 5 and one of 4, tanh."""
    for layers in (("Conv_0", "Conv_1"), ("Conv_2",)):
        for name in layers:
            x = jax.lax.conv_general_dilated(
                x,
                params[name]["kernel"],
                (1, 1),
                "SAME",
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
            x = jnp.tanh(x + params[name]["bias"].reshape(1, 1, 1, -1))
        x = jax.lax.reduce_window(
            x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), padding="VALID"
        )
    x = x.reshape(len(x), -1)
    x = jnp.tanh(x @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"].reshape(1, -1))
    return x @ params["Dense_1"]["kernel"] + params["Dense_1"]["bias"].reshape(1, -1)


def test_outputs_and_gradients_are_those_of_xla():
    model = CNN(((3, 4), (5,)), 4, hidden=(5,), activation=jnp.tanh)
    shapes = jax.eval_shape(lambda: model.init(KEY, X, train=False))["params"]
    rng = np.random.default_rng(1)
    params = jax.tree.map(lambda leaf: 0.5 * rng.normal(size=leaf.shape), shapes)

    @jax.jit
    def both(params, x):
        ours = functools.partial(lambda p, x: model.apply({"params": p}, x, train=True))
        results = []
        for network in (ours, xla):
            y, pull = jax.vjp(network, params, x)
            results.append((y, pull(jnp.cos(y))))
        return results

    with jax.enable_x64(True):
        ours, theirs = both(params, X.astype(np.float64))
    jax.tree.map(functools.partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-11), ours, theirs)


def size(model, x):
    shapes = jax.eval_shape(lambda: model.init(KEY, x, train=False))["params"]
    return sum(leaf.size for leaf in jax.tree.leaves(shapes))


def test_parameters_by_hand():
    """5·(3·3·1) + 5, 6·(3·3·5) + 6, then 7·7 positions of 6 channels, or their average."""
    image = jnp.ones((1, 28, 28, 1))
    convolutions = 50 + 276
    assert size(CNN(((5,), (6,)), 10), image) == convolutions + 7 * 7 * 6 * 10 + 10
    averaged = CNN(((5,), (6,)), 10, to_vector=global_avg_pool)
    assert size(averaged, image) == convolutions + 6 * 10 + 10
    # A norm has a bias and a scale, so the convolutions have no bias.
    normalized = CNN(((5,), (6,)), 10, to_vector=global_avg_pool, norm=BatchNorm)
    assert size(normalized, image) == convolutions + 5 + 6 + 6 * 10 + 10


def test_averaged_networks_take_any_size_and_do_not_see_where_the_object_is():
    """Shifts by 4 pixels, on a ground of zeros: two halvings commute with them."""
    model = CNN(((3,), (4,)), 2, to_vector=global_avg_pool)
    image = np.zeros((1, 16, 20, 2), np.float32)
    image[:, 4:9, 4:10] = X[:1, :5, :6]
    shifts = [np.roll(image, (pixels, pixels), (1, 2)) for pixels in (0, 1, 4)]

    @jax.jit
    def initialized(images):
        variables = model.init(KEY, X, train=False)
        return [model.apply(variables, image, train=False) for image in images]

    logits, by_one, by_four = initialized(shifts)
    np.testing.assert_allclose(by_four, logits, rtol=1e-5)
    assert not np.allclose(by_one, logits, rtol=1e-2)


def test_sequences_are_convolved_along_time():
    model = CNN(((3,),), 2, kernel_size=(3,))
    y, variables = jax.eval_shape(
        lambda: model.init_with_output(KEY, jnp.asarray(X[:, :, 0]), train=False)
    )
    assert variables["params"]["Conv_0"]["kernel"].shape == (3, 2, 3)
    assert y.shape == (3, 2)


def test_batch_norm_is_told_when_to_train_and_others_have_no_state():
    model = CNN(((4,),), 2, norm=BatchNorm)

    @jax.jit
    def states():
        variables = model.init(KEY, X, train=False)
        return variables, *(
            model.apply(variables, X, train=train, mutable=["batch_stats"])[1]
            for train in (True, False)
        )

    before, *after = (
        each["batch_stats"]["BatchNorm_0"]["var"] for each in jax.device_get(states())
    )
    assert [bool((state != before).all()) for state in after] == [True, False]
    for norm in (LayerNorm, functools.partial(GroupNorm, num_groups=2)):
        shapes = jax.eval_shape(lambda n=norm: CNN(((4,),), 2, norm=n).init(KEY, X, train=True))
        assert set(shapes) == {"params"}


@pytest.mark.parametrize("train", [True, False])
def test_dropout_acts_in_training_only(train):
    assert dropping.alike(CNN(((4,),), 2, dropout=0.5), X, train) is not train


@pytest.mark.parametrize(
    ("x", "message"), [(X[0], r"not \(9, 8, 2\)"), (X[:, :3, :3], "2 does not fit into 1")]
)
def test_images_that_do_not_fit_are_refused(x, message):
    model = CNN(((3,), (3,)), 2)
    with pytest.raises(ValueError, match=message):
        jax.eval_shape(lambda: model.init(KEY, x, train=False))
