"""Which points a search tries, which wins, after a kill and of every method."""

import functools
import math
import os
import re
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optuna import samplers
from scipy.stats import qmc
from support import landscape

from jaxdl import sweep

SPACE = landscape.SPACE


def search(workdir, **options):
    return landscape.search(workdir, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return search(tmp_path_factory.mktemp("whole"))


def test_the_points_are_those_of_scipys_halton_sequence(whole):
    units = qmc.Halton(4, rng=0).random(16)
    points = whole.points("run")
    np.testing.assert_allclose(points["x"], -1 + 2 * units[:, 0])
    np.testing.assert_allclose(points["rate"], 10 ** (-4 + 4 * units[:, 1]))
    assert points["k"].tolist() == [1 + math.floor(5 * u) for u in units[:, 2]]
    assert points["kind"].tolist() == [("flat", "steep")[int(2 * u)] for u in units[:, 3]]
    assert whole.frame().groupby("seed").size().tolist() == [16, 16]


def test_the_winner_is_the_least_of_the_landscape(whole):
    points = whole.points("run")
    kinds = points["kind"].map({"flat": 0, "steep": 1}).to_numpy()
    columns = (points[name].to_numpy(np.float32) for name in ("x", "rate", "k"))
    heights = np.where(points["x"] > 0.9, np.inf, landscape.height(*columns, kinds))
    best = whole.best
    assert heights[heights.argsort()[1]] - heights.min() > 0.01  # five deviations of a seed
    row = points.iloc[int(heights.argmin())]
    assert best.hparams == {name: row[name] for name in SPACE}
    assert [type(value) for value in best.hparams.values()] == [float, float, int, str]
    assert best.value == pytest.approx(np.mean([each["validation_loss"] for each in best.rows]))
    assert [each["seed"] for each in best.rows] == [0, 1]
    assert int(whole.plan.replay(best.rows[0]).step) == 0
    lost = points["status"].eq("diverged") | points["value"].isna()
    assert lost.tolist() == points["x"].gt(0.9).tolist()


def test_random_points_are_those_of_numpy(tmp_path):
    found = search(tmp_path, method="random", seed=7, points=5, seeds=1)
    units = np.random.default_rng(7).random((5, 4))
    np.testing.assert_allclose(found.points("run")["x"], -1 + 2 * units[:, 0])


def test_halving_finds_the_winner_of_all_points(tmp_path, whole):
    halved = search(tmp_path, method="halving")
    assert halved.best.hparams == whole.best.hparams
    sound = int(whole.points("run")["value"].notna().sum())
    left = math.ceil(math.ceil(sound / 2) / 2)
    assert halved.points("run")["status"].value_counts()["ok"] == left
    with pytest.raises(sweep.ForeignRows, match="prune"):
        search(tmp_path, method="halving", points=17)


def test_a_halving_of_ones_own(tmp_path, whole):
    own = sweep.Halving([5], sweep.Best("validation_loss", 0.25))
    found = search(tmp_path, method=own)
    assert found.best.hparams == whole.best.hparams
    frame = found.frame()
    stopped = frame[frame["status"].eq("pruned")]
    assert set(stopped["message"].str.extract(r"after segment (\d+)")[0].dropna()) == {"5"}


def test_more_points_are_a_longer_search(tmp_path, whole):
    first = search(tmp_path, points=5)
    again = search(tmp_path)
    assert again.results.rows[: len(first.results.rows)] == first.results.rows
    assert [row["trial"] for row in again.results.rows] == [r["trial"] for r in whole.results.rows]


@pytest.mark.parametrize("method", ["halving", "optuna"])
def test_killed_it_goes_on_with_the_same_points_to_the_same_rows(tmp_path, method):
    root = Path(__file__).parents[2]
    command = [sys.executable, landscape.__file__, str(tmp_path / "killed"), method, "12"]
    paths = os.pathsep.join([str(root), str(root / "tests")])
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": paths}, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    begun = (tmp_path / "killed").glob("*")
    assert {path.name for path in begun} & {"trials.jsonl", "rungs"}
    again = search(tmp_path / "killed", method=method, lanes=2)
    alone = search(tmp_path / "alone", method=method, lanes=2)
    assert again.results.rows == alone.results.rows
    assert len(alone.points("run")) == 16


@pytest.mark.parametrize("how", ["optuna", "RandomSampler", "class", "made of a seed"])
def test_a_sampler_of_optuna_asks(tmp_path, how):
    methods = {
        "class": samplers.RandomSampler,
        "made of a seed": functools.partial(samplers.TPESampler, n_startup_trials=3),
    }
    found = search(tmp_path, method=methods.get(how, how), points=9, seeds=1)
    points = found.points("run")
    assert len(points) == 9
    middle = points.iloc[0]
    assert (middle["x"], middle["k"], middle["kind"]) == (0.0, 3, "steep")
    assert middle["rate"] == pytest.approx(0.01)
    assert points["x"].between(-1, 1).all()
    assert set(points["k"]) <= {1, 2, 3, 4, 5}
    again = search(tmp_path, method=methods.get(how, how), points=9, seeds=1)
    assert again.results.rows == found.results.rows


def test_programs_are_searched_each_in_its_own_space(tmp_path):
    runs = {
        "plain": sweep.without_training(lambda h, s, d: {"a_loss": (h["x"] - 1) ** 2}),
        "whole": sweep.without_training(lambda h, s, d: {"a_loss": 2.0 + (h["k"] - 3) ** 2}),
        "wrong": sweep.without_training(lambda h, s, d: {"a_loss": h["k"].nothing}),
    }
    spaces = {
        "plain": {"x": sweep.Uniform(0.0, 2.0)},
        "whole": {"k": sweep.Integer(1, 4)},
        "wrong": {"k": sweep.Integer(1, 4)},
    }
    found = sweep.search(
        runs, spaces, sweep.NO_DATA, workdir=tmp_path, metric="a_loss", points=12, seeds=1
    )
    assert list(found.winners) == ["plain", "whole"]
    assert found.winners["whole"].hparams == {"k": 3}
    assert type(found.winners["whole"].hparams["k"]) is int
    assert found.best.program == "plain"
    assert found.best.hparams["x"] == pytest.approx(1.0, abs=0.2)
    assert len(found.points("whole")) == 4  # equal points are tried once
    assert found.points("plain").columns.tolist() == ["x", "value", "status"]


def test_a_choice_is_of_one_kind_however_many_points_are_drawn(tmp_path):
    run = sweep.without_training(lambda h, s, d: {"a_loss": h["x"]})
    space = {"x": sweep.Choice((1, 2, 0.5))}
    for points in (1, 9):
        found = sweep.search(
            run, space, sweep.NO_DATA, workdir=tmp_path, metric="a_loss", points=points, seeds=1
        )
        assert {type(row["x"]) for row in found.results.rows} == {float}
    assert found.best.hparams == {"x": 0.5}
    assert found.best.borders == ("x",)


def test_a_least_value_of_zero_has_no_sign(tmp_path):
    run = sweep.without_training(lambda h, s, d: {"a_loss": 0.0 * h["x"]})
    found = sweep.search(
        run, {"x": sweep.Uniform(0.0, 1.0)}, sweep.NO_DATA, workdir=tmp_path, metric="a_loss",
        points=2, seeds=1,
    )  # fmt: skip
    assert math.copysign(1, found.best.value) == 1


@pytest.mark.parametrize("method", ["halton", "optuna"])
def test_where_no_point_has_a_number_it_is_told_once_and_there_is_no_winner(tmp_path, method):
    run = sweep.without_training(lambda h, s, d: {"a_loss": jnp.nan * h["x"]})
    with pytest.warns(sweep.NoResult) as told:
        found = sweep.search(
            run, {"x": sweep.Uniform(0.0, 1.0)}, sweep.NO_DATA, workdir=tmp_path, metric="a_loss",
            points=3, seeds=1, method=method,
        )  # fmt: skip
    assert [str(each.message) for each in told] == [
        f"{tmp_path}: no point has a finite a_loss of every seed: 3 ok; the first, of run: not a "
        "finite number: a_loss"
    ]
    assert math.isnan(found.winners["run"].value)
    with pytest.raises(ValueError, match=r"there is no best, no point has .*: 3 ok; ") as caught:
        _ = found.best
    assert "\n" not in str(caught.value)
    assert "there is no best" in str(found)


def test_filters_of_warnings_are_the_users_while_it_runs(tmp_path):
    """They are the whole process's: what another thread warns of is not to be lost."""
    progress, seen, before = sweep.Progress(), [], list(warnings.filters)
    progress.show = lambda program: seen.append(list(warnings.filters))
    search(tmp_path, method="optuna", points=2, seeds=1, chunk=1, progress=progress)
    assert seen
    assert all(filters == before for filters in seen)


def test_where_the_first_round_has_none_and_others_have_nothing_is_told(tmp_path):
    run = sweep.without_training(
        lambda h, s, d: {"a_loss": jnp.where(h["x"] == 0.5, jnp.nan, h["x"])}
    )
    found = sweep.search(
        run, {"x": sweep.Uniform(0.0, 1.0)}, sweep.NO_DATA, workdir=tmp_path, metric="a_loss",
        points=3, seeds=1, method="optuna",
    )  # fmt: skip
    assert found.points("run")["value"].isna().tolist() == [True, False, False]


@pytest.mark.parametrize("method", ["random", "halton", "optuna"])
def test_fewer_points_than_a_workdir_has_are_those_that_are_asked_for(tmp_path, method):
    many = search(tmp_path, method=method, points=9, seeds=1)
    few = search(tmp_path, method=method, points=6, seeds=1)
    assert few.results.rows == many.results.rows[:6]
    assert len(few.points("run")) == 6
    again = search(tmp_path, method=method, points=9, seeds=1)
    assert again.results.rows == many.results.rows


def test_a_search_is_printed_in_a_few_lines(whole):
    lines = str(whole).splitlines()
    assert lines[0] == f"Found in {whole.results.workdir} (halton): 16 points of run, 2 seeds"
    assert lines[1] == "  32 trials: 32 ok"
    best = whole.best
    assert lines[2].startswith(f"  best validation_loss {best.value:.3g} in the mean, of run: x ")
    assert len(lines) == 3
    assert repr(best).endswith(f"value={best.value!r}, borders={best.borders!r}, rows=<2 trials>)")
    assert repr(whole.plan) == "Plan(32 trials of run; segments=10)"


def test_progress_is_shown_unless_it_is_asked_not_to_be(tmp_path, capsys):
    search(tmp_path, points=3, seeds=1)
    assert "\n3/3 trials, " in capsys.readouterr().err
    search(tmp_path, points=4, seeds=1, progress=sweep.Progress())
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"space": {}}, "space of run: give at least one distribution"),
        ({"space": [1]}, r"space: give \{name: LogUniform"),
        ({"space": {"x": (0, 1)}}, "space of run: x: give a Uniform, LogUniform, .*, not"),
        ({"space": {"run": {}, "x": sweep.Uniform(0, 1)}}, "space: run are spaces of programs"),
        ({"space": {"adam": SPACE}}, "space: it is one of adam, the programs are run"),
        ({"programs": {}}, "programs: there is none"),
        ({"programs": [landscape.RUN]}, "programs: give a Run, or several by name, not a list"),
        ({"programs": None}, "programs: give a Run, or several by name, not a NoneType"),
        ({"programs": {"adam": 3}}, "programs: give {name: Run, ...}; of 'adam' there is 3"),
        ({"data": None}, "data: give {'train': arrays, ...}, not a NoneType"),
        ({"workdir": None}, "workdir: give a path, not None"),
        ({"metric": None}, "metric: give a name, not None"),
        ({"mode": "up"}, "mode is 'max' or 'min', not 'up'"),
        ({"points": True}, "points is a whole number, not True"),
        ({"chunk": "x"}, "chunk is a whole number, not 'x'"),
        ({"chunk": 0}, "chunk must be >= 1, not 0"),
        ({"lanes": "x"}, "lanes is a whole number, not 'x'"),
        ({"progress": False}, r"progress: sweep\.Progress\(\) shows nothing; False is none"),
        ({"stop": True}, "stop: give a function that tells whether to stop, not True"),
        ({"checkpoint_seconds": "30"}, "checkpoint_seconds: give a number >= 0, not '30'"),
        ({"checkpoint_seconds": math.nan}, "checkpoint_seconds: give a number >= 0, not nan"),
        ({"checkpoint_seconds": None}, "checkpoint_seconds: give a number >= 0, not None"),
        ({"rerun_changed": "no"}, "rerun_changed: give True or False, not 'no'"),
        ({"devices": 2}, r"devices: give some of jax\.local_devices\(\) in a list, not 2"),
        ({"devices": "cpu"}, r"devices: give some of jax\.local_devices\(\) in a list, not 'cpu'"),
        ({"devices": []}, r"devices: give some of jax\.local_devices\(\) in a list, not \[\]"),
        ({"devices": 2 * jax.local_devices()}, "devices: each once, not"),
        ({"pionts": 4}, "pionts: there is no such option, but programs, .*did you mean points?"),
        ({"keep_states": True}, "keep_states: there is no such option, but programs, .*devices"),
        ({"method": "tpe"}, "method: 'tpe' is none of random, halton, halving, optuna; "),
        ({"method": "halving", "segments": 1}, "halving needs segments >= 2, .* not 1"),
        ({"method": sweep.Halving([10], sweep.Best("a_loss", 0.5))}, "prune: rungs are numbers"),
        ({"method": None}, "method: None is none of random, halton, halving, optuna; "),
        ({"space": {1: sweep.Uniform(0.0, 1.0)}}, "run: hyperparameters have names, not 1"),
        ({"space": {"value": sweep.Uniform(0.0, 1.0)}}, "run: value is said of a point, give an"),
        ({"points": 0}, "points must be >= 1, not 0"),
        ({"points": 4.0}, r"points is a whole number, not 4\.0"),
        ({"seeds": [0, 1]}, r"seeds is a whole number, not \[0, 1\]"),
        ({"seed": -1}, "seed must be >= 0, not -1"),
        ({"seeds": 0}, "seeds must be >= 1, not 0"),
        ({"metric": "validation_height"},
         "metric: run does not measure 'validation_height', it measures .*validation_loss"),
        ({"metric": "validation_los", "mode": "min"},
         "metric: run does not measure 'validation_los', it measures .*validation_loss"),
        ({"metric": "test_loss"}, "chosen on validation, never on test"),
        ({"metric": "validation_loss", "mode": "max"}, "better low, but mode='max'"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_before_anything_is_compiled(tmp_path, wrong, message):
    progress = sweep.Progress()
    given = {"programs": landscape.RUN, "space": SPACE, "data": sweep.NO_DATA} | {
        "workdir": tmp_path / "run", "metric": "validation_loss", "segments": 10, "points": 4,
        "progress": progress,
    }  # fmt: skip
    with pytest.raises(ValueError, match=message) as caught:
        sweep.search(**{**given, **wrong})
    assert "\n" not in str(caught.value)
    assert not progress.compilations
    assert not (tmp_path / "run").exists()


def test_a_sampler_that_is_made_would_not_be_resumed(tmp_path):
    with pytest.raises(ValueError, match="a TPESampler that is made draws other points"):
        search(tmp_path, method=samplers.TPESampler(seed=0))
    with pytest.raises(ValueError, match=r"makes no sampler .* but 3"):
        search(tmp_path, method=lambda seed: 3)


def test_names_that_programs_order_differently_are_refused(tmp_path):
    spaces = {
        "a": {"kind": sweep.Choice(("x", "y"))},
        "b": {"kind": sweep.Choice(("y", "x"))},
    }
    with pytest.raises(ValueError, match=re.escape("kind: programs choose among other names")):
        sweep.search(
            dict.fromkeys(spaces, landscape.RUN), spaces, sweep.NO_DATA, workdir=tmp_path,
            metric="validation_loss",
        )  # fmt: skip
