"""Runs made of runs."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import sweep, tasks
from jaxdl.models import MLP
from jaxdl.optimizers import sgd

X = np.random.default_rng(0).normal(size=(2, 16, 3)).astype(np.float32)
DATA = {case: {"train": {"x": x, "y": x[:, :1]}} for case, x in zip("ab", X, strict=True)}


def run_of_a_case():
    task = tasks.regression(MLP((), 1))
    run = sweep.make_run(lambda hparams: (task, sgd(0.1)), steps=3, batch_size=8)
    return run._replace(evaluate=lambda hparams, state, data: {"mean": data["train"]["x"].mean()})


def test_a_run_on_a_case_is_the_run_of_its_data():
    run, key = run_of_a_case(), jax.random.key(0)
    seen = []

    def case(hparams, own, data):
        seen.append(own)
        return data["b"]

    on = sweep.on(case, run)
    after, curves = on.advance({}, on.init({}, key, DATA), DATA)
    _, losses = run.advance({}, run.init({}, key, DATA["b"]), DATA["b"])
    np.testing.assert_array_equal(curves["loss"], losses["loss"])
    assert on.evaluate({}, after, DATA)["mean"] == X[1].mean()
    assert [(own == after.key).item() for own in seen[1:]] == [True, True]


def test_examples_are_rows_that_the_key_draws_each_once():
    whole, run = X[0], sweep.few_examples(5, run_of_a_case())
    for seed in range(3):
        state = run.init({}, jax.random.key(seed), DATA["a"])
        drawn = sweep.drawn_examples(state.key, DATA["a"], 5)["train"]["x"]
        rows = [np.flatnonzero((whole == row).all(axis=1)).item() for row in np.asarray(drawn)]
        assert len(set(rows)) == 5
        measured = run.evaluate({}, state, DATA["a"])["mean"]
        np.testing.assert_allclose(measured, drawn.mean(), rtol=1e-6)


def test_only_the_name_of_the_index_has_the_value():
    found = sweep.only(["a", "b", "c"], jnp.array(1), jnp.array(0.5))
    assert {name: float(value) for name, value in found.items()} == {"a": 0, "b": 0.5, "c": 0}


def test_what_is_measured_first_is_kept_through_training():
    def measure(hparams, state, data):
        return {"bias": state.params["Dense_0"]["bias"][0], "steps": jnp.array([state.step, 7])}

    run = sweep.keeping_first(measure, run_of_a_case())
    state = run.init({}, jax.random.key(0), DATA["a"])
    after, _ = run.advance({}, state, DATA["a"])
    assert after.params["Dense_0"]["bias"][0] != 0
    found = {name: float(value) for name, value in sweep.numbered(after.model_state).items()}
    assert found == {"bias": 0, "steps_1": 0, "steps_2": 7}


def test_a_model_with_a_state_of_its_own_is_refused():
    run = run_of_a_case()
    stateful = run._replace(
        init=lambda *given: run.init(*given)._replace(model_state={"mean": jnp.zeros(1)})
    )
    with pytest.raises(ValueError, match="state of its own"):
        sweep.keeping_first(lambda *_: {}, stateful).init({}, jax.random.key(0), DATA["a"])


def test_few_labels_are_so_many_of_the_training_examples_drawn_by_the_key():
    seen = []

    def advance(hparams, state, data):
        seen.append(np.unique(np.asarray(data["train"]["x"]), axis=0))
        return state, {}

    run = sweep.few_labels(run_of_a_case()._replace(advance=advance))
    whole = {"train": {"x": X[0], "y": X[0][:, :1]}}
    for seed in (0, 1, 1):
        state = run.init({"labels": jnp.float32(5)}, jax.random.key(seed), whole)
        run.advance({"labels": jnp.float32(5)}, state, whole)
    assert [len(rows) for rows in seen] == [5, 5, 5]
    assert all(row in X[0] for row in seen[0])
    assert not np.array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[1], seen[2])
