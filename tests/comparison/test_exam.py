"""An exam: what counts as solved, what a row says, what happens to those that diverge or raise."""

import jax
import numpy as np
import optax
import pytest

from jaxdl import comparison, optimizers, train
from jaxdl.comparison import Card, Entrant, Exam, exam
from jaxdl.sweep.distributions import LogUniform
from jaxdl.workloads.stress import PROBLEMS

ROUND = PROBLEMS["axes"]._replace(levels=(1.0, 2.0, 4.0, 1e6), steps=60)
NARROW = {"learning_rate": LogUniform(0.2, 0.200001)}
RATE = 0.2


def picky(learning_rate):
    def update(updates, state, params=None):
        if "x" in params:
            raise TypeError("no x, please")
        return updates, state

    return optax.GradientTransformation(lambda params: (), update)


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    entrants = {
        "sgd": Entrant(optimizers.sgd, NARROW),
        "huge": Entrant(lambda learning_rate: optax.sgd(-1e10 * learning_rate), NARROW),
        "picky": Entrant(picky, NARROW),
    }
    examined = Exam(entrants, [ROUND], attempts=3)
    plan = examined.plan()
    frame = plan.execute(tmp_path_factory.mktemp("exam")).frame()
    return examined, frame, examined.grades(frame)


def test_solved_is_ten_steps_in_a_row_at_the_goal(graded):
    _, frame, _ = graded
    mine = frame[frame["optimizer"].eq("sgd") & frame["difficulty"].eq(1)]
    starts = [
        train.init(ROUND.task(1.0), optax.sgd(RATE), jax.random.key(seed), {}).params["x"]
        for seed in mine["seed"]
    ]
    # In a round bowl each step leaves 1 − rate of the distance.
    far = [float(ROUND.error({"x": start}, {}, None)) for start in starts]
    arrive = np.ceil(np.log(0.1 / np.array(far)) / np.log(1 - RATE))
    assert mine["solved"].tolist() == [1, 1, 1]
    np.testing.assert_array_equal(mine["steps"], arrive + exam.HOLD - 1)


def test_what_is_not_solved_takes_its_budget(graded):
    _, frame, grades = graded
    hardest = frame[frame["optimizer"].eq("sgd") & frame["difficulty"].eq(1e6)]
    assert (hardest["status"].eq("ok") & hardest["steps"].eq(60)).all()
    assert (hardest["least_error"] > 0.1).all()
    (row,) = grades[grades["optimizer"].eq("sgd") & grades["level"].eq(4)].to_dict("records")
    assert (row["solved"], row["needed"]) == (0, np.inf)
    easiest = grades[grades["optimizer"].eq("sgd") & grades["level"].eq(1)]
    assert easiest["needed"].tolist() == [1.0]


def test_who_diverges_or_raises_has_rows_that_say_so(graded):
    examined, frame, grades = graded
    huge = frame[frame["optimizer"].eq("huge")]
    assert huge["status"].eq("diverged").all()
    assert (huge["diverged_at"] < 10).all()
    assert grades.loc[grades["optimizer"].eq("huge"), "diverged"].tolist() == [3] * 4
    told = grades.loc[grades["optimizer"].eq("picky"), "message"]
    assert told.eq("TypeError: no x, please").all()
    card = Card("picky", examined, grades)
    assert "It raises on axes (TypeError: no x, please)." in card.text()
    assert np.isnan(card.levels().loc["axes", "picky"])
    assert card.levels().loc["axes", "huge"] == 0


def test_all_are_tried_at_the_same_points_and_starts():
    known = comparison.ENTRANTS
    plan = Exam({"sgd": known["sgd"], "lion": known["lion"]}, [ROUND], attempts=4).plan()
    tried = {"axes: sgd": [], "axes: lion": []}
    for trial in plan.trials:
        tried[trial.program].append((trial.hparams, trial.seed))
    assert tried["axes: sgd"] == tried["axes: lion"]
    assert len(tried["axes: sgd"]) == 16


def test_what_cannot_be_examined_is_said_before_anything_runs():
    taken = Entrant(optimizers.sgd, {**NARROW, "difficulty": LogUniform(1, 2)})
    with pytest.raises(ValueError, match="mine: 'difficulty' is the problem's hyperparameter"):
        Exam({"mine": taken}, [ROUND]).plan()
    schedule = comparison.ENTRANTS["sgd"]._replace(shape=lambda steps: lambda step: 1.0)
    with pytest.raises(ValueError, match="mine is of the kind schedule: the card is one of optim"):
        Exam({"mine": schedule}, [ROUND]).plan()
    with pytest.raises(ValueError, match="problems: there is none"):
        Exam({"sgd": comparison.ENTRANTS["sgd"]}, []).plan()
    with pytest.raises(ValueError, match="has 9 steps: solved is what holds for 10"):
        Exam({"sgd": comparison.ENTRANTS["sgd"]}, [ROUND._replace(steps=9)]).plan()
