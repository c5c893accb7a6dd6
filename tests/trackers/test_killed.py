"""Told, killed, told again: each row is there once. With a tracker that needs no package."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import streams, told

ROOT = Path(__file__).parents[2]


def run(*arguments):
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    script = ROOT / "tests/support/told_run.py"
    return subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("calls", [0, 3])
def test_a_stream_that_is_killed_while_it_tells(tmp_path, calls):
    done = run("stream", "lines", tmp_path, calls)
    assert done.returncode == -signal.SIGKILL, done.stderr
    done = run("stream", "lines", tmp_path)
    assert done.returncode == 0, done.stderr
    ((identity, rows, status),) = told.read(tmp_path / "told").values()
    assert status == "ok"
    assert identity["hparams"]["rate"] == 0.1
    assert rows == streams.lines(tmp_path)
    assert [row["step"] for row in rows] == [5, 10, 15, 20, 23]


def test_a_finished_stream_tells_what_it_had_no_time_to(tmp_path):
    """Killed behind its last checkpoint, it has nothing more to train."""
    assert run("stream", "lines", tmp_path, 4).returncode == -signal.SIGKILL
    (before,) = told.read(tmp_path / "told").values()
    done = run("stream", "lines", tmp_path)
    (after,) = told.read(tmp_path / "told").values()
    assert "is complete" in done.stderr
    assert (before[2], after[2]) == ("missing", "ok")
    assert after[1] == streams.lines(tmp_path)
