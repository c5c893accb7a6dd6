"""Surfaces with a trap: saddle, plateau, cliff, hills, ripples, a floor, a sphere."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.types import Array, PyTree
from jaxdl.workloads import landscapes
from jaxdl.workloads.stress._conditioning import SIZE, TARGET
from jaxdl.workloads.stress._problem import Problem, rms, surface

DIRECTIONS = 8
"""Dimensions of the saddle and of the plateau."""


def _saddle(params: PyTree, ratio: Array) -> Array:
    return landscapes.saddle(params["x"], 1 / ratio)


def _to_ends(params: PyTree, memory: PyTree, difficulty: Array) -> Array:
    end = jnp.full(DIRECTIONS, DIRECTIONS**-0.5)
    return jnp.minimum(*(jnp.linalg.norm(params["x"] - side * end) for side in (1, -1)))


def plateau(params: PyTree, difficulty: Array) -> Array:
    """1 − exp(−½‖x − 1‖²): a hole in a plain, on which the gradient shrinks as exp(−½r²)."""
    return -jnp.expm1(-jnp.sum((params["x"] - 1) ** 2) / 2)


def _on_plain(radius: Array, key: Array) -> PyTree:
    way = jax.random.normal(key, (DIRECTIONS,))
    return {"x": 1 + radius * way / jnp.linalg.norm(way)}


def _cliff(params: PyTree, height: Array) -> Array:
    x, y = params["x"]
    return landscapes.cliff(x, y, height)


def _barrier(params: PyTree, height: Array) -> Array:
    x, y = params["x"]
    return landscapes.valley(x, y, height)


def _ripples(params: PyTree, height: Array) -> Array:
    apart = params["x"] - 1
    return jnp.sum(apart**2 / 2 + height * (1 - jnp.cos(2 * jnp.pi * apart)))


def _on_ripples(height: Array, key: Array) -> PyTree:
    way = jax.random.normal(key, (SIZE,))
    return {"x": 1 + 3 * way / jnp.linalg.norm(way)}


def _floor(params: PyTree, power: Array) -> Array:
    return jnp.sum(((params["x"] - TARGET) ** 2) ** power)


def _on_floor(difficulty: Array, key: Array) -> PyTree:
    side, size = jax.random.split(key)
    apart = jax.random.uniform(size, (SIZE,), minval=0.5)
    return {"x": TARGET + apart * jax.random.rademacher(side, (SIZE,), apart.dtype)}


def sphere(params: PyTree, difficulty: Array) -> Array:
    """1 − cos(x, target): the length of x changes nothing but how far a step turns it."""
    x = params["x"]
    return 1 - jnp.dot(x, TARGET) / (jnp.linalg.norm(x) * jnp.linalg.norm(TARGET))


def _of_length(length: Array, key: Array) -> PyTree:
    way = jax.random.normal(key, (SIZE,))
    return {"x": length * way / jnp.linalg.norm(way)}


def _to(x: float, y: float) -> Callable[..., Array]:
    return lambda params, memory, difficulty: jnp.linalg.norm(params["x"] - jnp.array([x, y]))


PROBLEMS = (
    Problem(
        name="saddle", about="a saddle", unit="curvature up over curvature down",
        levels=(1.0, 10.0, 100.0, 1000.0),
        start=lambda _, key: {"x": landscapes.beside_the_ridge(DIRECTIONS)(key)},
        loss=surface(_saddle), error=_to_ends, goal=0.1,
    ),
    Problem(
        name="plateau", about="a plateau", unit="distance to the hole in it, of radius 1",
        levels=(2.0, 3.5, 5.0, 6.5), start=_on_plain, loss=surface(plateau),
        error=lambda params, *_: jnp.linalg.norm(params["x"] - 1), goal=0.3,
    ),
    Problem(
        name="cliff", about="a cliff above the goal", unit="its height",
        levels=(0.2, 2.0, 20.0, 200.0), start=lambda _, key: {"x": landscapes.near(3.0, 1.0)(key)},
        loss=surface(_cliff),
        error=_to(0.0, 0.0), goal=0.1,
    ),
    Problem(
        name="barrier", about="a hill before a deep, wide minimum", unit="its height",
        levels=(0.03, 0.1, 0.3, 1.0), start=lambda _, key: {"x": landscapes.uphill(key)},
        loss=surface(_barrier),
        error=_to(5.0, 0.0), goal=0.2,
    ),
    Problem(
        name="ripples", about="small local minima", unit="their height",
        levels=(0.03, 0.1, 0.3, 1.0), start=_on_ripples, loss=surface(_ripples),
        error=lambda params, *_: rms(params["x"] - 1), goal=0.1,
    ),
    Problem(
        name="flat_bottom", about="a bottom so flat that gradients fade",
        unit="half of the power that the loss is of", levels=(1.0, 2.0, 4.0, 8.0),
        start=_on_floor, loss=surface(_floor),
        error=lambda params, *_: rms(params["x"] - TARGET), goal=0.2,
    ),
    Problem(
        name="scale_invariant", about="weights of which only the direction counts",
        unit="their length at the start", levels=(1.0, 10.0, 100.0, 1000.0),
        start=_of_length, loss=surface(sphere),
        error=lambda params, *_: sphere(params, jnp.ones(())), goal=0.01,
    ),
)  # fmt: skip
