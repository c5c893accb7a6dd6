"""Functions of which the lowest points are known, as tasks whose parameters are the point itself.

J. J. Moré, B. S. Garbow, K. E. Hillstrom, Testing Unconstrained Optimization Software, 1981,
https://doi.org/10.1145/355934.355936 (Rosenbrock, Beale); D. M. Himmelblau, Applied Nonlinear
Programming, 1972; Pascanu, Mikolov & Bengio 2013, https://arxiv.org/abs/1211.5063 (cliffs).
Those of two numbers are written for `report.trajectories`, too: `(x, y) -> height`, of any shape.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.types import Array, Batch, Metrics, PyTree, Task

CONDITION = 100.0
"""Of the ravine: the largest curvature over the smallest."""
BOTTOM = -3.0
"""The height of the deep minimum of `valley`, which is at (5, 0)."""


def rosenbrock(x: Array, y: Array, steepness: ArrayLike = 100.0) -> Array:
    """(1 − x)² + steepness (y − x²)²: a bent valley; lowest, 0, at (1, 1)."""
    return (1 - x) ** 2 + steepness * (y - x**2) ** 2


def beale(x: Array, y: Array) -> Array:
    """Σ_k (c_k − x (1 − y^k))², c = 1.5, 2.25, 2.625: flat far out; lowest, 0, at (3, ½)."""
    first = (1.5 - x * (1 - y)) ** 2
    return first + (2.25 - x * (1 - y**2)) ** 2 + (2.625 - x * (1 - y**3)) ** 2


def himmelblau(x: Array, y: Array) -> Array:
    """(x² + y − 11)² + (x + y² − 7)²: four lowest points of height 0."""
    return (x**2 + y - 11) ** 2 + (x + y**2 - 7) ** 2


def ravine(x: Array, y: Array) -> Array:
    """½x² + ½ · `CONDITION` · y²: lowest, 0, at (0, 0)."""
    return (x**2 + CONDITION * y**2) / 2


def valley(x: Array, y: Array, bump: ArrayLike = 0.0) -> Array:
    """A slope, then a plateau with a bump of this height at x = 2, and a deep minimum at (5, 0)."""
    slope = jax.nn.softplus(-4 * (x + 1)) / 2
    hill = bump * jnp.exp(-(((x - 2) / 0.3) ** 2) / 2)
    return slope + hill + BOTTOM * jnp.exp(-((x - 5) ** 2) / 2) + y**2 / 2


def cliff(x: Array, y: Array, height: ArrayLike = 20.0) -> Array:
    """√(1 + x²) − 1 + ½y² + height · σ(100x − 50): lowest, 0, at (0, 0), at the foot of a wall.

    The slope along x is 25 times the height on the wall, 500 as a rule, and at most 1 elsewhere: a
    step of plain descent that is taken there leads so far that the way back needs as many, whatever
    the rate.
    """
    return jnp.sqrt(1 + x**2) - 1 + y**2 / 2 + height * jax.nn.sigmoid(100 * x - 50)


def saddle(point: Array, bend: ArrayLike = 1.0) -> Array:
    """½(‖p‖² − s²) + ¼ bend (s² − 1)², s = Σp/√D: lowest, 0, where all D coordinates are ±1/√D.

    At 0 the curvature is −bend along the diagonal and 1 in the D − 1 other directions.
    """
    s = point.sum() / jnp.sqrt(point.size)
    return (jnp.sum(point**2) - s**2) / 2 + bend * (s**2 - 1) ** 2 / 4


def saddle_of_two(x: Array, y: Array) -> Array:
    """`saddle` of two numbers, elementwise."""
    return jnp.vectorize(lambda x, y: saddle(jnp.stack([x, y])))(x, y)


class Landscape(NamedTuple):
    """value: `point [D] -> height` above the lowest; start: `key -> [D]`; optima: `[M, D]`."""

    value: Callable[[Array], Array]
    start: Callable[[Array], Array]
    optima: Sequence[Sequence[float]]


def planar(height: Callable[[Array, Array], Array]) -> Callable[[Array], Array]:
    """A function of two numbers as one of a point."""
    return lambda point: height(point[0], point[1])


def near(x: float, y: float) -> Callable[[Array], Array]:
    """Starts around a point, normal with the standard deviation 0.1."""
    return lambda key: jnp.array([x, y]) + 0.1 * jax.random.normal(key, (2,))


def on_a_level_line(key: Array) -> Array:
    """A start at the height ½ of the ravine."""
    angle = jax.random.uniform(key, maxval=2 * jnp.pi)
    return jnp.stack([jnp.cos(angle), jnp.sin(angle) / CONDITION**0.5])


def uphill(key: Array) -> Array:
    """A start on the slope before the plateau."""
    return jax.random.uniform(key, (2,), minval=-1.0) + jnp.array([-3.0, 0.0])


def beside_the_ridge(dimension: int) -> Callable[[Array], Array]:
    """Starts of the saddle at a distance of 1, of which 0.001 points downhill."""

    def start(key: Array) -> Array:
        level = jax.random.normal(key, (dimension,))
        level = level - level.mean()
        return level / jnp.linalg.norm(level) + 1e-3 / dimension**0.5

    return start


def descent(landscape: Landscape) -> Task:
    """The task of going down, from `start(key)`; a batch is not looked at.

    Reports `loss`, the height, and `distance`, to the nearest of the optima. `predict` gives the
    point.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        return {"point": landscape.start(key)}, {}

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        point, one = params["point"], jnp.ones(())
        height = landscape.value(point)
        apart = point[None] - jnp.asarray(landscape.optima, point.dtype)
        distance = jax.lax.stop_gradient(jnp.linalg.norm(apart, axis=1).min())
        return height, (model_state, {"loss": (height, one), "distance": (distance, one)})

    return Task(init, loss, lambda params, model_state, batch: params["point"])
