"""`check_overfit` on plans that have no verdict to give; tests/faults has those that do."""

import pytest
from support import tiny_sweep as tiny

from jaxdl.launch import UserError
from jaxdl.launch.overfit import check_overfit
from jaxdl.sweep import Plan, Run


def plan(program, data):
    trials = [trial for trial in tiny.TRIALS if trial.program == "adam"][:2]
    categories = {"initializer": tiny.NAMES}
    return Plan({"adam": program}, trials, data, tiny.SEGMENTS, categories)


@pytest.mark.parametrize("train", [{}, {"a": tiny.X, "b": tiny.X[:3]}, {"x": tiny.X[:2]}])
def test_data_without_examples_row_by_row_are_one_line(train):
    with pytest.raises(UserError, match="has no training examples row by row"):
        check_overfit(plan(tiny.PROGRAMS["adam"], {"train": train}))


def test_a_loss_that_begins_below_zero_has_no_scale(capsys):
    plain = tiny.PROGRAMS["adam"]

    def lowered(hparams, state, data):
        state, curves = plain.advance(hparams, state, data)
        return state, {"loss": curves["loss"] - 100}

    run = Run(plain.init, lowered, plain.evaluate)
    assert check_overfit(plan(run, tiny.DATA))
    assert "no scale" in capsys.readouterr().out
