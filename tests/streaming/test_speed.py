"""Seconds, examples, operations and memory of steps."""

import time

import jax.numpy as jnp
import pytest

from jaxdl.streaming import speed


class Device:
    def memory_stats(self):
        return {"bytes_in_use": 5, "peak_bytes_in_use": 7, "num_allocs": 1}


def test_seconds_are_those_of_steps(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(speed.jax, "local_devices", lambda: [Device()])
    clock = speed.Speed(flops=6.0, peak_flops=12.0)
    assert clock.read(clock.take(), 8) == {}
    clock.tick(jnp.zeros(()))
    assert clock.read(clock.take(), 8) == {}  # the first step was compiled
    for _ in range(4):
        now[0] += 2
        clock.tick(None)
    with clock.aside():
        now[0] += 50
    assert clock.read(clock.take(), 8) == {
        "speed/step_seconds": 2.0,
        "speed/examples_per_second": 4.0,
        "speed/flops_utilization": 6 / 2 / 12,
        "device/bytes_in_use": 5,
        "device/peak_bytes_in_use": 7,
    }
    assert clock.read(clock.take(), 8) == {}
    clock.tick(None)
    taken = clock.take()
    now[0] += 3
    clock.tick(None)  # the next one is begun before what is taken is read
    assert clock.read(taken, 8)["speed/step_seconds"] == 3.0
    now[0] += 5
    assert clock.read(clock.take(), 8)["speed/step_seconds"] == 5.0


def test_a_cpu_tells_nothing_of_its_memory():
    clock = speed.Speed(None, None)
    for _ in range(2):
        clock.tick(jnp.zeros(()))
    assert set(clock.read(clock.take(), 8)) == {"speed/step_seconds", "speed/examples_per_second"}
    with pytest.raises(ZeroDivisionError), clock.aside():
        raise ZeroDivisionError
