"""What one process can show of jobs of several; tests/faults/test_processes.py starts them."""

import os
import signal
import subprocess
import sys

import jax
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jaxdl import distributed


@pytest.mark.parametrize(
    ("processes", "index", "environment", "message"),
    [
        (2, 2, {}, r"process 2 of 2: the first is 0"),
        (2, None, {}, r"belong together, not 2 and None"),
        (None, None, {"JAX_PROCESS_ID": "1"}, r"belong together, not None and 1"),
        (None, 0, {"JAX_NUM_PROCESSES": "two"}, r"\$JAX_NUM_PROCESSES is 'two', and not a number"),
    ],
)
def test_a_process_that_cannot_be_is_refused(monkeypatch, processes, index, environment, message):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ValueError, match=message):
        distributed.start(processes, index)


@pytest.mark.parametrize(
    ("address", "listens"),
    [
        (None, distributed.ADDRESS),
        ("10.0.0.1:99", "10.0.0.1:99"),
    ],
)
def test_the_coordinator_listens_where_it_is_told(monkeypatch, address, listens):
    asked = {}
    monkeypatch.setattr(jax.distributed, "initialize", lambda *given, **named: asked.update(named))
    distributed.start(2, 0, address)
    assert distributed.ADDRESS.startswith("127.0.0.1:")
    assert asked["coordinator_bind_address"] == listens


def test_a_process_alone_is_never_asked_to_stop():
    assert not distributed.stopping()


def test_what_is_split_is_gathered_on_the_host():
    split = NamedSharding(Mesh(np.array(jax.devices()), ("data",)), PartitionSpec("data"))
    x, key = np.arange(6.0, dtype=np.float32).reshape(2, 3), jax.random.key(4)
    tree = {"x": jax.device_put(x, split), "key": key, "plain": 3}
    held = distributed.gathered(tree)
    assert type(held["x"]) is np.ndarray
    assert np.array_equal(held["x"], x)
    assert np.array_equal(jax.random.key_data(held["key"]), jax.random.key_data(key))
    assert held["plain"] == 3


def test_a_process_alone_agrees_with_itself():
    assert distributed.everyones([1, 2]).tolist() == [[1, 2]]
    assert distributed.texts("ä" * 3000) == ["ä" * 3000]
    with distributed.one_end(), distributed.together(lambda error: 1):
        pass
    with (
        pytest.raises(ValueError, match="mine"),
        distributed.one_end(),
        distributed.together(lambda error: 1),
    ):
        raise ValueError("mine")


@pytest.mark.parametrize(("index", "error"), [(0, distributed.Ended), (1, OSError)])
def test_the_first_that_fails_says_why(monkeypatch, index, error):
    monkeypatch.setattr(jax, "process_index", lambda: index)
    monkeypatch.setattr(distributed, "everyones", lambda mine: np.array([[0, 7], [2, 7], [1, 7]]))
    failure = OSError("full") if index == 1 else None
    with pytest.raises(error) as raised, distributed.one_end():
        distributed.meet(failure, 2, 7)
    assert getattr(raised.value, "code", 2) == 2


def test_a_process_that_fails_by_itself_exits_at_once(monkeypatch, capsys):
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    codes = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with distributed.one_end():
        raise ValueError("mine")
    assert codes == [1]
    assert capsys.readouterr().err.endswith("ValueError: mine\n")


def test_ctrl_c_asks_all_to_stop_and_the_second_ends_this_one():
    asked = []
    before = signal.signal(signal.SIGTERM, lambda number, frame: asked.append(number))
    ctrl_c = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with distributed.interruptible():
            signal.raise_signal(signal.SIGINT)
            assert asked == [signal.SIGTERM]
            assert signal.getsignal(signal.SIGINT) == signal.SIG_DFL
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, ctrl_c)


STUCK = """
import threading
from jaxdl import distributed
with distributed.watchdog(0.1):
    pass
threading.Event().wait(0.3)
with distributed.watchdog(0.3) as alive:
    for _ in range(4):
        threading.Event().wait(0.1)
        alive()
    print("lived", flush=True)
    threading.Event().wait()
"""


def test_a_process_that_is_stuck_shows_where_and_ends():
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "lived\n")
    assert 'File "<string>", line 12 in <module>' in done.stderr
