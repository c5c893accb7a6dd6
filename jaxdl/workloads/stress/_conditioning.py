"""Curvatures and scales that differ: along the axes, rotated, in matrices, among layers."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.types import Array, PyTree
from jaxdl.workloads import landscapes
from jaxdl.workloads.stress._problem import Problem, ladder, rms, surface

SIZE, SIDE = 16, 8
CONDITIONS = (10.0, 100.0, 1e4, 1e6)
TARGET = np.where(np.arange(SIZE) % 2, -1.0, 1.0).astype(np.float32)
MATRIX = np.eye(SIDE, dtype=np.float32)
LAYERS = ("first", "second", "third")
LAYER = np.eye(4, dtype=np.float32)


def rotation(size: int) -> np.ndarray:
    """A rotation `[size, size]` drawn once and for all."""
    drawn = np.random.RandomState(0).normal(size=(size, size))
    return np.linalg.qr(drawn)[0].astype(np.float32)


def beside_target(difficulty: Array, key: Array) -> PyTree:
    """A start whose distance to `TARGET` is normal in each coordinate."""
    return {"x": TARGET + jax.random.normal(key, (SIZE,))}


def distance(params: PyTree, memory: PyTree, difficulty: Array) -> Array:
    """To `TARGET`, as the root of the mean square over coordinates."""
    return rms(params["x"] - TARGET)


def _along_axes(params: PyTree, condition: Array) -> Array:
    return jnp.sum((params["x"] - TARGET) ** 2 / ladder(condition, SIZE)) / 2


def _rotated(params: PyTree, condition: Array) -> Array:
    turned = rotation(SIZE) @ (params["x"] - TARGET)
    return jnp.sum(turned**2 / ladder(condition, SIZE)) / 2


def _of_matrix(params: PyTree, condition: Array) -> Array:
    turned = rotation(SIDE) @ (params["x"] - MATRIX)
    return jnp.sum(turned**2 / ladder(condition, SIDE)[:, None]) / 2


def _scaled(params: PyTree, scale: Array) -> Array:
    return jnp.sum((params["x"] / _optimum(scale) - 1) ** 2) / 2


def _optimum(scale: Array) -> Array:
    return ladder(scale, SIZE) / jnp.sqrt(scale)


def _in_layers(params: PyTree, scale: Array) -> Array:
    weights = {"first": scale, "second": jnp.ones(()), "third": 1 / scale}
    return sum(
        (weights[name] * jnp.sum((params[name] - LAYER) ** 2) / 2 for name in LAYERS), jnp.zeros(())
    )


def _start_layers(difficulty: Array, key: Array) -> PyTree:
    keys = jax.random.split(key, len(LAYERS))
    shape = LAYER.shape
    return {n: LAYER + jax.random.normal(k, shape) for n, k in zip(LAYERS, keys, strict=True)}


def _valley(params: PyTree, steepness: Array) -> Array:
    x, y = params["x"]
    return landscapes.rosenbrock(x, y, steepness)


PROBLEMS = (
    Problem(
        name="axes", about="curvatures that differ along the axes", unit="condition number",
        levels=CONDITIONS, start=beside_target, loss=surface(_along_axes),
        error=distance, goal=0.1,
    ),
    Problem(
        name="rotated", about="curvatures that differ along rotated axes", unit="condition number",
        levels=CONDITIONS, start=beside_target, loss=surface(_rotated),
        error=distance, goal=0.1,
    ),
    Problem(
        name="matrix", about="curvatures that differ among combinations of a matrix's rows",
        unit="condition number", levels=CONDITIONS,
        start=lambda _, key: {"x": MATRIX + jax.random.normal(key, MATRIX.shape)},
        loss=surface(_of_matrix), error=lambda params, *_: rms(params["x"] - MATRIX), goal=0.1,
    ),
    Problem(
        name="parameter_scale", about="parameters of different sizes",
        unit="largest over smallest", levels=(3.0, 10.0, 100.0, 1000.0),
        start=lambda d, key: {"x": 0.1 * _optimum(d) * jax.random.normal(key, (SIZE,))},
        loss=surface(_scaled), error=lambda p, _, d: rms(p["x"] / _optimum(d) - 1), goal=0.1,
    ),
    Problem(
        name="layer_scale", about="layers whose gradients differ in size",
        unit="one layer's over the next one's", levels=(3.0, 10.0, 100.0, 1000.0),
        start=_start_layers, loss=surface(_in_layers),
        error=lambda params, *_: rms(jnp.stack([params[name] - LAYER for name in LAYERS])),
        goal=0.1,
    ),
    Problem(
        name="narrow_valley", about="a bent, narrow valley", unit="steepness of its walls",
        levels=(1.0, 10.0, 100.0, 1000.0),
        start=lambda _, key: {"x": landscapes.near(-1.2, 1.0)(key)},
        loss=surface(_valley), error=lambda params, *_: jnp.linalg.norm(params["x"] - 1), goal=0.1,
        steps=2000,
    ),
)  # fmt: skip
