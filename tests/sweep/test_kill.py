"""A sweep killed in a real process, and gone on with."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from support import tiny_sweep as tiny

PROGRAM = Path(tiny.__file__)


def start(workdir):
    environment = {**os.environ, "PYTHONPATH": str(PROGRAM.parents[2])}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(workdir)],
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, process):
    while not condition() and process.poll() is None:
        time.sleep(0.002)


def test_killed_at_any_moment_the_rest_ends_bitwise_the_same(tmp_path):
    whole = tiny.execute(tmp_path / "whole")
    workdir, ledger = tmp_path / "killed", tmp_path / "killed" / "trials.jsonl"
    moments = [
        lambda: list(workdir.glob("checkpoints/*/step_*")),  # between two segments
        lambda: ledger.exists() and ledger.read_bytes().count(b"\n") >= 8,  # between two chunks
    ]
    rng = random.Random(0)
    for moment in moments:
        process = start(workdir)
        wait_for(moment, process)
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    # A row cut short by the kill, as a full disk or a lost power would leave it.
    torn = ledger.read_bytes()
    rows_before = torn.splitlines()
    ledger.write_bytes(torn + b'{"trial": "0123')
    process = start(workdir)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    assert "trials.jsonl" in errors  # the torn line is named
    assert ledger.read_bytes().splitlines()[: len(rows_before)] == rows_before
    rows = [json.loads(line) for line in ledger.read_text().splitlines()]
    assert len(rows) == len({row["trial"] for row in rows}) == len(tiny.TRIALS)
    by_trial = {row["trial"]: row for row in rows}
    assert [by_trial[row["trial"]] for row in whole.rows] == whole.rows
    with np.load(workdir / "curves.npz", allow_pickle=False) as curves:
        for name, expected in whole.curves().items():
            np.testing.assert_array_equal(curves[name], expected)
