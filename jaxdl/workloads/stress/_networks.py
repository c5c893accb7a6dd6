"""Small networks: parity, rare classes, depth, weak directions, long memory, a need of decay."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.types import Array, PyTree
from jaxdl.workloads.stress._conditioning import rotation
from jaxdl.workloads.stress._problem import Problem, ladder, product, rms, surface

BITS, HIDDEN = 5, 16
INPUTS = np.array(list(itertools.product([0.0, 1.0], repeat=BITS)), np.float32)
CLASSES = 16
DEEPEST = 20
"""Weights of the chain."""
FACTORS, WIDTH = 4, 4
"""Layers of the deep linear network, and their width."""
RANK, SIDE = 3, 6
LONGEST, UNITS = 32, 4
"""Steps of the recurrent network, and its units."""
SIGNAL = 0.5
"""What the recurrent network is to remember."""
ALONG = np.full(16, 0.25, np.float32)
"""The direction that the data see; of length 1."""


def _start_parity(difficulty: Array, key: Array) -> PyTree:
    first, second = jax.random.split(key)
    return {
        "hidden": jax.random.normal(first, (BITS, HIDDEN)) / BITS**0.5,
        "bias": jnp.zeros(HIDDEN),
        "out": jax.random.normal(second, (HIDDEN, 1)) / HIDDEN**0.5,
    }


def _margins(params: PyTree, bits: Array) -> Array:
    """How far each of the 32 rows is on the right side, where the first `bits` bits are there."""
    there = jnp.arange(BITS)[None] < bits
    hidden = jnp.tanh((INPUTS * there) @ params["hidden"] + params["bias"][None])
    return (hidden @ params["out"])[:, 0] * jnp.where(there, 1 - 2 * INPUTS, 1).prod(axis=1)


def _imbalance(params: PyTree, ratio: Array) -> Array:
    share = 1 / ladder(ratio, CLASSES)
    return -jnp.sum(share * jax.nn.log_softmax(_logits(params)).diagonal()) / share.sum()


def _logits(params: PyTree) -> Array:
    """Of the one example of each class, `[CLASSES, CLASSES]`: its own feature, and all others."""
    return params["x"] + params["x"].sum(axis=0, keepdims=True)


def _missed(params: PyTree, memory: PyTree, difficulty: Array) -> Array:
    return 1 - jax.nn.softmax(_logits(params)).diagonal().mean()


def _chain(params: PyTree, depth: Array) -> Array:
    """The product of the first `depth` weights."""
    return jnp.where(jnp.arange(DEEPEST) < depth, params["x"], 1).prod()


def _chained(name: str, first: float, levels: tuple[float, float, float, float]) -> Problem:
    return Problem(
        name=f"{name}_depth", about=f"{name} gradients", unit="weights in a chain", levels=levels,
        start=lambda _, key: {"x": first * jnp.exp(0.05 * jax.random.normal(key, (DEEPEST,)))},
        loss=surface(lambda params, depth: (_chain(params, depth) - 1) ** 2 / 2),
        error=lambda params, _, depth: jnp.abs(_chain(params, depth) - 1), goal=0.05,
    )  # fmt: skip


def _start_deep(difficulty: Array, key: Array) -> PyTree:
    keys = jax.random.split(key, FACTORS)
    return {f"layer_{n}": jax.random.normal(k, (WIDTH, WIDTH)) / 4 for n, k in enumerate(keys)}


def _apart(params: PyTree, depth: Array) -> Array:
    whole = jnp.eye(WIDTH)
    for number, layer in enumerate(params.values()):
        whole = jnp.where(number < depth, product(layer, whole), whole)
    return whole - rotation(WIDTH)


def _start_weak(difficulty: Array, key: Array) -> PyTree:
    left, right = jax.random.split(key)
    return {
        "left": 0.1 * jax.random.normal(left, (SIDE, RANK)),
        "right": 0.1 * jax.random.normal(right, (RANK, SIDE)),
    }


def _weak(params: PyTree, ratio: Array) -> Array:
    turn = rotation(SIDE)
    wanted = (turn[:, :RANK] / ladder(ratio, RANK)[None]) @ turn[:RANK]
    return jnp.sum((product(params["left"], params["right"]) - wanted) ** 2) / 2


def _weakest(params: PyTree, memory: PyTree, ratio: Array) -> Array:
    """The largest relative error of a singular value, along its own directions."""
    turn = rotation(SIDE)
    found = product(turn[:, :RANK].T, params["left"]) * product(params["right"], turn[:RANK].T).T
    return jnp.abs(found.sum(axis=1) * ladder(ratio, RANK) - 1).max()


def _start_recurrent(difficulty: Array, key: Array) -> PyTree:
    inward, around = jax.random.split(key)
    return {
        "inward": jax.random.normal(inward, (UNITS,)),
        "around": jax.random.normal(around, (UNITS, UNITS)) / 4,
    }


def _remembered(params: PyTree, steps: Array) -> Array:
    """The first unit, so many steps after the signal; without biases silence stays silence."""

    def step(hidden: Array, number: Array) -> tuple[Array, None]:
        after = jnp.tanh(params["around"] @ hidden)
        return jnp.where(number < steps, after, hidden), None

    return jax.lax.scan(step, jnp.tanh(params["inward"]), jnp.arange(LONGEST))[0][0]


PROBLEMS = (
    Problem(
        name="parity", about="parity, of which XOR is the smallest", unit="bits",
        levels=(2.0, 3.0, 4.0, 5.0), start=_start_parity,
        loss=surface(lambda params, bits: jax.nn.softplus(-_margins(params, bits)).mean()),
        error=lambda params, _, bits: (_margins(params, bits) <= 0).mean(), goal=0.01,
    ),
    Problem(
        name="imbalance", about="rare classes", unit="the most frequent over the rarest",
        levels=(1.0, 10.0, 100.0, 1000.0),
        start=lambda _, key: {"x": 0.1 * jax.random.normal(key, (CLASSES, CLASSES))},
        loss=surface(_imbalance), error=_missed, goal=0.1,
    ),
    _chained("vanishing", 0.5, (2.0, 6.0, 12.0, 20.0)),
    _chained("exploding", 2.0, (2.0, 5.0, 8.0, 11.0)),
    Problem(
        name="deep_linear", about="depth of matrices", unit="layers",
        levels=(1.0, 2.0, 3.0, 4.0), start=_start_deep,
        loss=surface(lambda params, depth: jnp.sum(_apart(params, depth) ** 2) / 2),
        error=lambda params, _, depth: rms(_apart(params, depth)) * WIDTH**0.5, goal=0.1,
    ),
    Problem(
        name="weak_directions", about="directions of a matrix that are weak",
        unit="strongest over weakest", levels=(1.0, 4.0, 16.0, 64.0), start=_start_weak,
        loss=surface(_weak), error=_weakest, goal=0.1,
    ),
    Problem(
        name="long_memory", about="a signal to be remembered", unit="steps",
        levels=(2.0, 8.0, 16.0, 32.0), start=_start_recurrent, steps=500,
        loss=surface(lambda params, steps: (_remembered(params, steps) - SIGNAL) ** 2 / 2),
        error=lambda params, _, steps: jnp.abs(_remembered(params, steps) - SIGNAL), goal=0.05,
    ),
    Problem(
        name="minimum_norm", about="data that leave weights free, which only decay shrinks",
        unit="their size at the start", levels=(0.3, 1.0, 3.0, 10.0),
        start=lambda size, key: {"x": size * jax.random.normal(key, (16,))},
        loss=surface(lambda params, _: (jnp.dot(params["x"], ALONG) - 1) ** 2 / 2),
        error=lambda params, *_: rms(params["x"] - ALONG), goal=0.1,
    ),
)  # fmt: skip
