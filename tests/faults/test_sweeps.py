"""A sweep in a real process: killed and gone on with, and short of memory."""

import json
import random
import signal
import time

import numpy as np
import pytest
from support import tiny_sweep as tiny
from support.processes import GREEDY, PROGRAM, start, wait_for


def test_killed_at_any_moment_the_rest_ends_bitwise_the_same(tmp_path):
    whole = tiny.execute(tmp_path / "whole")
    workdir, ledger = tmp_path / "killed", tmp_path / "killed" / "trials.jsonl"
    moments = [
        lambda: list(workdir.glob("checkpoints/*/step_*")),  # between two segments
        lambda: ledger.exists() and ledger.read_bytes().count(b"\n") >= 8,  # between two chunks
    ]
    rng = random.Random(0)
    for moment in moments:
        process = start(PROGRAM, workdir)
        wait_for(moment, process)
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert process.returncode == -signal.SIGKILL
    # A row cut short by the kill, as a full disk or a lost power would leave it.
    torn = ledger.read_bytes()
    rows_before = torn.splitlines()
    ledger.write_bytes(torn + b'{"trial": "0123')
    process = start(PROGRAM, workdir)
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


def test_halving_that_is_killed_at_any_moment_ends_bitwise_the_same(tmp_path):
    whole = tiny.execute(tmp_path / "whole", prune=tiny.HALVING)
    workdir, rng, codes = tmp_path / "killed", random.Random(0), []
    for _ in range(4):
        before = set(workdir.glob("rungs/*/*/*.npz"))
        process = start(PROGRAM, workdir, 0, "halving")
        wait_for(lambda: set(workdir.glob("rungs/*/*/*.npz")) - before, process)  # noqa: B023
        time.sleep(rng.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        codes.append(process.returncode)
    # On a busy machine it may have ended before it was killed for the last time.
    assert codes.count(-signal.SIGKILL) >= 2
    again = tiny.execute(workdir, prune=tiny.HALVING)
    assert again.rows == whole.rows
    for name, values in whole.curves().items():
        np.testing.assert_array_equal(again.curves()[name], values)


def test_out_of_memory_halves_the_trials_in_flight(tmp_path):
    process = start(GREEDY, tmp_path, 16, 1, devices=1)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert "greedy: out of memory at 16 lanes; now 8" in err
    rows = json.loads(out)
    assert [status for status, *_ in rows] == ["ok"] * 8
    lanes = {lanes for _, lanes, _ in rows}
    assert len(lanes) == 1
    assert lanes <= {1, 2, 4}


def test_a_trial_too_large_for_the_memory_is_an_error_of_one_line(tmp_path):
    process = start(GREEDY, tmp_path, 2, 64, devices=1)
    _, err = process.communicate()
    assert process.returncode == 1, err
    assert "Failed: program greedy: JaxRuntimeError: RESOURCE_EXHAUSTED" in err
    rows = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    assert [row["status"] for row in rows] == ["error"] * 8
    assert all("RESOURCE_EXHAUSTED" in row["message"] for row in rows)
    assert all("\n" not in row["message"] for row in rows)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_library_sweep_that_is_interrupted_keeps_its_state_and_says_so(tmp_path, number):
    whole = tiny.execute(tmp_path / "whole")
    workdir = tmp_path / "stopped"
    process = start(PROGRAM, workdir, 3600)
    wait_for(lambda: (workdir / "trials.jsonl").exists(), process)
    process.send_signal(number)
    _, errors = process.communicate()
    assert process.returncode == 75, errors
    assert "stopping after this segment; once more to stop at once" in errors
    assert "interrupted; the same program goes on from here" in errors
    assert "Traceback" not in errors
    assert tiny.execute(workdir).rows == whole.rows
