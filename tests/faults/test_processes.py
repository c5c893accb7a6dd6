"""Real processes over loopback: equal gradients, checkpoints that move, peers that die or hang."""

import contextlib
import os
import re
import signal
import time
from pathlib import Path

import jax
import numpy as np
from support import jobs

from jaxdl import checkpoint, train

processes_run = jobs.program("processes_run")


def started(count, workdir, *arguments, **options):
    return jobs.started(count, workdir, processes_run.trained, *arguments, **options)


def lines(text):
    """`{(word, step): hash}` of what process 0 has printed."""
    found = re.findall(r"^(saved|restored|ended) (\d+) (\w{64})$", text, re.MULTILINE)
    return {(word, int(step)): sha256 for word, step, sha256 in found}


def run(count, *arguments, **options):
    with started(count, *arguments, **options) as (processes, logs):
        for process, log in zip(processes, logs, strict=True):
            process.join(300)
            assert process.exitcode == 0, log.read_text()
        return lines(logs[0].read_text())


def wait_for(step, workdir, processes, log):
    path = workdir / f"step_{step:08d}"
    while not path.exists():
        assert all(process.is_alive() for process in processes), log.read_text()
        time.sleep(0.01)


def state_on_one_device():
    init = jax.jit(train.init, static_argnums=(0, 1))
    return init(
        processes_run.TASK,
        processes_run.TX,
        jax.random.key(processes_run.SEED),
        processes_run.batch(0),
    )


def restored(workdir, step):
    """The newest state in this one process, which is of this step."""
    found = checkpoint.restore(workdir, state_on_one_device())
    assert found.step == step
    return found.tree


def gradients_are_those_of_one_device(before, after, step):
    compiled = jax.jit(train.step, static_argnums=(0, 1))
    expected, _ = compiled(processes_run.TASK, processes_run.TX, before, processes_run.batch(step))
    pairs = zip(
        *(jax.tree.leaves(one.opt_state[0].trace) for one in (after, expected)), strict=True
    )
    squares = [(np.square(np.subtract(a, b)).sum(), np.square(b).sum()) for a, b in pairs]
    of_difference, of_expected = np.sum(squares, axis=0)
    assert np.sqrt(of_difference / of_expected) < 1e-6


def test_eight_devices_have_the_gradients_of_one(tmp_path):
    state = state_on_one_device()
    checkpoint.save(tmp_path, 0, state)
    run(1, tmp_path, 1, devices=8)
    gradients_are_those_of_one_device(state, restored(tmp_path, 1), 1)


def test_two_and_four_processes_have_the_gradients_of_one_device_and_its_checkpoints(tmp_path):
    two, four = tmp_path / "two", tmp_path / "four"
    state = state_on_one_device()
    checkpoint.save(two, 0, state)
    of_two = run(2, two, 2, devices=2)
    assert of_two["restored", 0] == processes_run.sha256(state)
    four.mkdir()
    (two / "step_00000001").rename(four / "step_00000001")
    at_one = restored(four, 1)
    of_four = run(4, four, 2)
    at_two = restored(four, 2)

    hashes = [processes_run.sha256(each) for each in (at_one, at_two)]
    assert [of_four["restored", 1], of_four["saved", 2]] == hashes
    assert of_two["saved", 1] == of_four["restored", 1]
    gradients_are_those_of_one_device(state, at_one, 1)
    gradients_are_those_of_one_device(at_one, at_two, 2)
    # Four devices sum in one order, in however many processes they are.
    assert of_two["saved", 2] == of_four["saved", 2]


def listening(process):
    """The local addresses at which a process listens, as /proc has them."""
    held = set()
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            held.add(os.readlink(descriptor))
    rows = [
        row.split()
        for table in ("tcp", "tcp6")
        for row in Path(f"/proc/{process.pid}/net/{table}").read_text().splitlines()[1:]
    ]
    return {row[1].split(":")[0] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in held}


LOOPBACK = {"0100007F", "0" * 16 + "FFFF0000" + "0100007F"}
STEPS = 100


def interrupted(workdir, at, sent, *, stuck=600.0, heartbeat=60):
    """A job of two, the second of which is sent a signal: exit codes, seconds, what the first said.

    at: the checkpoint after which it is sent.
    """
    with started(2, workdir, STEPS, 0.1, stuck, heartbeat=heartbeat) as (processes, logs):
        wait_for(at, workdir, processes, logs[0])
        assert listening(processes[0]) <= LOOPBACK
        os.kill(processes[1].pid, sent)
        began = time.monotonic()
        ending = processes[:1] if sent == signal.SIGSTOP else processes
        for process in ending:
            process.join(300)
        seconds = time.monotonic() - began
        return [process.exitcode for process in ending], seconds, logs[0].read_text()


def test_a_run_that_loses_a_process_ends_and_goes_on(tmp_path, capfd):
    assert processes_run.trained(tmp_path / "whole", STEPS) == 0  # here, on two devices
    expected = lines(capfd.readouterr().out)["ended", STEPS]
    workdir = tmp_path / "lost"

    codes, seconds, _ = interrupted(workdir, 4, signal.SIGKILL, heartbeat=8)
    assert codes[0] not in (0, 75)
    assert codes[1] == -signal.SIGKILL
    assert seconds < 8 + 10

    codes, seconds, said = interrupted(workdir, 8, signal.SIGSTOP, stuck=8.0)
    assert codes == [1]
    assert seconds < 8 + 10
    assert "most recent call first" in said
    assert "processes_run.py" in said

    codes, _, said = interrupted(workdir, 12, signal.SIGTERM)
    assert codes == [75, 75], said
    newest = max(path.name for path in workdir.glob("step_*"))
    assert f"saved {int(newest.removeprefix('step_'))} " in said

    assert run(2, workdir, STEPS)["ended", STEPS] == expected
