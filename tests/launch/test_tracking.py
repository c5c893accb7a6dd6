"""A launch tells its trials to TensorBoard, to others where asked, to nobody where asked."""

import sys

import pytest
from support import tiny_sweep as tiny
from support import told

from jaxdl import launch, sweep
from jaxdl.launch import UserError, config, runner, tracking
from jaxdl.trackers import TRACKERS

CATEGORIES = {"initializer": tiny.NAMES}


def start(workdir, *arguments):
    plan = sweep.Plan(tiny.PROGRAMS, tiny.TRIALS[:3], tiny.DATA, tiny.SEGMENTS, CATEGORIES)
    experiment = launch.Experiment(
        launch.Config, lambda config: plan, lambda *_: launch.Conclusion((), (), "done")
    )
    command = config.parse(["x", f"--workdir={workdir}", *arguments], launch.Config, "tiny")
    return runner.launch(experiment, "tiny", command)


@pytest.fixture
def listening(monkeypatch):
    """One more tracker, that needs no package."""
    monkeypatch.setitem(TRACKERS, "lines", lambda workdir: told.lines(workdir / "told"))


def test_tensorboard_is_told_by_default_and_others_when_asked(tmp_path, listening, capsys):
    assert start(tmp_path) == 0
    assert len([*(tmp_path / "tb").glob("*/events.*")]) == 3
    assert not (tmp_path / "told").exists()
    assert start(tmp_path, "--tracker=lines,tensorboard") == 0
    assert "is complete" in capsys.readouterr().out
    assert len(told.read(tmp_path / "told")) == 3


def test_nobody_is_told_where_none_is_asked(tmp_path):
    assert start(tmp_path, "--tracker=none") == 0
    assert not (tmp_path / "tb").exists()


def test_a_tracker_that_fails_leaves_the_trials(tmp_path, monkeypatch, capsys):
    def refusing(identity):
        raise OSError("the server does not answer")

    monkeypatch.setitem(TRACKERS, "lines", lambda workdir: refusing)
    assert start(tmp_path, "--tracker=lines") == 1
    assert "the server does not answer" in (said := capsys.readouterr().err)
    assert "failed: --tracker=lines (OSError); the trials are done" in said
    assert start(tmp_path) == 0
    monkeypatch.setitem(TRACKERS, "lines", lambda workdir: refusing)
    assert start(tmp_path, "--tracker=lines") == 1


def test_a_tracker_that_is_not_installed_is_told_before_anything_runs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if there were none
    with pytest.raises(UserError, match="--tracker=wandb: the package wandb is not installed"):
        start(tmp_path / "run", "--tracker=wandb")
    assert not (tmp_path / "run").exists()
    with pytest.raises(UserError, match="'wnadb' is none of tensorboard, wandb, mlflow, none"):
        start(tmp_path / "run", "--tracker=wnadb")
    tracking.check(["tensorboard"], tmp_path)


def test_by_itself_it_tells_the_last_trials_and_when_asked_all(tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "LIGHT", 2)
    assert start(tmp_path) == 0
    assert len([*(tmp_path / "tb").iterdir()]) == 2
    assert start(tmp_path, "--tracker=tensorboard") == 0
    assert len([*(tmp_path / "tb").iterdir()]) == 3
