"""Runs below a folder: real workdirs, their statuses, and how fast many are told."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support import tiny_sweep as tiny
from support.stopping import Stop

from jaxdl import checkpoint, console, sweep
from jaxdl.console import activity, runs

ROOT = Path(__file__).parents[2]
ADAM = [trial for trial in tiny.TRIALS if trial.program == "adam"]


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """A sweep from Python, which has no verdict."""
    workdir = tmp_path_factory.mktemp("swept") / "run"
    tiny.execute(workdir, trials=ADAM)
    return workdir


def experiment(workdir, trials=20, **files):
    workdir.mkdir(parents=True, exist_ok=True)
    (workdir / "environment.json").write_text(
        json.dumps({"experiment": "xor", "trials": trials, **files})
    )
    return workdir


def listed(capsys, *arguments):
    assert console.main(["list", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def statuses(folder):
    return {Path(run.workdir).name: run.status for run in runs.below(folder)}


def test_the_status_is_what_really_became_of_a_run(tmp_path, swept):
    shutil.copytree(swept, tmp_path / "python")
    shutil.copytree(swept, experiment(tmp_path / "done"), dirs_exist_ok=True)
    (tmp_path / "done/verdict.json").write_text("{}")
    shutil.copytree(swept, experiment(tmp_path / "unconcluded"), dirs_exist_ok=True)
    shutil.copytree(swept, experiment(tmp_path / "failed", failed="x"), dirs_exist_ok=True)
    experiment(tmp_path / "planned")
    with pytest.raises(sweep.Interrupted):
        tiny.execute(tmp_path / "stopped", trials=ADAM, stop=Stop(1))
    broken = tiny.PROGRAMS["adam"]._replace(advance=None)
    with pytest.raises(sweep.Failed):
        tiny.execute(tmp_path / "broken", programs={"adam": broken}, trials=ADAM)
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/config.json").write_text("{}")  # of a model, which is no run
    shutil.copytree(swept, tmp_path / ".hidden/run")
    with checkpoint.lock(experiment(tmp_path / "at work")):
        assert statuses(tmp_path) == {
            "python": "done",
            "done": "done",
            "unconcluded": "interrupted",
            "failed": "failed",
            "planned": "never begun",
            "stopped": "interrupted",
            "broken": "failed",
            "at work": "running",
        }
    assert statuses(tmp_path)["at work"] == "never begun"


def test_the_environment_of_another_program_makes_no_run(tmp_path, swept, capsys):
    (tmp_path / "conda").mkdir()
    (tmp_path / "conda/environment.json").write_text('{"name": "base", "dependencies": []}')
    (tmp_path / "list").mkdir()
    (tmp_path / "list/environment.json").write_text("[1]")
    assert statuses(tmp_path) == {}
    assert console.main(["watch", str(tmp_path / "conda")]) == 2
    assert "holds no run" in capsys.readouterr().err
    shutil.copytree(swept, tmp_path / "conda", dirs_exist_ok=True)
    assert statuses(tmp_path) == {"conda": "done"}  # of the sweep that lies there, too


def test_where_nobody_tells_who_is_at_work_nothing_is_called_interrupted(tmp_path, monkeypatch):
    monkeypatch.setattr(activity, "LOCKS", tmp_path / "none")
    experiment(tmp_path / "run")
    one_failed = experiment(tmp_path / "one failed")
    (one_failed / "trials.jsonl").write_text('{"trial": "a", "program": "p", "status": "error"}\n')
    experiment(tmp_path / "failed", failed="ValueError: x")
    assert statuses(tmp_path) == {
        "run": "unfinished",
        "one failed": "unfinished",  # others may be at work still
        "failed": "failed",
    }


def test_a_line_says_trials_and_the_best_of_validation_and_newest_is_first(tmp_path, swept, capsys):
    for name, age in (("old", 7200), ("new", 30)):
        workdir = shutil.copytree(swept, tmp_path / "deep" / name)
        experiment(workdir)
        written = os.stat(workdir / "trials.jsonl").st_mtime - age
        for path in workdir.iterdir():
            os.utime(path, (written, written))
    rows = [json.loads(line) for line in (swept / "trials.jsonl").read_text().splitlines()]
    best = max(row["validation_accuracy"] for row in rows)
    head, *lines = listed(capsys, tmp_path).splitlines()
    assert head.split() == ["run", "status", "age", "done", "best"]
    assert [line.split()[0] for line in lines] == ["deep/new", "deep/old"]
    for line in lines:
        assert f"{len(ADAM)}/20 trials" in line
        assert f"validation accuracy {100 * best:.1f} %" in line
    assert " 2 h " in lines[1]
    found = json.loads(listed(capsys, tmp_path, "--json"))
    assert [Path(run["workdir"]).name for run in found] == ["new", "old"]
    assert (found[0]["done"], found[0]["planned"], found[0]["best"]) == (len(ADAM), 20, best)


def test_rows_of_workers_count_once(tmp_path, swept):
    workdir = shutil.copytree(swept, tmp_path / "run")
    lines = (workdir / "trials.jsonl").read_text().splitlines(keepends=True)
    (workdir / "trials.jsonl").write_text("".join(lines[:5]))
    (workdir / "chunks/a").mkdir(parents=True)
    (workdir / "chunks/a/trials.jsonl").write_text("".join(lines[4:8]) + lines[8][:20])
    (run,) = runs.below(tmp_path)
    assert (run.done, run.status) == (8, "interrupted")


def test_a_stream_is_told_by_its_steps(tmp_path, capsys):
    (tmp_path / "config.json").write_text('{"steps": 9}')
    rows = [{"step": 3, "evaluation/loss": 0.5}, {"step": 6, "evaluation/loss": 0.25}]
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    line = listed(capsys, tmp_path).splitlines()[1]
    assert line.split()[:2] == [".", "interrupted"]
    assert "6/9 steps" in line
    assert line.endswith("evaluation/loss 0.25 nats")
    seal = tmp_path / "checkpoints/step_00000009/seal.json"
    seal.parent.mkdir(parents=True)
    seal.touch()
    assert statuses(tmp_path) == {tmp_path.name: "done"}


def test_what_is_odd_in_a_workdir_hides_no_run(tmp_path, swept, capsys):
    lines = ['{"step": 3, "train/loss": 0.5}', '{"step": "q"}', "7", '{"step": 9', ""]
    (tmp_path / "stream").mkdir()
    (tmp_path / "stream/metrics.jsonl").write_text("\n".join(lines))
    workdir = shutil.copytree(swept, tmp_path / "two\nlines")
    (workdir / "gone").symlink_to(tmp_path / "nothing")
    (workdir / "chunks").touch()
    out = listed(capsys, tmp_path)
    assert len(out.splitlines()) == 3
    assert "3 steps" in out
    assert f"{len(ADAM)} trials" in out


def test_no_run_and_no_folder_are_one_line(tmp_path, capsys):
    assert console.main(["list", str(tmp_path)]) == 2
    assert console.main(["list", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.count("\n") == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_is_not_ours_to_read_is_not_called_empty(tmp_path, capsys):
    (tmp_path / "locked").mkdir(mode=0)
    assert console.main(["list", str(tmp_path / "locked")]) == 2
    assert "Permission denied" in capsys.readouterr().err


HEAVY = ("jax", "numpy", "pandas", "scipy", "flax", "optax", "rich", "ml_collections")


def test_a_thousand_runs_within_a_second_and_nothing_heavy_imported(tmp_path, swept):
    for number in range(1000):
        shutil.copytree(swept, tmp_path / f"{number % 10}" / f"{number}")
    program = (
        "import sys; from jaxdl import console; console.main(sys.argv[1:]);"
        f"print(sorted({{*sys.modules}} & {{*{HEAVY}}}))"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", program, "list", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    *lines, heavy = done.stdout.splitlines()
    assert (len(lines), heavy) == (1001, "[]"), done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0
