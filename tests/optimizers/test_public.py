"""What every public transformation promises of its arguments: extra ones, and leaves of None."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl.optimizers as ours

# Functions of the parameters they cannot ignore: tests/optimizers/test_second_order.py.
OF_SECOND_ORDER = {*ours.SECOND_ORDER, *(f"scale_by_{name}" for name in ours.SECOND_ORDER)}
MADE = {name: make(0.1) for name, make in ours.OPTIMIZERS.items()} | {
    "clip_by_value": ours.clip_by_value(0.5),
    "clip_by_global_norm": ours.clip_by_global_norm(0.5),
    "clip_by_layer_norm": ours.clip_by_layer_norm(0.5),
    "adaptive_clip": ours.adaptive_clip(0.1),
    "add_weight_decay": ours.add_weight_decay(0.1),
    "add_weight_decay, masked": ours.add_weight_decay(
        0.1, lambda params: jax.tree.map(lambda leaf: leaf.ndim > 0, params)
    ),
    "adamw, masked": ours.adamw(0.1, mask={"a": True, "b": True}),
    "freeze": ours.freeze(ours.sgd(0.1), "a"),
    "unfreeze_gradually": ours.unfreeze_gradually(ours.scale_by_adam(), ("a", "b/c|b/d"), 1),
    "partition_by_path": ours.partition_by_path({"b/d": ours.adam(0.1), "": ours.sgd(0.1)}),
    "with_loss_scale": ours.with_loss_scale(ours.adam(0.1)),
    "scale_by_path": ours.scale_by_path({"a|b": 0.5}),
    **{
        name: getattr(ours, name)()
        for name in ours.__all__
        if name.startswith("scale_by_") and name not in {"scale_by_path", *OF_SECOND_ORDER}
    },
}
FULL = {"a": jnp.array([1.0, -2.0]), "b": {"c": jnp.array([3.0]), "d": jnp.array([[0.5]])}}
PARTS = {"a": FULL["a"], "b": {"c": None, "d": FULL["b"]["d"]}}
every = pytest.mark.parametrize("name", MADE)


def two_steps(tx, grads, params, **extra):
    state = tx.init(params)
    _, state = tx.update(grads, state, params, **extra)
    return tx.update(grads, state, params, **extra)


@every
def test_extra_arguments_are_taken_and_change_nothing(name):
    tx = MADE[name]
    extra = {"value": 1.0, "grad": FULL, "value_fn": lambda params: 0.0}
    plain, given = two_steps(tx, FULL, FULL), two_steps(tx, FULL, FULL, **extra)
    jax.tree.map(np.testing.assert_array_equal, given, plain)


@every
def test_leaves_of_none_are_as_if_they_were_not_there(name):
    alone = {"a": FULL["a"], "b": {"d": FULL["b"]["d"]}}
    updates, _ = two_steps(MADE[name], PARTS, PARTS)
    expected, _ = two_steps(MADE[name], alone, alone)
    assert updates["b"].pop("c") is None
    jax.tree.map(np.testing.assert_array_equal, updates, expected)


# A partition of optax knows no gradient of None.
@pytest.mark.parametrize("name", [name for name in MADE if not re.search("freeze|partition", name)])
def test_a_gradient_of_none_leaves_its_parameter_and_its_state(name):
    tx = MADE[name]
    updates, state = two_steps(tx, PARTS, FULL)
    expected, _ = two_steps(tx, PARTS, PARTS)
    assert jax.tree.structure(updates) == jax.tree.structure(PARTS)
    jax.tree.map(np.testing.assert_array_equal, updates, expected)
    before = tx.init(FULL)
    assert jax.tree.structure(state) == jax.tree.structure(before)
    places = zip(jax.tree_util.tree_leaves_with_path(state), jax.tree.leaves(before), strict=True)
    for (path, now), then in places:
        if path[-1] == jax.tree_util.DictKey("c"):
            np.testing.assert_array_equal(now, then)
    whole, _ = tx.update({"a": FULL["a"], "b": None}, before, FULL)  # None for a subtree
    assert whole["b"] is None


def test_every_public_transformation_is_here():
    public = [getattr(ours, name) for name in ours.__all__]
    makers = {
        f.__name__
        for f in public
        if getattr(f, "__annotations__", {}).get("return") == optax.GradientTransformationExtraArgs
    }
    assert makers == {name.split(",")[0] for name in MADE} | OF_SECOND_ORDER
