"""What `jaxdl watch` shows, once."""

import json
import math
from pathlib import Path

import pytest

from jaxdl import checkpoint, console
from jaxdl.console import runs, watch

COMMON = {"lanes": 2, "code": "a", "fingerprint": "b"}


def row(trial, program, status, loss):
    asked = {"trial": trial, "program": program, "learning_rate": 0.1, "seed": 0}
    outcome = {"status": status, "steps": 4, "diverged_at": None, "message": None}
    return {**asked, **outcome, "test_loss": loss, **COMMON}


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_sweep_is_a_line_a_program_with_its_best(tmp_path, capsys):
    rows = [
        row("1", "adam", "ok", 0.5),
        row("2", "adam", "diverged", None),
        row("3", "adam", "ok", 0.25),
        row("4", "sgd", "ok", 0.75),
    ]
    write(tmp_path / "trials.jsonl", rows)
    with (tmp_path / "trials.jsonl").open("a") as file:
        file.write('{"trial": "5')  # being written just now
    write(tmp_path / "clock.jsonl", [{"program": "adam", "running": 2.0, "steps": 8}])
    (tmp_path / "environment.json").write_text('{"experiment": "xor", "trials": 10}')
    assert console.main(["watch", str(tmp_path), "--once"]) == 0
    out, _ = capsys.readouterr()
    assert "interrupted, 4 of 10 trials, 2 a second" in " ".join(out.split())
    lines = {line.split("|")[1].strip(): line for line in out.splitlines() if "|" in line}
    assert "2 ok, 1 diverged" in lines["adam"]
    assert "0.25" in lines["adam"]
    assert "█ ▁" in lines["adam"]
    assert "0.75" in lines["sgd"]


def test_a_share_is_in_per_cent_as_list_says_it(tmp_path, capsys):
    asked = {"trial": "1", "program": "adam", "learning_rate": 0.1, "seed": 0}
    outcome = {"status": "ok", "steps": 4, "diverged_at": None, "message": None}
    write(tmp_path / "trials.jsonl", [{**asked, **outcome, "validation_accuracy": 0.875, **COMMON}])
    assert console.main(["watch", str(tmp_path), "--once"]) == 0
    out = " ".join(capsys.readouterr().out.replace("|", " ").split())
    assert "(%)" in out
    assert "87.5" in out
    assert "validation_accuracy" not in out


def test_what_became_of_a_run_is_as_list_says_it(tmp_path, capsys):
    expected = {
        "verdict": "done",
        "failure": "failed",
        "planned": "never begun",
        "from Python": "done",
        "rung": "interrupted",
        "stream": "interrupted",
    }
    for name, files in {
        "verdict": {"environment.json": '{"experiment": "xor"}', "verdict.json": "{}"},
        "failure": {"environment.json": '{"experiment": "xor", "failed": "x"}'},
        "planned": {"environment.json": '{"experiment": "xor"}'},
        "from Python": {"curves.npz": ""},
        "rung": {"rungs/a": ""},
        "stream": {"metrics.jsonl": '{"step": 2}\n', "checkpoints/a": "", "config.json": "{}"},
    }.items():
        for file, content in files.items():
            (tmp_path / name / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name / file).write_text(content)
        if name in ("verdict", "from Python", "rung"):
            write(tmp_path / name / "trials.jsonl", [row("1", "adam", "ok", 0.5)])
    for name, status in expected.items():
        assert console.main(["watch", str(tmp_path / name), "--once"]) == 0
        assert f": {status}, " in " ".join(capsys.readouterr().out.split())
    listed = {Path(run.workdir).name: run.status for run in runs.below(tmp_path)}
    assert listed == expected


def test_seconds_of_several_workers_are_no_time_that_is_left(tmp_path, capsys):
    place = tmp_path / "chunks/a"
    place.mkdir(parents=True)
    write(tmp_path / "trials.jsonl", [row("1", "adam", "ok", 0.5)])
    write(place / "trials.jsonl", [row("2", "adam", "ok", 0.25)])
    write(tmp_path / "clock.jsonl", [{"program": "adam", "running": 4.0, "steps": 8}])
    (tmp_path / "environment.json").write_text('{"experiment": "xor", "trials": 10}')
    with checkpoint.lock(tmp_path):
        assert console.main(["watch", str(tmp_path), "--once"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "2 of 10 trials, 0.5 a second of a worker" in said
    assert "left" not in said


def test_a_stream_is_a_line_a_metric(tmp_path, capsys):
    rows = [
        {"step": 1, "train/loss": 3.0, "train/accuracy": 0.25},
        {"step": 2, "train/loss": 1.0, "train/accuracy": None},
        {"step": 3, "train/loss": 2.0, "train/accuracy": 0.5},
    ]
    write(tmp_path / "metrics.jsonl", rows)
    (tmp_path / "config.json").write_text('{"steps": 9}')
    checkpoints = tmp_path / "checkpoints/step_00000002"
    checkpoints.mkdir(parents=True)
    (checkpoints / "seal.json").touch()
    assert console.main(["watch", str(tmp_path), "--once"]) == 0
    out, _ = capsys.readouterr()
    assert "step 3 of 9, saved step 00000002" in " ".join(out.split())
    cells = [[cell.strip() for cell in line.split("|")[1:5]] for line in out.splitlines()]
    assert ["train/loss (nats)", "2", "1", "█▁▅"] in cells
    assert ["train/accuracy (%)", "50.0", "50.0", "▁█"] in cells


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([1.0, 1.0], "▁▁"),
        ([0.0, None, math.nan, 7.0], "▁  █"),
        ([*range(8)], "▁▂▃▄▅▆▇█"),
        ([*range(70)], None),
    ],
)
def test_a_course_is_drawn_from_lowest_to_highest(values, line):
    drawn = watch.sparkline(values)
    assert drawn == line if line is not None else len(drawn) == watch.WIDTH


def test_a_damaged_ledger_is_one_line(tmp_path, capsys):
    (tmp_path / "trials.jsonl").write_text("(\n")
    assert console.main(["watch", str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_folder_of_runs_is_none_itself(tmp_path, capsys):
    (tmp_path / "one").mkdir()
    write(tmp_path / "one" / "trials.jsonl", [row("a", "adam", "ok", 0.5)])
    assert console.main(["watch", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"jaxdl: {tmp_path} holds no run; jaxdl list {tmp_path} tells of those below it\n"
    )
