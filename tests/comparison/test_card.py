"""The card of made-up grades, and of a small launch."""

import json

import numpy as np
import pandas as pd
import pytest

from benchmarks import stress as launched
from jaxdl import comparison, launch
from jaxdl.comparison import Card, Exam, card_sections
from jaxdl.launch import config, runner
from jaxdl.workloads.stress import PROBLEMS

SOLVED = {
    ("axes", "mine"): (10, 5, 1, 1),
    ("axes", "adam"): (10, 10, 0, 0),
    ("saddle", "mine"): (2, 0, 4, 0),
    ("saddle", "adam"): (9, 9, 9, 9),
    ("noisy", "mine"): (0, 0, 0, 0),
    ("noisy", "adam"): None,
}
"""Of 10 attempts at each difficulty; None: raised."""


@pytest.fixture(scope="module")
def card():
    rows = [
        {
            "problem": problem,
            "optimizer": optimizer,
            "level": level,
            "difficulty": float(level),
            "attempts": 10,
            "solved": 0 if solved is None else solved[level - 1],
            "diverged": level,
            "needed": 11 / (solved[level - 1] + 1) if solved and solved[level - 1] else np.inf,
            "steps": 40.0,
            "message": "ValueError: no" if solved is None else None,
        }
        for (problem, optimizer), solved in SOLVED.items()
        for level in (4, 2, 1, 3)
    ]
    one = comparison.ENTRANTS["sgd"]
    problems = [PROBLEMS[name] for name in ("axes", "noisy", "saddle")]
    return Card("mine", Exam({"mine": one, "adam": one}, problems, 10), pd.DataFrame(rows))


def test_a_difficulty_counts_if_all_easier_ones_are_solved(card):
    levels = card.levels()
    assert levels["mine"].tolist() == [4, 0, 1]
    np.testing.assert_array_equal(levels["adam"], [2, np.nan, 4])
    assert levels.index.tolist() == ["axes", "noisy", "saddle"]
    np.testing.assert_allclose(card.shares()["mine"], [17 / 40, 0, 6 / 40])


def test_a_gain_is_paired_over_problems_and_one_that_raised_solves_none(card):
    # Differences 2, 0, −3: mean −1/3.
    gain = card.gain("adam")
    assert (gain.mean, gain.n) == (pytest.approx(-1 / 3), 3)
    assert gain.low < -1 / 3 < gain.high


def test_the_paragraph_says_what_it_withstands_needs_and_is_broken_by(card):
    said = card.text()
    assert said.startswith("mine solves 5 of 12 difficulties (adam 6).")
    assert (
        "It withstands, at all four difficulties, curvatures that differ along the axes (axes)."
        in said
    )
    assert "It fails at the first or second of noise (noisy) and a saddle (saddle)." in said
    # At the easiest: 11/11 and 11/3 attempts and none; the other 1, 1.1 and none.
    assert "It needs 3.67 random attempts" in said
    assert "(adam 1.1)." in said
    assert "It comes further than adam on axes; less far than adam on saddle." in said


def test_the_map_has_every_problem_and_says_what_raised(card):
    first, second = card_sections(card)
    picture = first.blocks[1]
    axes = picture.figure.axes[0]
    written = [text.get_text() for text in axes.texts]
    assert written == ["4 · 42 %", "2 · 50 %", "0 · 0 %", "raised", "1 · 15 %", "4 · 90 %"]
    # Who raised has solved not one.
    assert [row[:4] for row in first.blocks[0].rows] == [
        ("mine", "5", "1", "1"),
        ("adam", "6", "1", "1"),
    ]
    assert second.blocks[0].rows[0][2] == "1 × 40 steps"
    assert second.blocks[0].rows[1][2] == "–"


def test_what_is_never_solved_needs_no_number_of_attempts(card):
    never = card.grades.assign(needed=np.where(card.grades["optimizer"].eq("mine"), np.inf, 2.0))
    table = card_sections(card._replace(grades=never))[0].blocks[0]
    assert [row[-1] for row in table.rows] == ["–", "2"]


def test_a_launch_writes_page_and_verdict(tmp_path):
    values = {"candidate": "sgd", "baselines": "momentum", "problems": "axes", "attempts": "2"}
    arguments = [f"--config.{key}={value}" for key, value in {**values, "steps": "12"}.items()]
    experiment = launch.Experiment(
        launched.Config, launched.plan, launched.conclude, launched.CLAIMS, tolerant=True
    )
    command = config.parse(
        ["x", f"--workdir={tmp_path / 'card'}", *arguments], launched.Config, "stress"
    )
    assert runner.launch(experiment, "stress", command) == 0
    (claim,) = json.loads((tmp_path / "card/verdict.json").read_text())["claims"]
    assert claim["claim"] == "the candidate solves more difficulties (than momentum)"
    assert "The character of sgd" in (tmp_path / "card/report.html").read_text()


def test_an_unknown_problem_names_those_that_are_there():
    with pytest.raises(launch.UserError, match="axes"):
        launched.exam(launched.Config(problems=("axis",)))
