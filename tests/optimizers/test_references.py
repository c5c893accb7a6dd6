"""Every optimizer, step by step, beside optax (live) and torch.optim (recorded), in float64."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jaxdl.optimizers as ours

GOLDENS = Path(__file__).parents[1] / "goldens" / "optimizers.npz"
RENEW = "renew with: python tests/goldens/make_optimizers.py (parity extra)"


def flat_loss(params, x, y):
    return jnp.mean((jnp.tanh(x @ params) - y[:, 0]) ** 2)


def nested_loss(params, x, y):
    dense = params["dense"]
    hidden = jnp.tanh(x @ dense["kernel"] + dense["bias"][None])
    return jnp.mean((params["scale"] * hidden - y) ** 2)


def trees(data):
    """The two problems, each a loss and its start: a vector; a matrix, a vector and a scalar."""
    nested = {"dense": {"kernel": data["kernel"], "bias": data["bias"]}, "scale": data["scale"]}
    return [(flat_loss, data["flat"]), (nested_loss, nested)]


def trajectory(transforms, loss, start, x, y):
    """The first transform leads: parameters after each step, and the updates of every transform.

    All see the gradients on the way of the first; leaves are [steps, ...].
    """

    def step(carry, batch):
        params, states = carry
        grads = jax.grad(loss)(params, *batch)
        pairs = [tx.update(grads, s, params) for tx, s in zip(transforms, states, strict=True)]
        updates, states = zip(*pairs, strict=True)
        params = optax.apply_updates(params, updates[0])
        return (params, states), (params, updates)

    start = jax.tree.map(jnp.asarray, start)
    return jax.lax.scan(step, (start, tuple(tx.init(start) for tx in transforms)), (x, y))[1]


TORCH = {
    "sgd": ours.sgd(0.1),
    "momentum": ours.momentum(0.05, decay=0.9),
    "nesterov": ours.nesterov(0.05, decay=0.9),
    "adagrad": ours.adagrad(0.1, eps=1e-10),
    "adagrad_initial": ours.adagrad(0.1, eps=1e-3, initial=0.1),
    "rmsprop": ours.rmsprop(0.01, decay=0.9, eps=1e-6),
    "rmsprop_centered": ours.rmsprop_centered(0.002, decay=0.95, eps=1e-4),
    "rmsprop_momentum": ours.rmsprop_momentum(0.002, decay=0.9, eps=1e-6, momentum=0.8),
    "adam": ours.adam(0.02, b1=0.9, b2=0.99, eps=1e-6),
    "adam_l2": optax.chain(ours.add_weight_decay(0.1), ours.adam(0.02, b1=0.9, b2=0.99, eps=1e-6)),
    "adamw": ours.adamw(0.02, b1=0.9, b2=0.99, eps=1e-6, weight_decay=0.1),
}


@pytest.mark.parametrize("case", TORCH)
def test_equals_torch(case):
    data = np.load(GOLDENS)
    with jax.enable_x64(True):

        @jax.jit
        def run(x, y):
            return [trajectory([TORCH[case]], loss, start, x, y)[0] for loss, start in trees(data)]

        flat, nested = run(data["x"], data["y"])
    got = {"flat": flat, **nested["dense"], "scale": nested["scale"]}
    for name, value in got.items():
        assert value.shape[0] == 100
        np.testing.assert_allclose(
            value, data[f"{case}/{name}"], rtol=1e-10, atol=1e-12, err_msg=RENEW
        )


def matrices_decay(params):
    return jax.tree.map(lambda p: p.ndim == 2, params)


def decaying(step):
    return 0.1 / (1 + 0.1 * step)


def rescaled(tx):
    return optax.chain(tx, ours.sgd(0.05))


OPTAX = {
    "sgd": (ours.sgd(0.1), optax.sgd(0.1)),
    "sgd_schedule": (ours.sgd(decaying), optax.sgd(decaying)),
    "momentum": (ours.momentum(0.05, 0.8), optax.sgd(0.05, momentum=0.8)),
    "momentum_averaged": (
        ours.momentum_averaged(0.1, 0.8),
        optax.chain(optax.ema(0.8, debias=False), optax.scale(-0.1)),
    ),
    "nesterov": (ours.nesterov(0.05, 0.8), optax.sgd(0.05, momentum=0.8, nesterov=True)),
    "adagrad": (ours.adagrad(0.1, eps=0.0, eps_root=1e-7, initial=0.1), optax.adagrad(0.1)),
    "rmsprop": (
        ours.rmsprop(0.01, 0.8, eps=1e-6),
        optax.rmsprop(0.01, 0.8, eps=1e-6, eps_in_sqrt=False),
    ),
    "rmsprop_root": (
        ours.rmsprop(0.01, 0.8, eps=0.0, eps_root=1e-6),
        optax.rmsprop(0.01, 0.8, eps=1e-6),
    ),
    "rmsprop_centered": (
        ours.rmsprop_centered(0.002, 0.8, eps=1e-3),
        optax.rmsprop(0.002, 0.8, eps=1e-3, eps_in_sqrt=False, centered=True),
    ),
    "rmsprop_centered_root": (
        ours.rmsprop_centered(0.002, 0.8, eps=0.0, eps_root=1e-4),
        optax.rmsprop(0.002, 0.8, eps=1e-4, centered=True),
    ),
    "rmsprop_momentum": (
        ours.rmsprop_momentum(0.002, 0.8, eps=1e-6, momentum=0.7),
        optax.rmsprop(0.002, 0.8, eps=1e-6, eps_in_sqrt=False, momentum=0.7),
    ),
    "adam": (ours.adam(0.02), optax.adam(0.02)),
    "adam_root": (
        ours.adam(0.02, 0.8, 0.95, eps=1e-4, eps_root=1e-3),
        optax.adam(0.02, 0.8, 0.95, eps=1e-4, eps_root=1e-3),
    ),
    "adam_schedule": (ours.adam(decaying), optax.adam(decaying)),
    "adamw": (
        ours.adamw(0.02, weight_decay=0.1, mask=matrices_decay),
        optax.adamw(0.02, weight_decay=0.1, mask=matrices_decay),
    ),
    "add_weight_decay": (
        rescaled(ours.add_weight_decay(0.1)),
        rescaled(optax.add_decayed_weights(0.1)),
    ),
    "clip_by_value": (rescaled(ours.clip_by_value(0.2)), rescaled(optax.clip(0.2))),
    "clip_by_global_norm": (
        rescaled(ours.clip_by_global_norm(0.5)),
        rescaled(optax.clip_by_global_norm(0.5)),
    ),
    "adaptive_clip": (
        rescaled(ours.adaptive_clip(0.2, eps=1e-2)),
        rescaled(optax.adaptive_grad_clip(0.2, eps=1e-2)),
    ),
}


@pytest.mark.parametrize("case", OPTAX)
def test_equals_optax(case):
    data = np.load(GOLDENS)
    with jax.enable_x64(True):

        @jax.jit
        def run(x, y):
            return [trajectory(OPTAX[case], loss, start, x, y)[1] for loss, start in trees(data)]

        pairs = run(data["x"], data["y"])
    for got, expected in pairs:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-13), got, expected
        )


def test_every_optimizer_has_both_references():
    assert set(ours.OPTIMIZERS) <= set(OPTAX)
    # torch.optim has no averaged momentum that starts from zero: its first step is undamped.
    assert set(ours.OPTIMIZERS) - {"momentum_averaged"} <= set(TORCH)
