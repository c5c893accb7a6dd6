"""Training on a stream in real processes: killed, stopped, damaged, and gone on with."""

import json
import shutil
import signal
import time
from pathlib import Path

import pytest
from support.processes import start, wait_for
from support.streams import events, lines, of_rows, rows

PROGRAM = Path(__file__).with_name("streaming_run.py")
SIZES = ("--steps=120", "--save_steps=8", "--evaluation_steps=40")


def run(workdir, *arguments):
    process = start(PROGRAM, workdir, *SIZES, *arguments, devices=1)
    out, err = process.communicate()
    return process.returncode, out, err


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("whole") / "run"
    code, out, err = run(workdir)
    assert code == 0, err
    return workdir, json.loads(out)


def steps(workdir):
    return [int(path.name[5:13]) for path in sorted((workdir / "checkpoints").glob("step_*"))]


def newest(workdir):
    return max((workdir / "checkpoints").glob("step_*"))


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 4
    file.write_bytes(content)


def killed_when(condition, workdir, *arguments):
    process = start(PROGRAM, workdir, *SIZES, *arguments, devices=1)
    wait_for(condition, process)
    process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode == -signal.SIGKILL, err
    return err


def asked_to_stop(workdir, at):
    """What a run says that is sent SIGTERM when it has saved a step behind this one."""
    before = set((workdir / "tb").iterdir())
    process = start(PROGRAM, workdir, *SIZES, "--pace=0.2", devices=1)
    wait_for(lambda: set((workdir / "tb").iterdir()) - before, process)
    wait_for(lambda: any(at < step < 9999 for step in steps(workdir)), process)
    asked = time.perf_counter()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate()
    assert process.returncode == 75, err
    assert time.perf_counter() - asked < 30  # seconds, and a very busy machine
    return err


def asked_twice(workdir):
    """A run is sent two signals while it saves to a slow disk, and leaves at once."""
    process = start(PROGRAM, workdir, *SIZES, "--slow_disk=60", devices=1)
    while not process.stdout.readline().startswith("saving"):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    while "once more to stop" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == -signal.SIGTERM


def test_whatever_happens_it_ends_with_the_same_bits_and_every_metric_once(tmp_path, whole):
    workdir = tmp_path / "run"
    saves = workdir / "checkpoints"

    # In an evaluation: its step is logged, and what it would have measured is not.
    killed_when(lambda: has_row(workdir, 40) and steps(workdir), workdir, "--nap=60")
    assert not any("evaluation/loss" in row for row in lines(workdir))

    # While a checkpoint is being written, somewhere in it.
    begun = steps(workdir)[-1]

    def in_a_save():
        return list(saves.glob(".step_*")) and steps(workdir)[-1] > begun

    err = killed_when(in_a_save, workdir, "--pace=0.2")
    assert f"goes on from step {begun}" in err

    # A byte of the newest has flipped, somebody made an empty folder, a draft was left behind.
    damaged, at = newest(workdir), steps(workdir)[-1]
    flip(max(damaged.rglob("*"), key=lambda path: path.stat().st_size * path.is_file()))
    (saves / "step_00009999").mkdir()
    (saves / ".step_00000777").mkdir(exist_ok=True)

    # Asked to stop, it saves at once; what it had found is said.
    err = asked_to_stop(workdir, at)
    assert "step_00009999 is ignored: it is not a checkpoint" in err
    assert f"{damaged.name} is ignored: arrays" in err
    assert "stopping after this step; once more to stop at once" in err
    assert "Traceback" not in err
    assert not list(saves.glob(".step_*"))
    (saves / "step_00009999").rmdir()
    stopped = steps(workdir)[-1]

    # A second signal while the disk is slow: it leaves at once, and the earlier checkpoint stands.
    asked_twice(workdir)
    assert steps(workdir)[-1] == stopped

    # The newest is cut short: the one before it is used, to the end.
    contents = newest(workdir) / "contents.json"
    contents.write_bytes(contents.read_bytes()[:100])
    code, out, err = run(workdir)
    assert code == 0, err
    assert "contents.json is not as it was sealed" in err, err
    assert json.loads(out) == whole[1]
    assert rows(workdir) == rows(whole[0])
    assert events(workdir) == of_rows(workdir)


def has_row(workdir, step):
    file = workdir / "metrics.jsonl"
    return file.exists() and f'{{"step": {step}, "train' in file.read_text()


def test_a_program_ends_in_one_line(tmp_path, whole):
    workdir = shutil.copytree(whole[0], tmp_path / "run")
    code, _, err = run(workdir, "--rate=0.1")
    assert (code, err.count("\n")) == (2, 1), err
    assert "rate (0.05 there, 0.1 here)" in err
    workdir = tmp_path / "diverged"
    code, _, err = run(workdir, "--rate=1e30", "--log_steps=3")
    assert code == 1
    assert err.splitlines()[-1].startswith("failed: ")
    assert "not finite" in err
    assert "Traceback" not in err
