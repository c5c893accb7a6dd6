import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks

X = np.random.default_rng(0).uniform(size=(6, 4)).astype(np.float32)
BATCH = {"x": jnp.asarray(X), "y": jnp.array([0, 1, 2, 0, 1, 2])}
EPS, KEY = 0.3, jax.random.key(0)


class Adversary(nn.Module):
    """One layer."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(4, kernel_init=nn.initializers.normal(1.0))(x)


PLAIN = tasks.classification(nn.Dense(3))
TASK = tasks.with_adversary(PLAIN, Adversary(), EPS)


@pytest.fixture(scope="module")
def found():
    """Parameters, the gradient in training, and what plain calculus gives."""

    @jax.jit
    def run(key):
        params, _ = TASK.init(key, BATCH)

        def by_hand(params):
            layer = params["adversary"]["Dense_0"]
            moved = X + EPS * jnp.tanh(X @ layer["kernel"] + layer["bias"][None])
            batch = {**BATCH, "x": jnp.clip(moved, 0, 1)}
            return PLAIN.loss(params["model"], {}, batch, KEY, train=True)[0], batch["x"]

        (value, moved), expected = jax.value_and_grad(by_hand, has_aux=True)(params)
        ours = jax.value_and_grad(lambda p: TASK.loss(p, {}, BATCH, KEY, train=True)[0])(params)
        clean = [each.loss(p, {}, BATCH, KEY, train=False)[0]
                 for each, p in ((TASK, params), (PLAIN, params["model"]))]  # fmt: skip
        return ours, (value, expected), moved, clean

    return jax.tree.map(np.asarray, run(KEY))


def test_the_model_descends_and_the_adversary_ascends_in_the_same_loss(found):
    (value, gradient), (expected_value, expected), *_ = found
    np.testing.assert_allclose(value, expected_value, rtol=1e-6)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        (gradient["model"], gradient["adversary"]),
        (expected["model"], jax.tree.map(np.negative, expected["adversary"])),
    )
    assert np.abs(gradient["adversary"]["Dense_0"]["kernel"]).max() > 1e-3


def test_perturbations_stay_within_the_radius_and_the_range(found):
    *_, moved, _ = found
    assert np.abs(moved - X).max() <= EPS + 1e-6
    assert np.abs(moved - X).max() > EPS / 2
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_it_is_evaluated_on_the_given_inputs(found):
    *_, clean = found
    assert clean[0] == clean[1]


def test_an_adversary_of_another_shape_is_refused():
    task = tasks.with_adversary(PLAIN, nn.Dense(5), EPS)
    with pytest.raises(ValueError, match=r"the adversary gives \(6, 5\) for x \(6, 4\)"):
        jax.eval_shape(lambda: task.loss(task.init(KEY, BATCH)[0], {}, BATCH, KEY, train=True))


def test_an_adversary_with_a_state_is_refused():
    with pytest.raises(ValueError, match="the adversary BatchNorm has a state of its own"):
        jax.eval_shape(lambda: tasks.with_adversary(PLAIN, nn.BatchNorm(), EPS).init(KEY, BATCH))
