"""Workloads whose lowest points are known: the target is a distance to the nearest of them."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from jaxdl.data import batches
from jaxdl.initializers import Initializer
from jaxdl.types import Task
from jaxdl.workloads import landscapes
from jaxdl.workloads._workload import Workload
from jaxdl.workloads.landscapes import Landscape

NEAR = 0.01
"""The distance at which the lowest point counts as found, all of which are of order 1 away."""
HIMMELBLAU = (
    (3.0, 2.0),
    (-2.805118, 3.131312),
    (-3.779310, -3.283186),
    (3.584428, -1.848127),
)


class Plane(NamedTuple):
    """height: `(x, y) -> height`, of any shape. optima: its lowest points, `[M, 2]`."""

    height: Callable[[Any, Any], Any]
    optima: tuple[tuple[float, float], ...]


def _above_the_bottom(x: Any, y: Any) -> Any:
    return landscapes.valley(x, y) - landscapes.BOTTOM


PLANES = {
    "rosenbrock": Plane(landscapes.rosenbrock, ((1.0, 1.0),)),
    "beale": Plane(landscapes.beale, ((3.0, 0.5),)),
    "himmelblau": Plane(landscapes.himmelblau, HIMMELBLAU),
    "ravine": Plane(landscapes.ravine, ((0.0, 0.0),)),
    "saddle_2": Plane(landscapes.saddle_of_two, ((0.5**0.5, 0.5**0.5), (-(0.5**0.5), -(0.5**0.5)))),
    "plateau": Plane(_above_the_bottom, ((5.0, 0.0),)),
    "cliff": Plane(landscapes.cliff, ((0.0, 0.0),)),
}
"""The workloads of two numbers, whose parameters are `{"point": [2]}`."""


def rosenbrock() -> Workload:
    """From around (−1.2, 1), as Moré, Garbow & Hillstrom 1981 start it."""
    start = landscapes.near(-1.2, 1.0)
    return _planar("rosenbrock", start, 2000)


def beale() -> Workload:
    """From around (1, 1), as Moré, Garbow & Hillstrom 1981 start it."""
    start = landscapes.near(1.0, 1.0)
    return _planar("beale", start, 1000)


def himmelblau() -> Workload:
    """From around (0, 0), between the four lowest points, each of which counts."""
    start = landscapes.near(0.0, 0.0)
    return _planar("himmelblau", start, 500)


def ravine() -> Workload:
    """A quadratic of condition number 100, from a random point of one of its level lines."""
    start = landscapes.on_a_level_line
    return _planar("ravine", start, 500)


def plateau() -> Workload:
    """A slope that ends in a plateau, with the minimum behind it."""
    return _planar("plateau", landscapes.uphill, 500)


def cliff() -> Workload:
    """From around (3, 1), above a wall at whose foot the minimum is."""
    start = landscapes.near(3.0, 1.0)
    return _planar("cliff", start, 1000)


def saddle(dimension: int) -> Workload:
    """A saddle with one way down, along the diagonal, of so many numbers (2 or more)."""
    if dimension < 2:
        raise ValueError(f"a saddle has 2 dimensions or more, not {dimension}")
    end = np.full(dimension, dimension**-0.5)
    start = landscapes.beside_the_ridge(dimension)
    optima = np.stack([end, -end]).tolist()
    return _workload(f"saddle_{dimension}", Landscape(landscapes.saddle, start, optima), 500)


def without_weights(
    name: str, make: Callable[[], Task], kernel_init: Initializer | None = None
) -> Task:
    """The task, where there is nothing that an initializer could draw; ValueError for one."""
    if kernel_init is not None:
        raise ValueError(f"the workload {name} has no weights: it takes no initializer")
    return make()


def no_data() -> dict[str, Any]:
    """For tasks that look at no batch: parts of one number each."""
    one = {"none": np.zeros(1, np.float32)}
    held_out = batches.padded_batches(one, 1)
    return {"train": one, "validation": held_out, "test": held_out}


def _planar(name: str, start: Callable[..., Any], steps: int) -> Workload:
    height, optima = PLANES[name]
    return _workload(name, Landscape(landscapes.planar(height), start, optima), steps)


def _workload(name: str, landscape: Landscape, steps: int) -> Workload:
    return Workload(
        name=name,
        task=functools.partial(without_weights, name, lambda: landscapes.descent(landscape)),
        data=no_data,
        batch_size=1,
        steps=steps,
        metric="distance",
        target=NEAR,
        source=f"declared: a distance of {NEAR}",
    )
