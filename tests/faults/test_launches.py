"""Launches as a user makes them: real processes, real signals, real files."""

import json
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from jaxdl import checkpoint

ROOT = Path(__file__).parents[2]
SMALL = (
    "--config.steps=20",
    "--config.seeds=2",
    "--config.hidden=0,2",
    "--config.learning_rates=0.1",
)


def start(*arguments, experiment="xor"):
    return subprocess.Popen(
        [sys.executable, "-m", f"experiments.{experiment}", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments, experiment="xor"):
    process = start(*arguments, experiment=experiment)
    out, err = process.communicate()
    return process.returncode, out, err


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("runs") / "xor"
    code, out, err = run(f"--workdir={workdir}", *SMALL)
    assert code == 0, err
    return workdir, out, err


def test_a_finished_workdir_holds_what_was_promised(finished):
    workdir, out, err = finished
    files = {path.name for path in workdir.iterdir()}
    promised = {"config.json", "environment.json", "trials.jsonl", "curves.npz"}
    assert promised | {"verdict.json", "report.html"} <= files
    verdict = json.loads((workdir / "verdict.json").read_text())
    assert set(verdict) == {"seeds", "seconds", "claims"}
    assert verdict["seeds"] == 2
    keys = ["row", "claim", "quantity", "unit", "threshold", "measured", "interval", "method"]
    assert all(list(claim) == [*keys, "verdict"] for claim in verdict["claims"])
    environment = json.loads((workdir / "environment.json").read_text())
    assert environment["experiment"] == "xor"
    assert {"jax", "python", "device", "commit"} <= set(environment)
    rows = [json.loads(line) for line in (workdir / "trials.jsonl").read_text().splitlines()]
    assert len(rows) == 6
    with np.load(workdir / "curves.npz", allow_pickle=False) as curves:
        assert curves["loss"].shape == (6, 20)
    page = (workdir / "report.html").read_text()
    assert "python -m experiments.xor" in page
    assert str(workdir / "report.html") in out
    assert "6/6 trials" in err
    assert "9 compilations" in err  # three functions of each of three programs


def test_a_finished_run_started_again_says_so_and_changes_nothing(finished):
    workdir, _, _ = finished
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("*")}
    code, out, err = run(f"--workdir={workdir}", *SMALL)
    assert (code, err) == (0, "")
    assert "is complete" in out
    assert {path: path.stat().st_mtime_ns for path in workdir.rglob("*")} == before


def test_a_run_is_repeated_from_its_saved_configuration(finished, tmp_path):
    workdir, _, _ = finished
    code, _, err = run(f"--config={workdir / 'config.json'}", f"--workdir={tmp_path / 'again'}")
    assert code == 0, err
    assert (tmp_path / "again/trials.jsonl").read_bytes() == (workdir / "trials.jsonl").read_bytes()


def test_a_changed_configuration_is_refused_and_named(finished):
    workdir, _, _ = finished
    code, _, err = run(f"--workdir={workdir}", *SMALL[1:], "--config.steps=30")
    assert code == 2
    assert "steps (20 there, 30 asked)" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("flag", ["--config.steps=10", "--generate=The "])
def test_the_workdir_of_another_experiment_is_refused(finished, flag):
    workdir, _, _ = finished
    code, _, err = run(f"--workdir={workdir}", flag, experiment="char_rnn")
    assert code == 2
    assert "belongs to xor, not to char_rnn" in err
    assert err.count("\n") == 1


def test_rows_of_other_conditions_are_refused_or_run_anew(finished, tmp_path):
    workdir = shutil.copytree(finished[0], tmp_path / "xor")
    (workdir / "verdict.json").unlink()  # not concluded: it will look at its rows again
    conditions = (workdir / "conditions.json").read_text()
    (workdir / "conditions.json").write_text(conditions.replace('"data": "', '"data": "0'))
    before = {path: path.read_bytes() for path in workdir.iterdir() if path.is_file()}
    code, _, err = run(f"--workdir={workdir}", *SMALL)
    assert code == 2
    assert "were made under other conditions: the data; use another workdir" in err
    assert err.count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before

    longer = [*SMALL[1:], "--config.steps=30"]
    code, _, err = run(f"--workdir={workdir}", *longer)
    assert (code, "begun under another configuration: steps (20 there, 30 asked)" in err) == (
        2,
        True,
    )
    code, _, err = run(f"--workdir={workdir}", *longer, "--allow_config_change")
    assert code == 0, err
    rows = [json.loads(line) for line in (workdir / "trials.jsonl").read_text().splitlines()]
    assert [row["steps"] for row in rows] == [30] * 6
    assert len((workdir / "superseded.jsonl").read_text().splitlines()) == 6


def test_help_is_fast_and_names_the_claims():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    code, out, _ = run("--help", experiment="optimizers_x_initializers")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Processor seconds, which other processes of the machine do not lengthen; imports take them.
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
    assert code == 0
    assert "--config.learning_rates=" in out
    assert "--workdir" in out
    assert "O2: momentum beats plain SGD" in out


def test_a_dry_run_tells_and_writes_nothing(tmp_path):
    workdir = tmp_path / "run"
    code, out, err = run(f"--workdir={workdir}", "--dry_run", *SMALL)
    assert code == 0, err
    assert "3 programs, 6 trials" in out
    assert "minutes" in out
    assert not workdir.exists()


def test_a_dry_run_counts_what_is_done_already(finished):
    workdir, _, _ = finished
    code, out, err = run(f"--workdir={workdir}", "--dry_run", *SMALL)
    assert code == 0, err
    assert "6 trials are done already" in out
    assert "about 0.1 minutes on this machine, with the report" in out


def test_what_writes_nothing_needs_no_workdir_of_its_own(finished):
    workdir, _, _ = finished
    before = {path: path.stat().st_mtime_ns for path in workdir.rglob("*")}
    longer = [*SMALL[1:], "--config.steps=30"]
    code, out, err = run(f"--workdir={workdir}", "--dry_run", *longer)
    assert code == 0, err
    assert "3 programs, 6 trials" in out
    assert "done already" not in out  # they were of other steps
    assert out.splitlines()[-1].startswith("a run is refused: --workdir=")
    assert "steps (20 there, 30 asked); use another workdir" in out
    code, out, err = run(f"--workdir={workdir}", "--check_overfit", *longer)
    assert "| memorized |" in out, err
    assert {path: path.stat().st_mtime_ns for path in workdir.rglob("*")} == before


def test_what_cannot_memorize_a_few_examples_is_told(tmp_path):
    # A hidden layer can learn XOR's four points, and no straight line can.
    steps, rates = "--config.steps=1000", "--config.learning_rates=0.1"
    widths = "--config.hidden=0,4"
    code, out, err = run(f"--workdir={tmp_path / 'run'}", "--check_overfit", steps, rates, widths)
    assert code == 1, err
    answers = dict(re.findall(r"\| (linear|\d hidden units) .*\| (yes|no) ", out))
    assert answers["linear"] == "no"
    assert answers["4 hidden units"] == "yes"
    assert not (tmp_path / "run").exists()


def test_a_damaged_ledger_is_one_line_that_says_what_to_do(finished, tmp_path):
    workdir = tmp_path / "run"
    shutil.copytree(finished[0], workdir)
    (workdir / "verdict.json").unlink()
    ledger = workdir / "trials.jsonl"
    good = ledger.read_text()
    ledger.write_text(good.replace("{", "(", 1))
    code, _, err = run(f"--workdir={workdir}", *SMALL)
    assert code == 2
    assert "line 1 is not a row" in err
    assert "delete it" in err
    assert err.count("\n") == 1
    ledger.write_text(good[:-2])
    code, _, err = run(f"--workdir={workdir}", *SMALL)
    assert code == 0
    assert err.startswith(f"xor: {ledger}, line 6 is torn")
    assert len(ledger.read_text().splitlines()) == 6


def test_two_processes_on_one_workdir_the_second_is_refused(tmp_path):
    workdir = tmp_path / "run"
    workdir.mkdir()
    with checkpoint.lock(workdir):
        code, _, err = run(f"--workdir={workdir}", *SMALL)
    assert code == 2
    assert err.count("\n") == 1, err
    assert not (workdir / "config.json").exists()


def test_sigterm_saves_and_exits_75_and_the_same_command_goes_on(tmp_path, finished):
    workdir = tmp_path / "run"
    process = start(f"--workdir={workdir}", *SMALL)
    # The handler is in place by the time that the environment is written.
    while not (workdir / "environment.json").exists() and process.poll() is None:
        time.sleep(0.005)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 75, err
    assert "the same command goes on" in err
    assert not (workdir / "verdict.json").exists()
    code, _, err = run(f"--workdir={workdir}", *SMALL)
    assert code == 0, err
    expected = {row["trial"]: row for row in rows_of(finished[0])}
    assert {row["trial"]: row for row in rows_of(workdir)} == expected


def rows_of(workdir):
    return [json.loads(line) for line in (workdir / "trials.jsonl").read_text().splitlines()]


def test_a_trained_model_is_used_from_the_command_line(tmp_path):
    """Trained for a step, it goes on from what it is given; in one line what it cannot do."""
    workdir = f"--workdir={tmp_path / 'run'}"
    code, _, err = run(workdir, "--generate=a", experiment="char_rnn")
    assert (code, err.count("\n")) == (2, 1)
    assert "--generate needs a finished run" in err
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"Зима {number}. Крестьянин, торжествуя." for number in range(400)))
    sizes = {"text": text, "steps": 1, "seeds": 2, "hidden": 4, "length": 8, "batch_size": 4}
    small = [f"--config.{key}={value}" for key, value in sizes.items()]
    code, out, err = run(workdir, *small, "--config.learning_rates=0.01", experiment="char_rnn")
    assert code == 0, err
    code, out, err = run(workdir, "--generate=Зима", experiment="char_rnn")
    assert (code, err) == (0, "")
    assert out.count("Зима") >= 3
    code, _, err = run(workdir, "--generate=Winter", experiment="char_rnn")
    assert code == 2
    assert "the model has not seen 'W'" in err
