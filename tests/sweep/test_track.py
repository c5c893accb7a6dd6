"""A trial is told as its ledger row and its curves have it."""

import numpy as np
import pytest
from support import tiny_sweep as tiny
from support import told

from jaxdl import sweep


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("sweep")
    return tiny.execute(
        workdir, {"adam": tiny.PROGRAMS["adam"]}, tiny.TRIALS[:12], prune=tiny.HALVING
    )


def test_each_trial_is_told_segment_by_segment(found, tmp_path):
    sweep.track(found, told.lines(tmp_path))
    curves, said = found.curves(), told.read(tmp_path)
    assert [*said] == sorted(row["trial"] for row in found.rows)
    assert {row["status"] for row in found.rows} == {"ok", "pruned"}
    for number, row in enumerate(found.rows):
        identity, rows, status = said[row["trial"]]
        asked = ("program", "initializer", "learning_rate", "seed")
        assert identity["hparams"] == {name: row[name] for name in asked}
        assert identity["group"] == f"adam {row['initializer']} {row['learning_rate']}"
        assert status == row["status"]
        assert [each["step"] for each in rows] == [*range(4, row["steps"] + 1, 4)]
        for segment, each in enumerate(rows):
            losses = curves["loss"][number, 4 * segment : 4 * segment + 4]
            assert each["train/loss"] == pytest.approx(losses.mean(), rel=1e-6)
            expected = curves["validation_accuracy"][number, segment]
            assert each["evaluation/validation_accuracy"] == pytest.approx(expected)
        assert rows[-1]["evaluation/validation_loss"] == pytest.approx(row["validation_loss"])


def test_another_result_is_another_version_and_the_same_one_is_not(found, tmp_path):
    sweep.track(found, told.lines(tmp_path / "once"))
    sweep.track(found, told.lines(tmp_path / "twice"))
    once, twice = told.read(tmp_path / "once"), told.read(tmp_path / "twice")
    assert once == twice
    changed = found._replace(rows=[{**found.rows[0], "validation_loss": 0.0}, *found.rows[1:]])
    sweep.track(changed, told.lines(tmp_path / "changed"))
    versions = [
        [identity["version"] for identity, _, _ in said.values()]
        for said in (once, told.read(tmp_path / "changed"))
    ]
    assert sum(a != b for a, b in zip(*versions, strict=True)) == 1
    assert len(set(versions[0])) == len(found.rows)


def test_a_trial_that_diverges_is_told_up_to_there(tmp_path):
    trials = sweep.trials(["momentum"], [{"initializer": "he_normal", "learning_rate": 1e38}], [0])
    with pytest.warns(sweep.NoResult):
        found = tiny.execute(tmp_path, {"momentum": tiny.PROGRAMS["momentum"]}, trials)
    (row,) = found.rows
    sweep.track(found, told.lines(tmp_path / "told"))
    ((_, rows, status),) = told.read(tmp_path / "told").values()
    assert (row["status"], status) == ("diverged", "diverged")
    assert rows[-1]["step"] == row["steps"]
    assert not np.isfinite(rows[-1]["train/loss"])
    assert "evaluation/validation_loss" not in rows[-1]


def test_trials_that_train_nothing_are_told_without_rows(tmp_path):
    plan = sweep.untrained("measured", sweep.grid(depth=(1, 2)), seeds=1)
    sweep.track(plan.execute(tmp_path), told.lines(tmp_path / "told"))
    for identity, rows, status in told.read(tmp_path / "told").values():
        assert identity["hparams"]["depth"] in (1, 2)
        assert (rows, status) == ([], "ok")


def test_curves_that_sum_steps_up_are_told_at_the_steps_behind_them(tmp_path):
    """Of two values for eight steps, each stands for four; in one segment and in two."""

    def advance(hparams, state, data):
        return state._replace(step=state.step + 4), {"loss": state.step[None] + 1.0}

    run = tiny.PROGRAMS["adam"]._replace(advance=advance)
    trials = sweep.trials(["adam"], [{"initializer": "he_normal", "learning_rate": 0.1}], [0])
    for segments, means in ((1, [1.0]), (2, [1.0, 5.0])):
        found = tiny.execute(tmp_path / f"{segments}", {"adam": run}, trials, segments=segments)
        sweep.track(found, told.lines(tmp_path / f"told{segments}"))
        ((_, rows, _),) = told.read(tmp_path / f"told{segments}").values()
        assert [row["step"] for row in rows] == [4 * (n + 1) for n in range(segments)]
        assert [row["train/loss"] for row in rows] == means
