"""What a process has compiled once, it does not compile again."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support import tiny_sweep as tiny

from jaxdl import sweep
from jaxdl.optimizers import adam
from jaxdl.types import TrainState


@pytest.fixture(autouse=True)
def _fresh():
    sweep.programs.forget()


def rounds(workdir, build, count=3, each=4):
    """Ask-and-tell: some trials more in each round, in one workdir or another."""
    compiled = []
    for number in range(count):
        rates = [0.01 * (number * each + k + 1) for k in range(each)]
        trials = sweep.trials(["a"], sweep.grid(initializer=["zeros"], learning_rate=rates), [0])
        progress = sweep.Progress()
        sweep.execute(
            {"a": build()},
            trials,
            tiny.DATA,
            workdir=workdir,
            segments=2,
            categories={"initializer": tiny.NAMES},
            progress=progress,
        )
        compiled.append(progress.compilations)
    return compiled


@pytest.mark.parametrize("build", [lambda: tiny.PROGRAMS["adam"], lambda: tiny.program(adam)])
def test_later_rounds_compile_nothing(tmp_path, build):
    assert rounds(tmp_path, build) == [3, 0, 0]


def test_more_trials_use_what_is_compiled_for_fewer(tmp_path):
    space = sweep.grid(initializer=["zeros"], learning_rate=[0.1])
    counts = []
    for seeds in (4, 12, 28):
        progress = sweep.Progress()
        trials = sweep.trials(["adam"], space, range(seeds))
        tiny.execute(tmp_path, trials=trials, progress=progress, lanes=None)
        counts.append(progress.compilations)
    assert counts == [3, 0, 0]


def scale(factor):
    """Runs that differ in a number that they close over."""

    def init(hparams, key, data):
        return TrainState(jnp.zeros((), jnp.int32), key, jnp.float32(1), {}, ())

    def advance(hparams, state, data):
        largest = factor if isinstance(factor, float) else jnp.asarray(factor).max()
        return state._replace(params=state.params * largest), {"loss": jnp.zeros(1)}

    return sweep.Run(init, advance, lambda hparams, state, data: {"value": state.params})


KINDS = {
    "number": float,
    "numpy": np.float32,
    "many": lambda x: np.full(100_000, x, np.float32),
    "on the device": lambda x: jnp.full(100_000, x),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_runs_of_other_constants_are_other_programs(tmp_path, kind):
    trials, values = sweep.trials(["a"], [{}], [0]), []
    for factor in (2.0, 3.0):
        run = scale(kind(factor))
        found = sweep.execute({"a": run}, trials, {}, workdir=tmp_path / str(factor))
        values.append(found.rows[0]["value"])
    assert values == [2.0, 3.0]


def test_what_a_run_reads_from_outside_may_change(tmp_path):
    outside = {"factor": 2.0}
    run = scale(1.0)._replace(
        evaluate=lambda hparams, state, data: {"value": jnp.float32(outside["factor"])}
    )
    trials, values = sweep.trials(["a"], [{}], [0]), []
    for factor in (2.0, 3.0):
        outside["factor"] = factor
        found = sweep.execute({"a": run}, trials, {}, workdir=tmp_path / str(factor))
        values.append(found.rows[0]["value"])
    assert values == [2.0, 3.0]
    with pytest.raises(sweep.ForeignRows, match="the program"):
        sweep.execute({"a": run}, trials, {}, workdir=tmp_path / "2.0")


@pytest.mark.parametrize("part", ["data", "hyperparameters"])
def test_names_that_the_text_does_not_tell_are_told_apart(tmp_path, part):
    """Two workloads whose data are alike, or two names of a rate, lower to one text.

    More seeds of a program in one workdir are compiled by the code that its rows know.
    """

    def named(name):
        def evaluate(hparams, state, data):
            return {"value": (data if part == "data" else hparams)[name]}

        return scale(1.0)._replace(evaluate=evaluate)

    for seed, name in itertools.product((0, 1), ("first", "second")):
        data = {name: np.float32(2)} if part == "data" else {}
        point = {name: 2.0} if part != "data" else {}
        trials = sweep.trials(["a"], [point], [seed])
        found = sweep.execute({"a": named(name)}, trials, data, workdir=tmp_path / name)
        assert found.rows[0]["value"] == 2.0


def test_what_is_called_back_is_that_of_the_run(tmp_path):
    shape = jax.ShapeDtypeStruct((), jnp.float32)

    def calling(factor):
        return lambda hparams, state, data: {
            "value": jax.pure_callback(lambda: np.float32(factor), shape)
        }

    trials, values = sweep.trials(["a"], [{}], [0]), []
    for factor in (2.0, 3.0):
        run = scale(1.0)._replace(evaluate=calling(factor))
        found = sweep.execute({"a": run}, trials, {}, workdir=tmp_path / str(factor))
        values.append(found.rows[0]["value"])
        assert found.rows[0]["code"].endswith("callback")
    assert values == [2.0, 3.0]


def test_functions_that_compare_equal_are_told_apart(tmp_path):
    """0, 0.0 and False are equal, and not the same program."""

    class Base:
        def __init__(self, value):
            self.value = value

        def __eq__(self, other):
            return isinstance(other, Base) and self.value == other.value

        def __hash__(self):
            return hash(self.value)

        def __call__(self, hparams, state, data):
            return {"value": jnp.asarray(self.value).dtype == jnp.int32}

    trials, found = sweep.trials(["a"], [{}], [0]), []
    for value in (0, 0.0):
        run = scale(1.0)._replace(evaluate=Base(value))
        workdir = tmp_path / repr(value)
        found += sweep.execute({"a": run}, trials, {}, workdir=workdir).rows
    assert [row["value"] for row in found] == [1.0, 0.0]


def test_other_settings_of_jax_are_other_programs(tmp_path):
    trials = sweep.trials(["a"], [{}], [0])
    run = scale(1.0)._replace(
        evaluate=lambda h, s, d: {"bits": jnp.finfo(jnp.zeros(()).dtype).bits}
    )
    found = []
    for x64 in (False, True):
        with jax.enable_x64(x64):
            found += sweep.execute({"a": run}, trials, {}, workdir=tmp_path / str(x64)).rows
    assert [row["bits"] for row in found] == [32, 64]
