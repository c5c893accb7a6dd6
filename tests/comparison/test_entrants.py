"""Optimizers as entrants: each works on two small parameters, and what does not is told why."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl.comparison import ENTRANTS, Entrant, entrant, find
from jaxdl.optimizers import OPTIMIZERS, adam
from jaxdl.sweep.distributions import LogUniform
from jaxdl.types import ValueOfOutputs


def trained(one, hparams, loss, params, steps):
    """The parameters after so many steps, where they are evaluated."""
    tx = optax.with_extra_args_support(one.make(**hparams))

    def body(carry, _):
        params, state = carry
        value, grad = jax.value_and_grad(loss)(params)
        extra = {"value_fn": ValueOfOutputs(lambda params: params, loss)}
        updates, state = tx.update(grad, state, params, value=value, grad=grad, **extra)
        return (optax.apply_updates(params, updates), state), None

    (params, state), _ = jax.lax.scan(body, (params, tx.init(params)), None, steps)
    return params if one.eval_params is None else one.eval_params(state, params)


def test_what_the_house_has_and_the_field_names_can_be_compared():
    assert set(OPTIMIZERS) <= set(ENTRANTS)
    field = {"nadam", "amsgrad", "adafactor", "lion", "muon", "schedule_free", "prodigy", "sophia"}
    assert field | {"lbfgs", "newton", "gauss_newton", "adahessian"} <= set(ENTRANTS)


@pytest.mark.parametrize("name", ENTRANTS)
def test_every_entrant_lowers_a_bowl_with_traced_numbers(name):
    one = entrant(ENTRANTS[name], name)
    assert set(one.defaults) <= set(one.space)
    target = {"matrix": jnp.full((4, 3), 0.3), "vector": jnp.full(3, -0.3)}

    def loss(params):
        return optax.tree.norm(optax.tree.sub(params, target), squared=True)

    @jax.jit
    def reached(hparams):
        return loss(trained(one, hparams, loss, jax.tree.map(jnp.zeros_like, target), 50))

    start = float(loss(jax.tree.map(jnp.zeros_like, target)))
    point = {key: jnp.float32(value) for key, value in one.defaults.items()}
    assert float(reached({**point, "learning_rate": jnp.float32(1e-2)})) < start


@pytest.mark.parametrize("name", ENTRANTS)
def test_a_batch_of_rates_equals_single_runs(name):
    one, x = ENTRANTS[name], np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32)

    def loss(params):
        return jnp.mean((jnp.tanh(x @ params["matrix"] + params["vector"][None]) - 0.5) ** 2)

    def run(rate):
        start = {"matrix": jnp.full((4, 3), 0.1), "vector": jnp.zeros(3)}
        return trained(one, {**one.defaults, "learning_rate": rate}, loss, start, 5)

    rates = np.float32([1e-3, 1e-2])
    batch, single = jax.jit(jax.vmap(run))(rates), jax.jit(run)
    for place, rate in enumerate(rates):
        for found, wanted in zip(
            jax.tree.leaves(batch), jax.tree.leaves(single(rate)), strict=True
        ):
            np.testing.assert_allclose(found[place], wanted, rtol=1e-4, atol=1e-6)


def test_sophia_takes_the_steps_of_its_paper():
    # With H = diag(2, 8) the estimate is exact; gamma 0.01, b1 0.965, b2 0.99, decay 1e-4.
    curvature, rate = np.array([2.0, 8.0]), 0.1
    tx = ENTRANTS["sophia"].make(learning_rate=rate)
    params = {"x": jnp.array([0.001, -3.0])}
    state, theta, m, h = tx.init(params), np.array([0.001, -3.0]), np.zeros(2), np.zeros(2)

    def loss(params):
        return jnp.sum(curvature.astype(np.float32) * params["x"] ** 2) / 2

    @jax.jit
    def stepped(params, state):
        updates, state = tx.update(jax.grad(loss)(params), state, params, value_fn=loss)
        return optax.apply_updates(params, updates), state

    for step in range(12):
        params, state = stepped(params, state)
        m = 0.965 * m + 0.035 * curvature * theta
        ahead = m / (1 - 0.965 ** (step + 1)) / np.maximum(0.01 * h, 1e-8)
        theta = theta - rate * (np.clip(ahead, -1, 1) + 1e-4 * theta)
        if step % 10 == 0:
            h = 0.99 * h + 0.01 * curvature
        np.testing.assert_allclose(params["x"], theta, rtol=1e-4)


def test_one_minus_beta_is_what_the_decay_lacks_to_one():
    one = ENTRANTS["adam"].make(learning_rate=0.1, one_minus_b1=0.2, one_minus_b2=0.05)
    other = adam(0.1, b1=0.8, b2=0.95)
    params, grads = {"w": jnp.ones(3)}, {"w": jnp.array([1.0, -2.0, 0.5])}
    results = []
    for tx in (one, other):
        state = tx.init(params)
        for _ in range(3):
            updates, state = tx.update(grads, state, params)
        results.append(updates["w"])
    np.testing.assert_allclose(*results, rtol=1e-6)


def test_an_optimizer_of_the_users_file_is_found(tmp_path, monkeypatch):
    (tmp_path / "my_signs.py").write_text(
        "import jax, optax\n"
        "from jaxdl.sweep.distributions import LogUniform\n"
        "def signs(learning_rate):\n"
        "    return optax.sign_sgd(learning_rate)\n"
        "signs.space = {'learning_rate': LogUniform(1e-4, 1e-1)}\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    name, found = find("my_signs:signs")
    assert name == "signs"
    assert found.space == {"learning_rate": LogUniform(1e-4, 1e-1)}
    with pytest.raises(ValueError, match=r"my_signs\.py has no 'sings'"):
        find("my_signs:sings")


def raising(learning_rate):
    def update(updates, state, params=None):
        raise KeyError("momentum")

    return optax.GradientTransformation(lambda params: (), update)


def narrow(learning_rate):
    return optax.stateless(
        lambda updates, params: jax.tree.map(lambda g: g.astype(jnp.bfloat16), updates)
    )


def flat(learning_rate):
    return optax.stateless(lambda updates, params: jax.tree.map(jnp.ravel, updates))


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (3, "give a function learning_rate -> optax transformation"),
        (lambda learning_rate: learning_rate, "gives float, not an optax.GradientTransformation"),
        (lambda: optax.sgd(0.1), "cannot be made of"),
        (raising, "its update raises KeyError: 'momentum'"),
        (narrow, "bfloat16"),
        (flat, "they must be alike"),
        (Entrant(lambda rate: optax.sgd(rate)), "cannot be made of"),
    ],
)
def test_what_is_no_optimizer_is_said_in_one_line(candidate, message):
    with pytest.raises(ValueError, match=message) as caught:
        entrant(candidate, "mine")
    assert str(caught.value).startswith("mine")
    assert "\n" not in str(caught.value)


def test_a_name_that_is_not_there_names_those_that_are():
    said = "give module:function or FILE:function of yours, or one of sgd, momentum"
    with pytest.raises(ValueError, match=said):
        find("adamm")
    with pytest.raises(ValueError, match="the module is not found"):
        find("no_such_module_here:f")


def test_a_module_that_raises_or_has_no_file(tmp_path, monkeypatch):
    (tmp_path / "halfwritten.py").write_text("def mine(learning_rate:\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="'halfwritten:mine': SyntaxError: ") as caught:
        find("halfwritten:mine")
    assert "\n" not in str(caught.value)
    (tmp_path / "ending.py").write_text("raise SystemExit(0)\n")
    with pytest.raises(ValueError, match="'ending:mine': SystemExit: 0"):
        find("ending:mine")
    with pytest.raises(ValueError, match="'sys:mine': sys has no 'mine'"):
        find("sys:mine")
