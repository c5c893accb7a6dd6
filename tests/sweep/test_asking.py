"""Points that Optuna asks for: what is tried, in which rounds, and after a kill."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import optuna
import pytest
from support import tiny_sweep as tiny

from jaxdl import checkpoint, sweep
from jaxdl.sweep.distributions import Choice, LogUniform, Uniform

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
    with sweep.studies.journal(whole.workdir) as storage:
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
    with (tmp_path / sweep.studies.STUDIES).open("ab") as journal:
        journal.write(b'{"op_code": 4, "wor')  # half a line, and the lock of who wrote it
    (tmp_path / f"{sweep.studies.STUDIES}.lock").symlink_to("nowhere")
    assert points(of_bowl().execute(tmp_path)) == points(whole)


def test_a_trial_that_was_half_made_is_forgotten(tmp_path):
    of_bowl(points=1).execute(tmp_path)
    with sweep.studies.journal(tmp_path) as storage:
        study = optuna.load_study(study_name="bowl", storage=storage)
        study.ask({"x": optuna.distributions.FloatDistribution(-1.0, 1.0)})
    assert len(set(points(of_bowl(points=3).execute(tmp_path)))) == 3
    with sweep.studies.journal(tmp_path) as storage:
        study = optuna.load_study(study_name="bowl", storage=storage)
    assert [each.state.name for each in study.trials] == ["COMPLETE", "FAIL", *["COMPLETE"] * 2]


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


CHANGED = {
    "metric": {"metric": "width_loss"},
    "direction": {"mode": "max"},
    "space": {"space": {**BOWL, "y": LogUniform(1e-3, 1.0)}},
    "seeds": {"seeds": 2},
}


@pytest.mark.parametrize("what", CHANGED)
def test_another_question_is_another_study(tmp_path, what):
    """What was told of one is not true of the other."""

    def execute(space, seeds, metric, mode):
        def evaluate(hparams, state, data):
            height = bowl(hparams, state, data)["height_loss"]
            return {"height": height + jax.random.uniform(state.key), "width_loss": hparams["y"]}

        plan = sweep.untrained("bowl", [{"x": 0, "y": 0.1}], seeds=seeds, evaluate=evaluate)
        goals = {"bowl": sweep.Goal(space, metric, mode)}
        return sweep.asked(plan, goals, points=3, chunk=4).execute(tmp_path)

    one = {"space": BOWL, "seeds": 1, "metric": "height", "mode": "min"}
    execute(**one)
    other = {**one, **({"mode": None} if what == "metric" else {}), **CHANGED[what]}
    frame = execute(**other).frame()
    with sweep.studies.journal(tmp_path) as storage:
        study = optuna.load_study(study_name="bowl", storage=storage)
    means = frame.groupby(["x", "y"], sort=False)[other["metric"]].mean()
    worst = -np.inf if other["mode"] == "max" else np.inf
    values = [each.value for each in study.trials]
    assert values == pytest.approx(means.fillna(worst).tolist())
    assert study.direction.name == ("MAXIMIZE" if other["mode"] == "max" else "MINIMIZE")
    for each in study.trials:
        assert each.distributions == sweep.studies.distributions(other["space"])


def test_what_ran_anew_is_told_anew(tmp_path):
    def execute(count, shift, **options):
        def evaluate(hparams, state, data):
            return {"height_loss": (hparams["x"] - shift) ** 2 + hparams["y"]}

        plan = sweep.untrained("bowl", [{"x": 0, "y": 0.1}], seeds=1, evaluate=evaluate)
        plan = sweep.asked(plan, {"bowl": sweep.Goal(BOWL, "height_loss")}, points=count)
        return plan.execute(tmp_path, **options)

    execute(4, 0.5)
    found = execute(4, -0.5, rerun_changed=True)
    with sweep.studies.journal(tmp_path) as storage:
        study = optuna.load_study(study_name="bowl", storage=storage)
    values = [row["height_loss"] for row in found.rows]
    assert [each.value for each in study.trials] == pytest.approx(values)
    assert len(values) == 4


def test_points_that_are_one_in_float32_have_one_number_there(tmp_path):
    narrow = {"x": Uniform(0.1, 0.1 + 1e-9), "y": LogUniform(1e-2, 1.0)}
    plan = sweep.untrained("bowl", [{"x": 0.1, "y": 0.1}], seeds=1, evaluate=bowl)
    found = sweep.asked(plan, {"bowl": sweep.Goal(narrow, "height_loss")}, points=3)
    assert {row["x"] for row in found.execute(tmp_path).rows} == {0.1}


def test_a_damaged_journal_is_named(tmp_path):
    of_bowl(points=3).execute(tmp_path)
    path = tmp_path / sweep.studies.STUDIES
    lines = path.read_bytes().splitlines()
    path.write_bytes(b"\n".join([*lines[:3], lines[3][:9], *lines[4:], b""]))
    with pytest.raises(checkpoint.CheckpointError, match=r"optuna.log is damaged .*; delete it"):
        of_bowl(points=3).execute(tmp_path)
    path.unlink()
    assert len(of_bowl(points=3).execute(tmp_path).rows) == 6


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_a_sampler_that_has_seen_all_is_done(tmp_path):
    plan = sweep.untrained(
        "one", [{"k": 1}], seeds=1, evaluate=lambda h, s, d: {"a_loss": h["k"] / 2}
    )
    goals = {"one": sweep.Goal({"k": Choice(np.array([1, 2]))}, "a_loss")}
    found = sweep.asked(plan, goals, points=4, sampler="BruteForceSampler").execute(tmp_path)
    assert [row["k"] for row in found.rows] == [1, 2]


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


@pytest.mark.parametrize(
    ("space", "metric", "first", "message"),
    [
        (BOWL, "height", [{}], "'height' is better high or low"),
        ({**BOWL, "y": LogUniform(1e-45, 1.0)}, "a_loss", [{}], "y: 1e-45 is 0 in float32"),
        (BOWL, "a_loss", [{}, {"z": 4}], "bowl: points differ in z, which is not searched"),
        (BOWL, None, [{}], "goals: there is none of bowl"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_runs(space, metric, first, message):
    tried = [{"x": 0, "y": 0.1, "z": 3, **each} for each in first]
    plan = sweep.untrained("bowl", tried, seeds=1, evaluate=bowl)
    with pytest.raises(ValueError, match=message):
        sweep.asked(plan, {"bowl": sweep.Goal(space, metric)} if metric else {}, points=4)


def test_a_metric_that_no_row_has_is_named(tmp_path):
    plan = sweep.untrained("bowl", [{"x": 0, "y": 0.1}], seeds=1, evaluate=bowl)
    plan = sweep.asked(plan, {"bowl": sweep.Goal(BOWL, "test_loss")}, points=4)
    with pytest.raises(ValueError, match="searched by 'test_loss', which its rows do not have"):
        plan.execute(tmp_path)


def test_without_optuna_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ValueError, match=r"optuna is not installed: pip install optuna"):
        of_bowl()
