"""What is shown of a sweep: counted by hand, in rounds, and on a terminal of its own."""

import contextlib
import os
import pty
import sys
import threading

import jax.numpy as jnp
import pytest
from rich.console import Console
from rich.live import Live

from jaxdl import sweep
from jaxdl.sweep.progress import Bar, showing

GOALS = {"bowl": sweep.Goal({"x": sweep.Uniform(-1.0, 1.0)}, "height_loss")}
RUN = sweep.without_training(lambda h, s, d: {"height_loss": jnp.square(h["x"])})


class Finished(sweep.Progress):
    count = 0

    def finish(self):
        self.count += 1


def in_rounds(points):
    plan = sweep.plan({"bowl": (RUN, [{"x": 0.5}])}, sweep.NO_DATA, seeds=2)
    return sweep.asked(plan, GOALS, points=points, chunk=2)


def test_all_rounds_have_one_rate_and_what_failed_is_tried_again():
    progress = sweep.Progress()
    progress.start(8, 2)  # by an earlier launch
    progress.advance("adam", 4, 2.0)
    progress.failed = 2
    assert progress.rate == 4 / 2
    progress.start(20, 10)  # four of them by that launch, too
    assert (progress.done, progress.failed) == (10, 0)
    assert progress.rate == 4 / 2
    progress.advance("adam", 8, 1.0)
    assert progress.rate == (4 + 8) / (2 + 1)
    assert str(progress).startswith("18/20 trials, 4 trials/s, ")


def test_what_a_chunk_had_done_before_is_no_part_of_the_rate():
    progress = sweep.Progress()
    progress.start(8, 2)
    progress.resumed("adam", 2)
    progress.advance("adam", 2, 1.0)
    assert (progress.done, progress.rate) == (6, 2)


def test_all_rounds_have_one_last_line(tmp_path, capsys):
    in_rounds(6).execute(tmp_path)
    said = [line for line in capsys.readouterr().err.splitlines() if "bowl:" not in line]
    assert [line.split(",")[0] for line in said] == ["12/12 trials"]


def test_it_finishes_once_with_the_outermost_block_whatever_is_raised(tmp_path):
    progress = Finished()
    with showing(progress) as outer, showing(outer) as inner:
        assert outer is inner is progress
    assert progress.count == 1
    with pytest.raises(KeyError), showing(progress):
        raise KeyError
    assert progress.count == 2
    in_rounds(6).execute(tmp_path, progress=progress)
    assert progress.count == 3


@pytest.mark.parametrize("wrong", [False, "bar"])
def test_what_is_no_progress_is_refused_before_anything_is_written(tmp_path, wrong):
    with pytest.raises(ValueError, match=r"progress: sweep\.Progress\(\) shows nothing; .* none"):
        in_rounds(1).execute(tmp_path / "run", progress=wrong)
    assert not (tmp_path / "run").exists()


@contextlib.contextmanager
def terminal():
    """A terminal to write to, and the bytes that it has been sent, of which it takes any number."""
    ours, theirs = pty.openpty()
    sent = bytearray()

    def read():
        with contextlib.suppress(OSError):  # the other side is closed
            while part := os.read(ours, 1 << 16):
                sent.extend(part)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        with os.fdopen(theirs, "w") as stream:
            yield stream, sent
    finally:
        reader.join()
        os.close(ours)


def test_a_bar_goes_on_within_a_display_of_the_user(monkeypatch):
    with terminal() as (stream, sent):
        monkeypatch.setattr(sys, "stderr", stream)
        with Live("mine", console=Console(file=stream)), showing(None) as progress:
            assert isinstance(progress, Bar)
            for done in (0, 2):  # two rounds
                progress.start(4, done)
                progress.advance("adam", 2, 1.0)
        with progress.aside("drawing"):
            pass
    text = sent.decode()
    assert "mine" in text
    assert "4/4 trials, 2 trials/s" in text
