import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support.compiling import traced_once

from jaxdl import optimizers, tasks, train
from jaxdl.layers.norms import BatchNorm
from jaxdl.models import MLP, DCDiscriminator, DCGenerator, ResNet
from jaxdl.optimizers import adam, adamw, sgd
from jaxdl.params import by_path, graft

KEY = jax.random.key(0)
X = np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)
BATCH = {"x": X, "y": np.arange(8, dtype=np.int32) % 3}
TASK = tasks.classification(MLP((6, 5), 3))
TRUNK = "Dense_[01]"


initial = jax.jit(train.init, static_argnums=(0, 1))
of_task = jax.jit(lambda task, key: task.init(key, BATCH)[0], static_argnums=0)


def trained(tx, batch=BATCH):
    """The parameters before and after five steps."""
    first = state = initial(TASK, tx, KEY, batch)
    for state, _ in train.fit(TASK, tx, state, [batch] * 5):
        pass
    return first.params, state.params


def same_bits(before, after):
    return jax.tree.map(
        lambda a, b: a.tobytes() == b.tobytes(), *map(jax.device_get, (before, after))
    )


def scaled_adam(factor):
    return optax.chain(adam(0.01), optimizers.scale_by_path({TRUNK: factor}))


@pytest.mark.parametrize(
    "tx",
    [optimizers.freeze(adamw(0.01, weight_decay=0.1), TRUNK), scaled_adam(0.0)],
    ids=["freeze", "factor 0"],
)
def test_frozen_leaves_keep_their_bits_and_all_others_move(tx):
    before, after = trained(tx)
    assert same_bits(before, after) == by_path(before, TRUNK)


def test_the_rest_of_a_frozen_network_trains_as_the_head_alone():
    before, after = trained(optimizers.freeze(adam(0.01), TRUNK))
    h = X
    for layer in (jax.device_get(before[name]) for name in ("Dense_0", "Dense_1")):
        h = np.maximum(h @ layer["kernel"] + layer["bias"], 0)
    head, tx = tasks.classification(MLP((), 3)), adam(0.01)
    state = initial(head, tx, KEY, {**BATCH, "x": h})
    state = state._replace(params={"Dense_0": before["Dense_2"]})
    for state, _ in train.fit(head, tx, state, [{**BATCH, "x": h}] * 5):
        pass
    for name in ("kernel", "bias"):
        np.testing.assert_allclose(
            after["Dense_2"][name], state.params["Dense_0"][name], rtol=1e-5, atol=1e-6
        )


def test_a_factor_is_a_learning_rate_of_its_own():
    params = of_task(TASK, KEY)
    gradients = jax.tree.map(np.ones_like, params)

    @traced_once
    def updates(low):
        factors = {"Dense_0/bias": 3.0, "Dense_0": low}
        tx = optax.chain(sgd(0.1), optimizers.scale_by_path(factors))
        return tx.update(gradients, tx.init(params), params)[0]

    for low in (0.5, 0.0):
        found = updates(low)
        np.testing.assert_allclose(found["Dense_0"]["kernel"], -0.1 * low, rtol=1e-6)
        np.testing.assert_allclose(found["Dense_0"]["bias"], -0.3, rtol=1e-6)
        np.testing.assert_allclose(found["Dense_1"]["kernel"], -0.1, rtol=1e-6)


def test_each_group_has_an_optimizer_of_its_own():
    """As plain descent and as Adam alone would, each on its own parameters, at traced rates."""
    first = jax.device_get(of_task(TASK, KEY))

    @traced_once
    def five_steps(rate):
        groups = {"Dense_2": adam(rate), "bias": optax.set_to_zero(), "": sgd(10 * rate)}
        tx = optimizers.partition_by_path(groups)

        def step(carry, _):
            params, state = carry
            gradients = jax.tree.map(jnp.sin, params)
            updates, state = tx.update(gradients, state, params)
            return (optax.apply_updates(params, updates), state), None

        return jax.lax.scan(step, (first, tx.init(first)), None, 5)[0][0]

    for rate in (0.1, 0.01):
        found = five_steps(rate)
        for name in ("Dense_0", "Dense_1"):
            expected = np.asarray(first[name]["kernel"])
            for _ in range(5):
                expected = expected - 10 * rate * np.sin(expected)
            np.testing.assert_allclose(found[name]["kernel"], expected, rtol=1e-5, atol=1e-6)
            np.testing.assert_array_equal(found[name]["bias"], first[name]["bias"])
        expected = np.asarray(first["Dense_2"]["kernel"], np.float64)
        m = v = 0.0
        for t in range(1, 6):
            g = np.sin(expected)
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            expected = expected - rate * m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(found["Dense_2"]["kernel"], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        (("Dense_0", "Dense_1"), r"\['Dense_2/bias', 'Dense_2/kernel'\] match none of"),
        (("Dense", "kernel"), r"no parameter is left for \['kernel'\]"),
    ],
)
def test_a_group_without_a_parameter_and_the_reverse_are_refused(patterns, message):
    tx = optimizers.partition_by_path(dict.fromkeys(patterns, sgd(0.1)))
    with pytest.raises(ValueError, match=message):
        tx.init(of_task(TASK, KEY))


def adam_by_hand(gradients):
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        yield m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)


def test_groups_join_in_one_after_the_other_with_fresh_states():
    """Each as an Adam of its own that begins where the group does; the bias is of no group."""
    gradients = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
    names = ("bias", "head", "upper", "lower")
    params = dict.fromkeys(names, jnp.zeros(()))

    @traced_once
    def walk(every):
        tx = optimizers.unfreeze_gradually(optimizers.scale_by_adam(), names[1:], every)

        def step(state, gradient):
            updates, state = tx.update(dict(zip(names, gradient, strict=True)), state, params)
            return state, updates

        return jax.lax.scan(step, tx.init(params), gradients.T)[1]

    for every in (2.0, 0.0):
        found = walk(every)
        for name, depth, gradient in zip(names, (0, 0, 1, 2), gradients, strict=True):
            start = int(every) * depth
            expected = [0.0] * start + list(adam_by_hand(gradient[start:]))
            np.testing.assert_allclose(found[name], expected, rtol=1e-4)


def test_discriminative_rates_are_those_of_ulmfit():
    found = optimizers.by_depth(("head", "upper", "lower"), 1 / 2.6)
    assert found == pytest.approx({"head": 1, "upper": 1 / 2.6, "lower": 1 / 6.76})
    assert list(found) == ["head", "upper", "lower"]


def test_a_graft_takes_the_head_and_leaves_the_rest():
    old = of_task(TASK, KEY)
    fresh = of_task(tasks.classification(MLP((6, 5), 7)), jax.random.key(1))
    found = graft(old, fresh, "Dense_2")
    assert found["Dense_2"]["kernel"].shape == (5, 7)
    assert all(jax.tree.leaves(same_bits(found["Dense_2"], fresh["Dense_2"])))
    for name in ("Dense_0", "Dense_1"):
        assert all(jax.tree.leaves(same_bits(found[name], old[name])))


def test_a_graft_that_leaves_another_shape_is_refused():
    old = of_task(TASK, KEY)
    fresh = of_task(tasks.classification(MLP((6, 9), 3)), KEY)
    with pytest.raises(ValueError, match=r"does not match has shape \(5,\) in one tree and \(9,\)"):
        graft(old, fresh, "Dense_2")


@pytest.mark.parametrize(
    "tx",
    [
        optimizers.freeze(sgd(0.1), "haed"),
        scaled_adam(0.0),
        optimizers.unfreeze_gradually(sgd(0.1), ("head", "bdoy"), 1),
    ],
)
def test_a_pattern_without_a_leaf_is_refused(tx):
    params = {"head": jnp.zeros(2)}
    with pytest.raises(ValueError, match="no parameter path matches"):
        tx.update(params, tx.init(params), params)


class Body(nn.Module):
    """Ours and Flax's batch norm, told as a field and as an argument, one without parameters."""

    @nn.compact
    def __call__(self, x, *, train):
        h = BatchNorm()(nn.Dense(6)(x), train=train)
        h = nn.BatchNorm(use_running_average=not train)(nn.Dense(6)(nn.relu(h)))
        h = nn.BatchNorm()(nn.Dense(5)(nn.relu(h)), not train)
        return nn.BatchNorm(use_running_average=not train, use_bias=False, use_scale=False)(h)


class Tuned(nn.Module):
    """A body, and a head that has batch norm of its own."""

    @nn.compact
    def __call__(self, x, *, train):
        h = Body(name="body")(x, train=train)
        return nn.Dense(3)(BatchNorm(name="own")(nn.relu(h), train=train))


def moved(task, tx, batch=BATCH):
    """Training data far from what the statistics are of: every one that may move does."""
    state = initial(task, tx, KEY, batch)
    stats = jax.tree.map(lambda leaf: np.asarray(leaf) + np.float32(0.25), state.model_state)
    first = state = state._replace(model_state=stats)
    for state, _ in train.fit(task, tx, state, [batch] * 3):
        pass
    return first, state


@pytest.mark.parametrize("nested", [False, True], ids=["freeze", "within a chain"])
def test_a_frozen_body_with_batch_norm_stays_the_function_that_it_was(nested):
    task = tasks.classification(Tuned())
    tx = optimizers.freeze(adam(0.05), "body")
    first, last = moved(task, optax.chain(optax.clip(1.0), tx) if nested else tx)
    before, after = first.model_state["batch_stats"], last.model_state["batch_stats"]
    assert len(jax.tree.leaves(before["body"])) == 8
    assert all(jax.tree.leaves(same_bits(before["body"], after["body"])))
    assert not any(jax.tree.leaves(same_bits(before["own"], after["own"])))
    # In training too it is that function: the head is trained as on its outputs.
    body = jax.jit(lambda variables: Body().apply(variables, X, train=False))
    h = body({"params": first.params["body"], "batch_stats": before["body"]})

    class HeadOnly(nn.Module):
        @nn.compact
        def __call__(self, x, *, train):
            return nn.Dense(3)(BatchNorm(name="own")(nn.relu(x), train=train))

    head, tx = tasks.classification(HeadOnly()), adam(0.05)
    batch = {**BATCH, "x": np.asarray(h)}
    state = initial(head, tx, KEY, batch)
    state = state._replace(
        params={name: first.params[name] for name in ("own", "Dense_0")},
        model_state={"batch_stats": {"own": before["own"]}},
    )
    if not nested:
        for state, _ in train.fit(head, tx, state, [batch] * 3):
            pass
        np.testing.assert_allclose(
            last.params["Dense_0"]["kernel"], state.params["Dense_0"]["kernel"], atol=1e-5
        )
        np.testing.assert_allclose(
            after["own"]["var"], state.model_state["batch_stats"]["own"]["var"], rtol=1e-5
        )


def test_statistics_move_where_only_other_parameters_are_frozen():
    first, last = moved(tasks.classification(Tuned()), optimizers.freeze(adam(0.05), "body/Dense"))
    assert not any(jax.tree.leaves(same_bits(first.model_state, last.model_state)))


def test_statistics_that_nothing_holds_are_refused():
    images = {
        "x": np.zeros((2, 8, 8, 1), np.float32),
    }
    task = tasks.gan(DCGenerator((4, 2), (8, 8)), DCDiscriminator((2, 4)), 3)
    tx = optimizers.freeze(adam(0.01), "generator")
    state = jax.eval_shape(lambda: train.init(task, tx, KEY, images))
    with pytest.raises(
        ValueError, match=r"frozen statistics would move: nothing tells \['generator/"
    ):
        jax.eval_shape(lambda state: train.step(task, tx, state, images), state)


def test_accumulated_steps_hold_a_frozen_body_as_well():
    micro = {name: array.reshape(2, 4, *array.shape[1:]) for name, array in BATCH.items()}
    task, tx = tasks.classification(Tuned()), optimizers.freeze(adam(0.05), "body")
    state = initial(task, tx, KEY, BATCH)
    after, _ = jax.jit(train.accumulated_step, static_argnums=(0, 1))(task, tx, state, micro)
    stats = [leaf.model_state["batch_stats"] for leaf in (state, after)]
    assert all(jax.tree.leaves(same_bits(stats[0]["body"], stats[1]["body"])))
    assert not any(jax.tree.leaves(same_bits(stats[0]["own"], stats[1]["own"])))


def test_modules_in_a_loop_are_held_as_well():
    task = tasks.classification(ResNet((2, 2), 3, 3))
    batch = {"x": np.ones((4, 8, 8, 1), np.float32), "y": np.zeros(4, np.int32)}
    tx = optimizers.freeze(sgd(0.1), "stage_0|stage_1")
    first = initial(task, tx, KEY, batch)
    last, _ = jax.jit(lambda state: train.step(task, tx, state, batch))(first)
    stats = (first.model_state["batch_stats"], last.model_state["batch_stats"])
    for name, same in same_bits(*stats).items():
        assert all(jax.tree.leaves(same)) == name.startswith("stage"), name
