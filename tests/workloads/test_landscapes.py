import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

from jaxdl.workloads import PLANES, WORKLOADS, landscapes

KNOWN = [name for name in WORKLOADS if WORKLOADS[name]().metric == "distance"]
KNOWN.remove("breast_cancer")


def heights(name, points):
    """(loss, distance) of a workload's task at points."""
    task = WORKLOADS[name]().task()

    def measure(point):
        return task.loss({"point": point}, {}, {}, jax.random.key(0), train=False)

    value, (_, reported) = jax.jit(jax.vmap(measure))(jnp.asarray(points, jnp.float32))
    np.testing.assert_array_equal(value, reported["loss"][0])
    return np.asarray(value), np.asarray(reported["distance"][0])


def test_heights_are_those_of_the_books():
    assert landscapes.rosenbrock(-1.2, 1.0) == pytest.approx(optimize.rosen([-1.2, 1.0]))
    assert landscapes.beale(1.0, 1.0) == pytest.approx(1.5**2 + 2.25**2 + 2.625**2)
    assert landscapes.himmelblau(0.0, 0.0) == 121 + 49
    assert landscapes.ravine(2.0, 3.0) == 2 + 450
    assert landscapes.valley(5.0, 0.0) == pytest.approx(landscapes.BOTTOM, abs=1e-6)
    assert landscapes.cliff(0.5, 2.0) == pytest.approx(1.25**0.5 - 1 + 2 + 10)
    # s = 3/√2: ½(5 − 4.5) + ¼(3.5)²
    assert landscapes.saddle(jnp.array([1.0, 2.0])) == pytest.approx(0.25 + 3.5**2 / 4)


@pytest.mark.parametrize("name", PLANES)
def test_a_plane_is_its_workload(name):
    points = np.random.default_rng(0).normal(size=(5, 2))
    plane = PLANES[name]
    value, _ = heights(name, points)
    np.testing.assert_allclose(plane.height(*points.T), value, rtol=1e-4, atol=1e-4)
    _, distance = heights(name, np.asarray(plane.optima))
    np.testing.assert_allclose(distance, 0, atol=1e-5)


OPTIMA = {
    "rosenbrock": [[1, 1]],
    "beale": [[3, 0.5]],
    "himmelblau": [[3, 2], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848127]],
    "ravine": [[0, 0]],
    "plateau": [[5, 0]],
    "cliff": [[0, 0]],
    **{f"saddle_{d}": [np.full(d, d**-0.5), -np.full(d, d**-0.5)] for d in (2, 10, 100, 1000)},
}


def test_every_landscape_has_its_optima_here():
    assert sorted(OPTIMA) == sorted(KNOWN)


@pytest.mark.parametrize("name", OPTIMA)
def test_nothing_is_lower_than_the_optima(name):
    optima = np.array(OPTIMA[name], np.float32)
    rng = np.random.default_rng(0)
    step = rng.normal(size=(50, optima.shape[1]))
    step *= 0.01 / np.linalg.norm(step, axis=1, keepdims=True)
    far = 5 * rng.normal(size=(100, optima.shape[1]))
    height, distance = heights(name, np.concatenate([optima, optima[0] + step, far]))
    best = len(optima)
    np.testing.assert_allclose(height[:best], 0, atol=2e-6)
    np.testing.assert_allclose(distance[:best], 0, atol=2e-6)
    assert (height[best:] > 1e-6).all()
    np.testing.assert_allclose(distance[best : best + 50], 0.01, rtol=1e-3)


def test_a_saddle_bends_down_along_the_diagonal_alone():
    curvatures = np.linalg.eigvalsh(jax.jit(jax.hessian(landscapes.saddle))(jnp.zeros(20)))
    np.testing.assert_allclose(curvatures, [-1, *[1] * 19], atol=1e-5)
    start = np.asarray(jax.jit(landscapes.beside_the_ridge(20))(jax.random.key(0)))
    assert np.linalg.norm(start) == pytest.approx(1, abs=1e-5)
    assert start.sum() / 20**0.5 == pytest.approx(1e-3, abs=1e-6)


def test_a_step_taken_on_the_cliff_is_500_times_the_rate():
    slope = jax.jit(jax.vmap(jax.grad(landscapes.cliff)))
    wall, *elsewhere = slope(jnp.array([0.5, 3.0, -50.0]), jnp.zeros(3))
    assert wall == pytest.approx(500, rel=1e-2)
    assert np.abs(elsewhere).max() <= 1


def test_starts_differ_by_seed_and_lie_where_the_problem_begins():
    keys = jax.random.split(jax.random.key(0), 20)
    starts = (landscapes.on_a_level_line, landscapes.uphill)
    level, uphill = jax.jit(lambda keys: [jax.vmap(start)(keys) for start in starts])(keys)
    np.testing.assert_allclose(landscapes.ravine(*np.asarray(level).T), 0.5, rtol=1e-5)
    assert (np.asarray(uphill)[:, 0] < -2).all()
    assert len(np.unique(uphill[:, 0])) == 20


def test_what_has_no_weights_takes_no_initializer():
    with pytest.raises(ValueError, match="the workload beale has no weights"):
        WORKLOADS["beale"]().task(jax.nn.initializers.zeros)
