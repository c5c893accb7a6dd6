"""Lanes side by side on CPU: the same numbers as one after another, and rows of their own kind."""

import jax
import jax.numpy as jnp
import pytest

from jaxdl import sweep
from jaxdl.types import TrainState


def falling():
    """Ten steps down a bowl of 3 coordinates, from a random start."""

    def init(hparams, key, data):
        start = jax.random.normal(key, (3,))
        return TrainState(jnp.zeros((), jnp.int32), key, {"x": start}, {}, ())

    def advance(hparams, state, data):
        def body(x, _):
            return (1 - hparams["rate"]) * x, jnp.sum(x**2)

        x, losses = jax.lax.scan(body, state.params["x"], None, 10)
        return state._replace(step=state.step + 10, params={"x": x}), {"loss": losses}

    def evaluate(hparams, state, data):
        return {"test_loss": jnp.sum(state.params["x"] ** 2)}

    return sweep.Run(init, advance, evaluate)


@pytest.fixture(scope="module")
def plan():
    points = [{"rate": rate} for rate in (0.1, 0.3, 1e30)]
    trials = sweep.trials(["falling"], points, [0, 1])
    return sweep.Plan({"falling": falling()}, trials, sweep.NO_DATA, keep_states=True)


def test_lanes_side_by_side_give_what_they_give_one_after_another(plan, tmp_path):
    side, each = (
        plan._replace(batched=batched, keep_curves=not batched).execute(tmp_path / str(batched))
        for batched in (True, False)
    )
    for name in ("status", "steps", "diverged_at", "message"):
        assert [row[name] for row in side.rows] == [row[name] for row in each.rows]
    assert [row["status"] for row in side.rows] == ["ok"] * 4 + ["diverged"] * 2
    for mine, other in zip(side.rows[:4], each.rows[:4], strict=True):
        assert mine["test_loss"] == pytest.approx(other["test_loss"], rel=1e-5)
    assert sorted(each.curves()) == ["loss", "test_loss", "trial"]
    assert sorted(side.curves()) == ["test_loss", "trial"]
    row = side.rows[0]
    again = plan._replace(batched=True).replay(row)
    assert float(jnp.sum(again.params["x"] ** 2)) == pytest.approx(row["test_loss"], rel=1e-6)
    with pytest.raises(sweep.ForeignRows):
        plan.execute(tmp_path / "True")


def test_the_clock_counts_steps_of_the_diverged_where_they_take_time(plan, tmp_path):
    """Else a step of who often diverges would seem slow: two trials are lost in the first half."""
    taken = {
        batched: plan._replace(batched=batched, segments=2)
        .execute(tmp_path / str(batched))
        .clock()["steps"]["falling"]
        for batched in (True, False)
    }
    assert taken[True] == 6 * 20
    assert 4 * 20 <= taken[False] <= 4 * 20 + 2 * 10
