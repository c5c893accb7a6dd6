import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks
from jaxdl.models import MLP

KEY = jax.random.key(0)
RNG = np.random.default_rng(0)
X = RNG.uniform(size=(32, 6)).astype(np.float32)
X[0], X[1] = 0, 1  # corners of the range
BATCH = {"x": X, "y": RNG.integers(0, 3, 32).astype(np.int32)}
TASK = tasks.classification(MLP((16,), 3))
PARAMS, _ = jax.jit(TASK.init)(KEY, BATCH)
ATTACKS = {
    "fgsm": tasks.fgsm,
    "pgd": functools.partial(tasks.pgd, steps=5),
}


@functools.cache
def compiled(name):
    return jax.jit(lambda batch, key, eps: ATTACKS[name](TASK, PARAMS, {}, batch, key, eps=eps))


@jax.jit
def compiled_loss(x):
    return TASK.loss(PARAMS, {}, {**BATCH, "x": x}, KEY, train=False)[0]


def loss(x):
    return float(compiled_loss(x))


@pytest.mark.parametrize("name", ATTACKS)
@pytest.mark.parametrize("eps", [0.0, 1e-6, 0.03, 0.1, 0.3, 2.0])
def test_the_bound_holds_exactly(name, eps):
    eps = jnp.float32(eps)
    x = np.asarray(compiled(name)(BATCH, KEY, eps))
    # Differences of float32 of at most this size are exact in longdouble.
    away = np.abs(x.astype(np.longdouble) - X.astype(np.longdouble)).max()
    assert away <= np.longdouble(np.float32(eps))
    assert away >= 0.9 * min(float(eps), 1.0)
    assert x.min() >= 0
    assert x.max() <= 1


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_raises_the_loss_more_with_more_room(name):
    values = [loss(compiled(name)(BATCH, KEY, jnp.float32(eps))) for eps in (0.0, 0.05, 0.2)]
    assert values[0] == pytest.approx(loss(X))
    assert values[0] + 0.01 < values[1] < values[2] - 0.01
    noise = np.clip(X + np.float32(0.2) * np.sign(RNG.normal(size=X.shape)), 0, 1)
    assert values[2] > loss(noise.astype(np.float32)) + 0.1


def test_steps_find_more_than_one_step():
    eps = jnp.float32(0.3)
    assert loss(compiled("pgd")(BATCH, KEY, eps)) >= loss(compiled("fgsm")(BATCH, KEY, eps))


def test_fgsm_of_a_linear_model_by_hand():
    w = np.array([[1.0, -2.0], [0.5, 0.2], [-1.0, 3.0]], np.float32)
    task = tasks.classification(nn.Dense(2, use_bias=False))
    batch = {"x": np.full((2, 3), 0.5, np.float32), "y": np.array([0, 1], np.int32)}
    x = jax.jit(lambda: tasks.fgsm(task, {"kernel": w}, {}, batch, KEY, eps=0.1))()
    # ∇ₓ L = (1 − p_y)(w_other − w_y): the sign of the difference of the columns.
    step = 0.1 * np.sign(np.stack([w[:, 1] - w[:, 0], w[:, 0] - w[:, 1]]))
    np.testing.assert_allclose(x, 0.5 + step, rtol=1e-6)


def test_pgd_of_a_linear_model_ends_in_the_corner_wherever_it_starts():
    task = tasks.classification(nn.Dense(2, use_bias=False))
    params = {"kernel": np.array([[1.0, -2.0], [-1.0, 3.0]], np.float32)}
    batch = {"x": np.full((1, 2), 0.5, np.float32), "y": np.array([0], np.int32)}
    attack = jax.jit(
        lambda seed: tasks.pgd(task, params, {}, batch, jax.random.key(seed), eps=0.1, steps=10)
    )
    ends = [attack(seed) for seed in (1, 2)]
    for end in ends:
        np.testing.assert_allclose(end, [[0.4, 0.6]], rtol=1e-6)


def test_the_start_is_random_in_the_box_and_the_key_decides():
    attack = jax.jit(
        functools.partial(tasks.pgd, TASK, PARAMS, {}, BATCH, eps=0.1, steps=1, reach=0.0)
    )
    one, same, other = attack(KEY), attack(KEY), attack(jax.random.key(1))
    np.testing.assert_array_equal(one, same)
    assert (np.asarray(one) != np.asarray(other)).mean() > 0.9
    inside = (np.asarray(one) - X)[2:]
    assert inside.std() > 0.03


@pytest.mark.parametrize("name", ATTACKS)
def test_padding_is_left_alone(name):
    batch = {**BATCH, "mask": (np.arange(32) < 20).astype(np.float32)}
    x = np.asarray(compiled(name)(batch, KEY, jnp.float32(0.1)))
    np.testing.assert_array_equal(x[20:], X[20:])
    alone = np.asarray(compiled(name)(BATCH, KEY, jnp.float32(0.1)))
    np.testing.assert_allclose(x[:20], alone[:20], atol=1e-6)


def test_inputs_outside_the_box_are_named():
    task = tasks.classification(MLP((), 2))
    batch = {"x": jnp.array([[0.5, 3.0]]), "y": jnp.array([0])}
    params, state = task.init(jax.random.key(0), batch)
    with pytest.raises(ValueError, match=r"x lies in 0\.5\.\.3, which is not within 0\.0\.\.1\.0"):
        tasks.fgsm(task, params, state, batch, jax.random.key(1), eps=0.1)
    whole = {"x": batch["x"].astype(int), "y": batch["y"]}
    with pytest.raises(ValueError, match="int32: only floats"):
        tasks.fgsm(task, params, state, whole, jax.random.key(1), eps=0.1)
