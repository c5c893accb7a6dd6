"""Diagnostic problems against numbers by hand: optima, spoilt gradients, what is difficult."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxdl import optimizers
from jaxdl.workloads import stress
from jaxdl.workloads.stress import PROBLEMS, Now
from jaxdl.workloads.stress import _conditioning as conditioning
from jaxdl.workloads.stress import _problem as problems

TARGET = conditioning.TARGET
OPTIMIZERS = {
    "adam": optimizers.adam(0.03),
    "momentum": optimizers.momentum(0.1, decay=0.9),
    "adamw": optimizers.adamw(0.03, weight_decay=0.3),
}
OWN = {"barrier": "momentum", "minimum_norm": "adamw"}
"""Where Adam does not do: a hill that only momentum takes, weights that only decay shrinks."""


@pytest.fixture(scope="module")
def errors():
    """Of 300 steps at the easiest difficulty, by problem. One update, of all of an optimizer's."""
    tasks = {n: problem.task(jnp.float32(problem.levels[0])) for n, problem in PROBLEMS.items()}
    groups = {o: [n for n in PROBLEMS if OWN.get(n, "adam") == o] for o in OPTIMIZERS}

    @jax.jit
    def trained(key):
        started = {name: task.init(key, {}) for name, task in tasks.items()}
        vectors, models = {}, {name: state for name, (_, state) in started.items()}
        unravel = {}
        for group, names in groups.items():
            params = {name: started[name][0] for name in names}
            vectors[group], unravel[group] = ravel_pytree(params)

        def step(carry, key):
            vectors, models, states = map(dict, carry)
            found = {}
            for group, names in groups.items():
                params = unravel[group](vectors[group])
                each = {}
                for name in names:
                    each[name], found[name] = jax.grad(tasks[name].loss, has_aux=True)(
                        params[name], models[name], {}, key, train=True
                    )
                update, states[group] = OPTIMIZERS[group].update(
                    ravel_pytree(each)[0], states[group], vectors[group]
                )
                vectors[group] += update
            models = {name: state for name, (state, _) in found.items()}
            errors = {name: metrics["error"][0] for name, (_, metrics) in found.items()}
            return (vectors, models, states), errors

        states = {group: OPTIMIZERS[group].init(vector) for group, vector in vectors.items()}
        return jax.lax.scan(step, (vectors, models, states), jax.random.split(key, 300))[1]

    return jax.device_get(trained(jax.random.key(0)))


@pytest.mark.parametrize("name", PROBLEMS)
def test_every_problem_is_solved_at_the_easiest_difficulty(name, errors):
    assert not (errors[name][:10] <= PROBLEMS[name].goal).all()
    assert (errors[name] <= PROBLEMS[name].goal).sum() >= 10


def test_there_are_some_thirty_and_each_gets_harder_one_way():
    assert len(PROBLEMS) >= 30
    for name, problem in PROBLEMS.items():
        assert problem.name == name
        steps = np.sign(np.diff(problem.levels))
        assert len(problem.levels) == 4
        assert set(steps) in ({1.0}, {-1.0})


def value_and_gradient(name, params, difficulty, key=None, step=0):
    problem = PROBLEMS[name]
    now = Now(jnp.float32(difficulty), key if key is not None else jax.random.key(0), step)
    return jax.value_and_grad(lambda p: problem.loss(p, problem.memory(p), now)[0])(params)


def at_target():
    return {"x": jnp.asarray(TARGET)}


def optima(difficulty):
    """A lowest point of each problem that has one, by hand."""
    turn = conditioning.rotation(6)
    halves = np.sqrt(difficulty ** -np.array([0, 0.5, 1]))
    layers = {f"layer_{n}": jnp.eye(4) for n in range(1, 4)}
    return {
        **{name: at_target() for name in ("axes", "rotated", "flat_bottom")},
        "matrix": {"x": jnp.eye(8)},
        "parameter_scale": {"x": difficulty ** (np.arange(16) / 15 - 0.5)},
        "layer_scale": dict.fromkeys(("first", "second", "third"), jnp.eye(4)),
        "narrow_valley": {"x": jnp.ones(2)},
        "saddle": {"x": jnp.full(8, -(8**-0.5))},
        **{
            name: {"x": jnp.ones(8 if name == "plateau" else 16)} for name in ("plateau", "ripples")
        },
        "scale_invariant": {"x": 7 * TARGET},
        "vanishing_depth": {"x": jnp.ones(20)},
        "exploding_depth": {"x": jnp.ones(20)},
        "deep_linear": {"layer_0": conditioning.rotation(4), **layers},
        "weak_directions": {"left": turn[:, :3] * halves, "right": halves[:, None] * turn[:3]},
        "minimum_norm": {"x": jnp.full(16, 0.25)},
    }


def test_at_an_optimum_there_is_no_error_and_no_slope():
    @jax.jit
    def measure(points):
        return {
            name: (
                PROBLEMS[name].error(params, {}, jnp.float32(3)),
                norm(value_and_gradient(name, params, 3.0)[1]),
            )
            for name, params in points.items()
        }

    points = jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), optima(3.0))
    for name, (error, slope) in jax.device_get(measure(points)).items():
        assert error == pytest.approx(0, abs=3e-6), name
        assert slope == pytest.approx(0, abs=3e-5), name


def norm(tree):
    return jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(tree)))


def test_the_difficulty_is_the_condition_number():
    @jax.jit
    def bends(condition):
        found = []
        for name, shape in (("axes", (16,)), ("rotated", (16,)), ("matrix", (8, 8))):
            surface = PROBLEMS[name].loss

            def value(flat, surface=surface, shape=shape):
                return surface({"x": flat.reshape(shape)}, {}, Now(condition, None, 0))[0]

            found.append(jax.hessian(value)(jnp.zeros(np.prod(shape))))
        return found

    axes, rotated, matrix = bends(jnp.float32(100))
    assert np.count_nonzero(axes - np.diag(np.diagonal(axes))) == 0
    for hessian in (axes, rotated, matrix):
        curvatures = np.linalg.eigvalsh(hessian)
        assert curvatures[-1] / curvatures[0] == pytest.approx(100, rel=1e-3)
    assert np.abs(np.asarray(rotated) - np.diag(np.diagonal(rotated))).max() > 0.05


def gradients(name, difficulty, count, step=0):
    """Of a start whose every coordinate is 1 off, `[count, 16]`, from keys of their own."""
    keys = jax.random.split(jax.random.key(1), count)
    params = {"x": TARGET + jnp.ones(16)}

    @jax.jit
    def drawn(keys):
        return jax.vmap(
            lambda key: value_and_gradient(name, params, difficulty, key, step)[1]["x"]
        )(keys)

    return np.asarray(drawn(keys))


def test_of_a_sparse_gradient_each_entry_is_seen_as_often_as_it_says():
    share = (gradients("sparse", 0.02, 4000) != 0).mean(axis=0)
    wanted = 0.02 ** (np.arange(16) / 15)
    np.testing.assert_allclose(share, wanted, atol=4 * (0.25 / 4000) ** 0.5)


def test_noise_has_the_deviation_and_the_tails_that_are_asked_for():
    noise = gradients("noisy", 2.0, 1000) - 1
    assert noise.mean() == pytest.approx(0, abs=0.06)
    assert noise.std() == pytest.approx(2, rel=0.03)
    # The quantile of |noise| at the share q is (1 − q)^(−1/α) − 1.
    size = np.abs(gradients("heavy_tails", 1.5, 1000) - 1)
    for share in (0.5, 0.9, 0.99):
        wanted = 0.3 * ((1 - share) ** (-1 / 1.5) - 1)
        assert np.quantile(size, share) == pytest.approx(wanted, rel=0.15)
    quiet, loud = (gradients("changing_batch", 3.0, 400, step).std() for step in (7, 8))
    assert (quiet, loud) == pytest.approx((0.1, 3.0), rel=0.05)


def test_spikes_are_rare_large_and_wrong():
    found = gradients("spikes", 100.0, 3000)
    spikes = found[:, 0] == -100
    assert set(np.unique(found)) == {-100.0, 1.0}
    assert (found == found[:, :1]).all()
    assert spikes.mean() == pytest.approx(0.02, abs=0.01)


def test_what_is_spoilt_in_time_is_so_by_the_step():
    usual, large, small = (gradients("changing_scale", 10.0, 1, step)[0] for step in (0, 25, 75))
    np.testing.assert_allclose([usual[0], large[0], small[0]], [1, 10, 0.1], rtol=1e-4)
    pushed = np.stack([gradients("push", 5.0, 1, step)[0] for step in range(0, 20, 5)])
    np.testing.assert_allclose(pushed.mean(axis=0), 1, atol=1e-5)
    assert pushed[0, 0] == pytest.approx(6)


def test_a_quantized_gradient_lies_on_its_grid():
    @jax.jit
    def seen(params, count):
        return value_and_gradient("quantized", params, count)[1]["x"]

    apart = np.linspace(-3, 2, 16)
    for count in (16.0, 2.0, 1.0):
        found = np.asarray(seen({"x": TARGET + jnp.asarray(apart, jnp.float32)}, count))
        in_steps = found / (3 / count)
        np.testing.assert_allclose(in_steps, np.round(in_steps), atol=1e-5)
        assert np.abs(found - apart).max() <= 1.5 / count + 1e-5
    assert not np.asarray(seen({"x": jnp.asarray(TARGET)}, 2.0)).any()


def test_a_delayed_gradient_is_the_one_of_some_steps_ago():
    problem = PROBLEMS["delayed"]
    path = np.random.default_rng(0).normal(size=(80, 16)).astype(np.float32)

    @jax.jit
    def seen(path, delay):
        def step(memory, x):
            number, point = x
            now = Now(delay, jax.random.key(0), number)
            gradient, memory = jax.grad(problem.loss, has_aux=True)({"x": point}, memory, now)
            return memory, gradient["x"]

        start = problem.memory({"x": path[0]})
        return jax.lax.scan(step, start, (jnp.arange(len(path)), path))[1]

    for delay in (1, 12, 32):
        before = np.maximum(np.arange(80) - delay, 0)
        np.testing.assert_allclose(seen(path, jnp.float32(delay)), path[before] - TARGET, rtol=1e-6)


def test_what_is_shown_has_the_value_of_one_and_the_gradient_of_another():
    params = {"a": jnp.array([1.0, 2.0]), "b": jnp.float32(3)}
    wanted = {"a": jnp.array([5.0, -6.0]), "b": jnp.float32(7)}
    value, gradient = jax.value_and_grad(
        lambda p: problems.shown(jnp.sum(p["a"] ** 2) * p["b"], p, wanted)
    )(params)
    assert value == 15
    jax.tree.map(np.testing.assert_array_equal, gradient, wanted)


def test_the_opponents_game_turns_and_is_damped():
    apart = np.random.default_rng(0).normal(size=16).astype(np.float32)
    _, gradient = value_and_gradient("minimax", {"x": TARGET + apart}, 10.0)
    x, y = np.split(apart, 2)
    np.testing.assert_allclose(gradient["x"], np.concatenate([y + x / 10, y / 10 - x]), rtol=1e-4)
    assert np.dot(gradient["x"], apart) == pytest.approx(np.dot(apart, apart) / 10, rel=1e-3)


def test_xor_by_hand_solves_two_bits_and_not_three():
    hidden = np.zeros((5, 16), np.float32)
    hidden[:2, :2] = 20
    bias = np.zeros(16, np.float32)
    bias[:3] = -10, -30, 20  # one bit or more, both, always
    out = np.zeros((16, 1), np.float32)
    out[:3, 0] = -1, 1, 1
    params = {"hidden": hidden, "bias": bias, "out": out}
    error = jax.jit(PROBLEMS["parity"].error)
    assert error(params, {}, jnp.float32(2)) == 0
    assert error(params, {}, jnp.float32(3)) == 0.5


def test_classes_that_are_alike_to_the_network_are_told_apart_by_chance():
    params = {"x": jnp.zeros((16, 16))}
    value, gradient = jax.jit(lambda p: value_and_gradient("imbalance", p, 100.0))(params)
    assert value == pytest.approx(np.log(16), rel=1e-5)
    error = jax.jit(lambda p: PROBLEMS["imbalance"].error(p, {}, None))(params)
    assert error == pytest.approx(15 / 16, rel=1e-5)
    # Each class is pulled up by its share: the first 100 times as much as the last.
    pulls = -np.diagonal(gradient["x"]) - 1 / 16
    assert pulls.argmax() == 0


def test_a_unit_that_holds_its_value_remembers():
    latch = np.arctanh(0.5)
    params = {"inward": jnp.full(4, latch), "around": 2 * latch * jnp.eye(4)}
    error = jax.jit(PROBLEMS["long_memory"].error)
    assert error(params, {}, jnp.float32(32)) == pytest.approx(0, abs=1e-5)
    faded = {**params, "around": 0.5 * jnp.eye(4)}
    assert error(faded, {}, jnp.float32(32)) == pytest.approx(0.5, abs=1e-5)


def test_a_chain_fades_with_its_length_and_explodes():
    params = {"x": jnp.full(20, 0.5)}
    slope = jax.jit(lambda depth: value_and_gradient("vanishing_depth", params, depth)[1]["x"])
    for depth in (2, 12):
        wanted = np.where(np.arange(20) < depth, (0.5**depth - 1) * 0.5 ** (depth - 1), 0)
        np.testing.assert_allclose(slope(depth), wanted, rtol=1e-4)


def test_a_target_that_is_followed_exactly_is_at_no_distance():
    problem = PROBLEMS["moving_target"]
    memory = {"distance": jnp.ones(())}

    @jax.jit
    def after(x):
        now = Now(jnp.float32(0.1), jax.random.key(0), 3)
        return problem.loss({"x": x}, memory, now)[1]["distance"]

    assert after(jnp.asarray(1.3 * TARGET)) == pytest.approx(0.99, rel=1e-5)
    assert after(jnp.asarray(TARGET)) == pytest.approx(0.99 + 0.01 * 0.3, rel=1e-5)


def test_the_room_is_public():
    assert stress.__all__ == ["PROBLEMS", "Now", "Problem"]
