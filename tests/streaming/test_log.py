"""Rows and events are cut at a position, and come once."""

import numpy as np
import pytest
from support.streams import events, lines, of_rows, records
from tensorboardX.proto.event_pb2 import Event, SessionLog

from jaxdl.streaming.log import Log


@pytest.fixture
def begun(tmp_path):
    log = Log(tmp_path, {}, 0, 9)
    for step in (1, 2):
        log.write(step, {"train/loss": 1 / step, "train/accuracy": float("nan")})
    position = log.position()
    log.write(3, {"train/loss": 7.0})
    log.sync()
    log.close()
    return tmp_path, position


def test_a_row_is_strict_json_and_an_event(begun):
    workdir, _ = begun
    rows = lines(workdir)
    assert rows[1] == {"step": 2, "train/loss": 0.5, "train/accuracy": None}
    seen = events(workdir)
    assert seen[2] == (2, "train/loss", 0.5)
    assert seen[3][:2] == (2, "train/accuracy")
    assert np.isnan(seen[3][2])


def test_what_is_behind_the_position_is_cut_off(begun):
    workdir, position = begun
    # A session that wrote and died before its first checkpoint.
    lost = Log(workdir, position, 2, 9)
    lost.write(3, {"train/loss": 8.0})
    lost.close()
    log = Log(workdir, position, 2, 9)
    log.write(3, {"train/loss": 0.25})
    log.close()
    rows = lines(workdir)
    assert [row["step"] for row in rows] == [1, 2, 3]
    assert rows[-1] == {"step": 3, "train/loss": 0.25}
    assert [event for event in events(workdir) if event[1] == "train/loss"] == [
        (1, "train/loss", 1.0),
        (2, "train/loss", 0.5),
        (3, "train/loss", 0.25),
    ]
    Log(workdir, {}, 0, 9).close()
    assert (workdir / "metrics.jsonl").read_bytes() == b""
    assert events(workdir) == []


def test_a_board_that_is_open_is_told_what_to_forget(begun):
    workdir, position = begun
    Log(workdir, position, 2, 9).close()
    newest = max((workdir / "tb").iterdir(), key=lambda path: int(path.suffix[1:]))
    starts = [Event.FromString(record) for record in records(newest.read_bytes())]
    assert [(e.step, e.session_log.status) for e in starts[1:]] == [(3, SessionLog.START)]


def test_rows_that_are_missing_are_told(begun):
    workdir, position = begun
    path = workdir / "metrics.jsonl"
    path.write_bytes(path.read_bytes()[: position["metrics.jsonl"] - 5])
    with pytest.warns(UserWarning, match="metrics.jsonl has lost 5 of"):
        Log(workdir, position, 2, 9).close()
    assert [row["step"] for row in lines(workdir)] == [1]


def test_the_terminal_is_told_once_a_second_and_at_the_end(tmp_path, capsys):
    log = Log(tmp_path, {}, 0, 9)
    for step in range(1, 10):
        log.write(step, {"train/loss": 0.123456})
    log.close()
    told = capsys.readouterr().err.splitlines()
    assert told[0] == "step 1/9: train/loss 0.1235"
    assert told[-1] == "step 9/9: train/loss 0.1235"
    assert len(told) < 9
    assert len(events(tmp_path)) == len(of_rows(tmp_path)) == 9
