"""What is wrong with a plan, before any of it runs."""

import inspect

import pytest

from jaxdl import sweep
from jaxdl.sweep import _options

PROGRAMS = {"one": (sweep.without_training(lambda h, s, d: {"a": h["x"]}), sweep.grid(x=[1.0]))}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"segmens": 2}, "segmens: there is no such option, but segments, .*did you mean segments"),
        ({"seeds": "3"}, "seeds is a whole number, not '3'"),
        ({"seeds": 0}, "seeds must be >= 1, not 0"),
    ],
)
def test_mistakes_in_a_plan_are_one_line(wrong, message):
    with pytest.raises(ValueError, match=message) as caught:
        sweep.plan(PROGRAMS, sweep.NO_DATA, **{"seeds": 1, **wrong})
    assert "\n" not in str(caught.value)


def test_a_program_without_points_is_one_line():
    run, _ = PROGRAMS["one"]
    with pytest.raises(ValueError, match=r"give \(run, points\) of one, not a Run"):
        sweep.plan({"one": run}, sweep.NO_DATA, seeds=1)


@pytest.mark.parametrize(
    ("values", "categories", "message"),
    [
        (["0.1"], {}, "^x: '0.1' is a text: give the number, without quotes$"),
        (["adam"], {}, "^x: 'adam' is a name; list its values in `categories`$"),
        (["adam"], {"x": ["sgd"]}, "^x: 'adam' is none of sgd$"),
    ],
)
def test_a_text_that_is_no_category_is_told_when_the_plan_is_made(values, categories, message):
    programs = {"one": (PROGRAMS["one"][0], sweep.grid(x=values))}
    with pytest.raises(ValueError, match=message):
        sweep.plan(programs, sweep.NO_DATA, seeds=1, categories=categories)
    made = sweep.plan(programs, sweep.NO_DATA, seeds=1, categories={"x": values})
    assert [trial.hparams["x"] for trial in made.trials] == values


def test_the_options_of_execute_are_those_that_a_plan_does_not_say():
    options = inspect.signature(sweep.execute).parameters
    assert set(_options.NAMES) == {*options} - {*sweep.Plan._fields, "trials", "data", "workdir"}


def test_an_option_of_execute_that_there_is_not_is_one_line(tmp_path):
    plan = sweep.plan(PROGRAMS, sweep.NO_DATA, seeds=1)
    with pytest.raises(ValueError, match=r"laens: there is no .*; did you mean lanes\?"):
        plan.execute(tmp_path / "run", laens=2)
    assert not (tmp_path / "run").exists()
