"""A run whose metric is a curve written by hand: the parameter counts the segments."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import sweep
from jaxdl.sweep.early_stopping import early_stopping
from jaxdl.types import TrainState

CURVE = np.array([5, 3, 4, 4, 2, 6, 6, 6, 1, 0], np.float32)
"""The loss after each segment: patience 2 stops after the fourth, 3 after the eighth."""
DATA = {"train": {"y": jnp.zeros(1)}, "curve": jnp.asarray(CURVE)}
NAN = np.array([np.nan, 5, np.nan, 3, np.nan, np.nan, 2, 2, 2, 2], np.float32)


def counting():
    """Segments of two steps. The weights are a random walk, so that they tell where it stood."""

    def init(hparams, key, data):
        return TrainState(
            jnp.zeros((), jnp.int32), key, {"w": jnp.zeros(3)}, {"s": jnp.zeros(())}, ()
        )

    def advance(hparams, state, data):
        def body(state, _):
            draw = jax.random.normal(jax.random.fold_in(state.key, state.step), (3,))
            moved = state._replace(
                step=state.step + 1,
                params={"w": state.params["w"] + draw},
                model_state={"s": state.model_state["s"] + 0.1},
            )
            return moved, {"loss": state.step.astype(jnp.float32)}

        return jax.lax.scan(body, state, length=2)

    def evaluate(hparams, state, data):
        segment = state.step // 2
        return {
            "validation_loss": hparams["sign"] * data["curve"][segment - 1],
            "w": state.params["w"].sum(),
        }

    return sweep.Run(init, advance, evaluate)


def advanced(patience, curve=CURVE, sign=1.0, better=jnp.less):
    """States after each of ten segments, and the curves."""
    run = early_stopping(counting(), "validation_loss", patience, better)
    hparams, data = {"sign": jnp.float32(sign)}, {**DATA, "curve": jnp.asarray(curve)}
    state = run.init(hparams, jax.random.key(3), data)
    step = jax.jit(run.advance)
    states, curves = [], []
    for _ in range(10):
        state, curve = step(hparams, state, data)
        states.append(state)
        curves.append(curve["loss"])
    return run, hparams, data, states, np.concatenate(curves)


def plain(segments):
    """The state of the run itself after so many segments."""
    run = counting()
    state = run.init({}, jax.random.key(3), DATA)
    step = jax.jit(run.advance)
    for _ in range(segments):
        state, _ = step({}, state, DATA)
    return state


def same_bits(a, b):
    assert jax.tree.structure(a) == jax.tree.structure(b)
    for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        assert np.asarray(x).tobytes() == np.asarray(y).tobytes()


@pytest.mark.parametrize(
    ("patience", "best", "stopped"), [(1, 2, 3), (2, 2, 4), (3, 5, 8), (4, 10, 10)]
)
def test_by_hand(patience, best, stopped):
    run, hparams, data, states, curves = advanced(patience)
    state = states[-1]
    assert int(state.step) == 2 * stopped
    same_bits(state.best, plain(best))
    same_bits(state.current, plain(stopped))
    assert state.params is state.best.params
    assert state.model_state is state.best.model_state
    metrics = run.evaluate(hparams, state, data)
    assert float(metrics["validation_loss"]) == CURVE[best - 1]
    assert int(metrics["best_step"]) == 2 * best
    # The loss of step n is n, and stands still after the stop.
    np.testing.assert_array_equal(curves, np.minimum(np.arange(20), 2 * stopped - 1))
    if stopped < 10:
        same_bits(states[stopped - 1], state)


def test_a_larger_value_may_be_the_better_one():
    *_, states, _ = advanced(3, sign=-1.0, better=jnp.greater)
    same_bits(states[-1].best, plain(5))


def test_nan_is_no_improvement():
    *_, states, _ = advanced(3, curve=NAN)
    assert [int(state.waited) for state in states] == [1, 0, 1, 0, 1, 2, 0, 1, 2, 3]
    same_bits(states[-1].best, plain(7))
    same_bits(states[0].best, plain(0))


@pytest.mark.parametrize("patience", [0, -1])
def test_a_patience_without_training_is_refused_or_taken_as_one(patience):
    with pytest.raises(ValueError, match=f"patience must be >= 1, not {patience}"):
        early_stopping(counting(), "validation_loss", patience)
    *_, states, _ = advanced(jnp.int32(patience))
    assert int(states[-1].step) == 2 * 3
    same_bits(states[-1].best, plain(2))


def test_an_unknown_metric_is_told():
    run = early_stopping(counting(), "accuracy", 3)
    state = run.init({"sign": 1.0}, jax.random.key(0), DATA)
    with pytest.raises(ValueError, match="no metric 'accuracy' to stop by, there are"):
        run.advance({"sign": 1.0}, state, DATA)


def test_inside_a_sweep_each_trial_stops_for_itself_also_after_an_interruption(tmp_path):
    run = early_stopping(counting(), "validation_loss", 3)
    trials = sweep.trials(["counting"], sweep.grid(sign=[1.0, -1.0]), [3, 4])
    options = {"segments": 10, "lanes": 2}
    with pytest.raises(sweep.Interrupted):
        sweep.execute(
            {"counting": run}, trials, DATA, workdir=tmp_path, stop=lambda: True, **options
        )
    results = sweep.execute({"counting": run}, trials, DATA, workdir=tmp_path, **options)
    rows = [row for row in results.rows if row["status"] == "ok"]
    # With the other sign the best of the curve 5, 3, 4, 4 is the first.
    assert [row["best_step"] for row in rows] == [10, 10, 2, 2]
    assert [row["steps"] for row in rows] == [16, 16, 8, 8]  # what was trained, and no more
    assert [row["validation_loss"] for row in rows] == [2, 2, -5, -5]
    assert rows[0]["w"] == float(plain(5).params["w"].sum())
    state = sweep.replay(run, trials[0], DATA, segments=10, lanes=rows[0]["lanes"])
    same_bits(state.best, plain(5))
    np.testing.assert_array_equal(results.curves()["loss"][2], np.minimum(np.arange(20), 7))
