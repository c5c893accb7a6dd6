"""Real processes over loopback: equal gradients, checkpoints that move, peers that die or hang."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
from faults import processes_run as program

from jaxdl import checkpoint, train

FOLDER = Path(__file__).parent


def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def started(count, *arguments, devices=1, **variables):
    """Processes of one job, which are gone afterwards."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(FOLDER.parents[1]),
        "JAX_NUM_CPU_DEVICES": str(devices),
        "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port()}",
        "JAX_NUM_PROCESSES": str(count),
        **{name: str(value) for name, value in variables.items()},
    }
    processes = [
        subprocess.Popen(
            [sys.executable, program.__file__, *map(str, arguments)],
            env={**environment, "JAX_PROCESS_ID": str(index)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for index in range(count)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def lines(text):
    """`{(word, step): hash}` of what process 0 has printed."""
    found = re.findall(r"^(saved|restored|ended) (\d+) (\w{64})$", text, re.MULTILINE)
    return {(word, int(step)): sha256 for word, step, sha256 in found}


def run(count, *arguments, **options):
    with started(count, *arguments, **options) as processes:
        printed = [process.communicate(timeout=120) for process in processes]
        assert [process.returncode for process in processes] == [0] * count, printed
    return lines(printed[0][0])


def wait_for(step, workdir, processes):
    path = workdir / f"step_{step:08d}"
    while not path.exists():
        assert all(process.poll() is None for process in processes)
        time.sleep(0.01)


def state_on_one_device():
    init = jax.jit(train.init, static_argnums=(0, 1))
    return init(program.TASK, program.TX, jax.random.key(program.SEED), program.batch(0))


def restored(workdir, step):
    """The newest state in this one process, which is of this step."""
    found = checkpoint.restore(workdir, state_on_one_device())
    assert found.step == step
    return found.tree


def gradients_are_those_of_one_device(before, after, step):
    compiled = jax.jit(train.step, static_argnums=(0, 1))
    expected, _ = compiled(program.TASK, program.TX, before, program.batch(step))
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
    assert of_two["restored", 0] == program.sha256(state)
    four.mkdir()
    (two / "step_00000001").rename(four / "step_00000001")
    at_one = restored(four, 1)
    of_four = run(4, four, 2)
    at_two = restored(four, 2)

    hashes = [program.sha256(each) for each in (at_one, at_two)]
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


def interrupted(workdir, at, sent, **variables):
    """A job of two, the second of which is sent a signal: exit codes, seconds, what the first said.

    at: the checkpoint after which it is sent.
    """
    with started(2, workdir, STEPS, 0.1, **variables) as processes:
        wait_for(at, workdir, processes)
        assert listening(processes[0]) <= LOOPBACK
        processes[1].send_signal(sent)
        began = time.monotonic()
        ending = processes[:1] if sent == signal.SIGSTOP else processes
        codes = [process.wait(timeout=120) for process in ending]
        seconds = time.monotonic() - began
        printed = processes[0].communicate()
    return codes, seconds, *printed


def test_a_run_that_loses_a_process_ends_and_goes_on(tmp_path, capfd):
    assert program.trained(tmp_path / "whole", STEPS) == 0  # here, on the two devices of all tests
    expected = lines(capfd.readouterr().out)["ended", STEPS]
    workdir = tmp_path / "lost"

    codes, seconds, *_ = interrupted(workdir, 4, signal.SIGKILL, HEARTBEAT=5)
    assert codes[0] not in (0, 75)
    assert codes[1] == -signal.SIGKILL
    assert seconds < 5 + 10

    codes, seconds, _, err = interrupted(workdir, 8, signal.SIGSTOP, STUCK=10)
    assert codes == [1]
    assert seconds < 10 + 10
    assert "most recent call first" in err
    assert "processes_run.py" in err

    codes, _, out, err = interrupted(workdir, 12, signal.SIGTERM)
    assert codes == [75, 75], err
    newest = max(path.name for path in workdir.glob("step_*"))
    assert f"saved {int(newest.removeprefix('step_'))} " in out

    assert run(2, workdir, STEPS)["ended", STEPS] == expected
