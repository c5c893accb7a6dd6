"""Points that Optuna asks for: what is tried, in which rounds, and after a kill."""

import sys

import jax.numpy as jnp
import numpy as np
import pytest
from support import tiny_sweep as tiny

from jaxdl import sweep
from jaxdl.sweep.space import Choice, LogUniform, Uniform

optuna = pytest.importorskip("optuna")

SPACE = {"learning_rate": LogUniform(1e-3, 10.0), "initializer": Choice(tiny.NAMES)}
FIRST = [{"initializer": "zeros", "learning_rate": 1}]
GOAL = sweep.Goal(SPACE, "validation_loss")
BOWL = {"x": Uniform(-1.0, 1.0), "y": LogUniform(1e-2, 1.0)}


def bowl(hparams, state, data):
    """Least at x = 0.5; beyond 0.9 no number."""
    height = (hparams["x"] - 0.5) ** 2 + hparams["y"]
    return {"height_loss": jnp.where(hparams["x"] > 0.9, jnp.nan, height)}


def of_bowl(points=12, chunk=4, **options):
    plan = sweep.untrained("bowl", [{"x": 0, "y": 0.1, "z": 3}], seeds=2, evaluate=bowl)
    goals = {"bowl": sweep.Goal(BOWL, "height_loss", "min")}
    return sweep.asked(plan, goals, points=points, chunk=chunk, **options)


def points(results):
    return [(row["x"], row["y"]) for row in results.rows if row["seed"] == 0]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return of_bowl().execute(tmp_path_factory.mktemp("whole"))


def test_all_points_are_tried_by_all_seeds_and_told(whole):
    tried = points(whole)
    assert len(set(tried)) == 12
    assert tried[0] == (0.0, 0.1)
    assert len(whole.rows) == 24
    assert {row["z"] for row in whole.rows} == {3}
    storage = sweep.asking._storage(whole.workdir / sweep.asking.STUDIES)
    study = optuna.load_study(study_name="bowl", storage=storage)
    assert [each.state.name for each in study.trials] == ["COMPLETE"] * 12
    for each, (x, y) in zip(study.trials, tried, strict=True):
        assert each.params == {"x": x, "y": y}
        expected = (x - 0.5) ** 2 + y if x <= 0.9 else np.inf
        assert each.value == pytest.approx(expected, rel=1e-5)


def test_a_search_finds_what_random_points_do_not(whole):
    """The last third of the points is better than the first."""
    heights = [row["height_loss"] or 2.0 for row in whole.rows if row["seed"] == 0]
    assert np.median(heights[8:]) < np.median(heights[:4])


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", [0, 2, 5, 9])
def test_killed_while_it_asks_or_tells_it_goes_on_with_the_same_points(
    tmp_path, whole, monkeypatch, after
):
    left = [after]

    def dying(function):
        def call(*arguments, **options):
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Study, "ask", dying(optuna.Study.ask))
        patch.setattr(optuna.Study, "tell", dying(optuna.Study.tell))
        with pytest.raises(Killed):
            of_bowl().execute(tmp_path)
    with (tmp_path / sweep.asking.STUDIES).open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')  # half a line, and the lock of who wrote it
    (tmp_path / f"{sweep.asking.STUDIES}.lock").symlink_to("nowhere")
    assert points(of_bowl().execute(tmp_path)) == points(whole)


@pytest.mark.parametrize("after", [0, 1, 9])
def test_killed_while_a_trial_is_half_made_it_asks_for_the_same_again(
    tmp_path, whole, monkeypatch, after
):
    """Between the line of the journal that makes a trial and those that say what is tried."""
    storage, left = optuna.storages.JournalStorage, [after]
    write = storage.set_trial_param

    def dying(*arguments):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        write(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "set_trial_param", dying)
        with pytest.raises(Killed):
            of_bowl().execute(tmp_path)
    assert points(of_bowl().execute(tmp_path)) == points(whole)


def test_start_up_points_of_rounds_differ(tmp_path):
    found = of_bowl(points=9, chunk=2, sampler="RandomSampler").execute(tmp_path)
    assert len(set(points(found))) == 9


def test_more_points_are_a_longer_search(tmp_path, whole):
    first = of_bowl(points=5).execute(tmp_path)
    assert points(first) == points(whole)[:5]
    assert points(of_bowl().execute(tmp_path)) == points(whole)


def test_programs_are_searched_each_for_itself_in_their_types(tmp_path):
    plan = sweep.plan(
        {name: (run, FIRST) for name, run in tiny.PROGRAMS.items()},
        tiny.DATA,
        seeds=1,
        segments=tiny.SEGMENTS,
        categories={"initializer": tiny.NAMES},
    )
    plan = sweep.asked(plan, {"adam": GOAL, "momentum": GOAL}, points=3, chunk=2)
    found = plan.execute(tmp_path)
    assert found.frame().groupby("program").size().tolist() == [3, 3]
    row = found.rows[-1]
    assert row["program"] == "momentum"
    assert int(plan.replay(row).step) == 12


def test_what_is_found_twice_runs_once(tmp_path):
    plan = sweep.untrained(
        "one", [{"k": 1}], seeds=1, evaluate=lambda h, s, d: {"a_loss": h["k"] / 2}
    )
    goals = {"one": sweep.Goal({"k": Choice([1, 2])}, "a_loss")}
    found = sweep.asked(plan, goals, points=6, chunk=2).execute(tmp_path)
    assert [row["k"] for row in found.rows] == [1, 2]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"sampler": "Tpe"}, "optuna.samplers has no 'Tpe', it has "),
        ({"sampler": "GridSampler"}, "GridSampler cannot be made of a seed alone"),
        ({"points": 0}, "points and chunk must be >= 1, not 0 and 4"),
    ],
)
def test_what_cannot_be_asked_is_said_in_one_line(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        of_bowl(**wrong)
    assert "\n" not in str(caught.value)


def test_a_first_point_outside_the_space_is_named():
    plan = sweep.untrained("bowl", [{"x": 3.0, "y": 0.1}], seeds=1, evaluate=bowl)
    with pytest.raises(ValueError, match=r"bowl: the first point {'x': 3.0, 'y': 0.1}"):
        sweep.asked(plan, {"bowl": sweep.Goal(BOWL, "height_loss", "min")}, points=4)


def test_without_optuna_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"optuna is not installed: pip install 'jaxdl\[search\]'"):
        of_bowl()
