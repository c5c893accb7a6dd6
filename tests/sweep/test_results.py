"""What a sweep has found, read back without changing it: finished, interrupted, of workers."""

import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
from support import tiny_sweep as tiny
from support.stopping import Stop

import jaxdl
from jaxdl import checkpoint, sweep

ADAM = [trial for trial in tiny.TRIALS if trial.program == "adam"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return tiny.execute(tmp_path_factory.mktemp("whole"), trials=ADAM)


def files(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_finished_sweep_is_what_execute_gave(whole):
    found = jaxdl.load_results(str(whole.workdir))
    assert found == whole
    frame = found.frame()
    assert frame["status"].eq("ok").all()
    assert {"initializer", "learning_rate", "seed", "validation_accuracy"} <= {*frame}
    np.testing.assert_array_equal(found.curves()["loss"], whole.curves()["loss"])
    assert found.curves()["trial"].tolist() == [sweep.trial_id(trial) for trial in ADAM]


def test_it_is_printed_in_two_lines_without_a_choice_among_seeds(whole):
    assert str(whole).splitlines() == [
        f"Results in {whole.workdir}",
        f"  {len(ADAM)} trials of adam: {len(ADAM)} ok",
    ]
    assert repr(whole) == str(whole)


def test_where_all_trials_diverged_that_is_told(tmp_path):
    trials = sweep.trials(
        ["adam"], sweep.grid(initializer=tiny.NAMES[1:], learning_rate=[1e38]), [0, 1]
    )
    with pytest.warns(
        sweep.NoResult, match="no trial has a result: 2 diverged; the first, of adam: "
    ):
        found = tiny.execute(tmp_path, trials=trials)
    assert str(found).splitlines()[1:] == ["  2 trials of adam: 2 diverged"]
    assert jaxdl.load_results(tmp_path) == found


def test_of_an_interrupted_one_there_is_what_is_done_and_nothing_changes(tmp_path, whole):
    with pytest.raises(sweep.Interrupted):  # in the third chunk of four trials
        tiny.execute(tmp_path, trials=ADAM, stop=Stop(7))
    before = files(tmp_path)
    found = jaxdl.load_results(tmp_path)
    assert found.rows == whole.rows[:8]
    for name, values in whole.curves().items():
        np.testing.assert_array_equal(found.curves()[name], values[:8])
    assert files(tmp_path) == before


def test_rows_of_workers_stand_behind_those_of_the_ledger(tmp_path, whole):
    shutil.copytree(whole.workdir, tmp_path, dirs_exist_ok=True)
    lines = (tmp_path / "trials.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "trials.jsonl").write_text("".join(lines[:5]))
    (tmp_path / "chunks/a").mkdir(parents=True)
    (tmp_path / "chunks/a/trials.jsonl").write_text("".join(lines[4:9]) + lines[9][:30])
    assert jaxdl.load_results(tmp_path).rows == whole.rows[:9]


def test_where_there_is_no_sweep_it_says_so(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no sweep: there is no trials\.jsonl"):
        jaxdl.load_results(tmp_path)


def test_the_version_is_that_of_the_package():
    page = Path(__file__).parents[2] / "pyproject.toml"
    assert jaxdl.__version__ == tomllib.loads(page.read_text())["project"]["version"]


def test_damaged_curves_are_named_and_the_rows_stay(tmp_path, whole):
    shutil.copytree(whole.workdir, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "curves.npz"
    path.write_bytes(path.read_bytes()[:-100])
    found = jaxdl.load_results(tmp_path)
    assert found.rows == whole.rows
    with pytest.raises(checkpoint.CheckpointError, match=r"curves\.npz is damaged"):
        found.curves()
    path.unlink()
    assert found.frame().equals(whole.frame())
