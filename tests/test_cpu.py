"""What a process says to JAX of the cores, in environments of its own."""

import os
import subprocess
import sys

import pytest

from jaxdl import _cpu
from jaxdl.sweep import place

OWN = "JAX_NUM_CPU_DEVICES", "NPROC", "XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS"


def test_what_the_environment_says_is_left_alone():
    environment = {"JAX_NUM_CPU_DEVICES": "7", "XLA_FLAGS": "--xla_dump_to=x"}
    _cpu.share(environment)
    assert environment["JAX_NUM_CPU_DEVICES"] == "7"
    assert environment["XLA_FLAGS"] == "--xla_dump_to=x"


def test_where_it_says_nothing_there_is_a_device_a_core():
    environment = {}
    _cpu.share(environment)
    assert environment["JAX_NUM_CPU_DEVICES"] == str(_cpu.count())


@pytest.mark.parametrize(
    ("given", "least"),
    [({}, _cpu.count() + 1), ({"JAX_NUM_CPU_DEVICES": "7"}, 8), ({"NPROC": "99"}, 99)],
)
def test_there_is_a_worker_more_than_devices(given, least):
    environment = dict(given)
    _cpu.share(environment)
    assert environment["NPROC"] == str(least)


LONG_LOOP = """
from jaxdl import sweep
sweep.use_all_cores()
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import PartitionSpec as P
from jaxdl.ops.convolution import convolve
from jaxdl.sweep.placement import place

mesh = place().mesh
rng = np.random.default_rng(0)
x = jnp.asarray(rng.integers(-3, 4, (16, 14, 14, 64)), jnp.float32)
kernel = jnp.asarray(rng.integers(-3, 4, (3, 3, 64, 32)), jnp.float32)
text = jnp.asarray(rng.integers(-3, 4, (64, 60, 128)), jnp.float32)
words = jnp.asarray(rng.integers(-3, 4, (5, 128, 64)), jnp.float32)

def lane(one, x, kernel, text, words):
    def body(_, z):
        return jnp.tanh(z * one[0]) + jnp.sin(z)  # work for two threads
    z = jax.lax.fori_loop(0, 6000, body, jnp.ones((128, 512)))
    one = jnp.where(jnp.isnan(z).any(), 2.0, 1.0)
    images = convolve(x * one, kernel, strides=(1, 1), dilation=(1, 1))
    return images[None], convolve(text * one, words, strides=(1,), dilation=(1,))[None]

spread = jax.shard_map(lane, mesh=mesh, in_specs=(P("trial"), P(), P(), P(), P()),
                       out_specs=P("trial"), check_vma=False)
images, texts = map(np.asarray, jax.jit(spread)(jnp.ones(mesh.size), x, kernel, text, words))

x, kernel, text, words = map(np.asarray, (x, kernel, text, words))
wide = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
right = sum(wide[:, a : a + 14, b : b + 14] @ kernel[a, b] for a in range(3) for b in range(3))
long = np.pad(text, ((0, 0), (2, 2), (0, 0)))
said = sum(long[:, a : a + 60] @ words[a] for a in range(5))
print([int((lane != right).sum()) for lane in images])
print([int((lane != said).sum()) for lane in texts])
"""


def test_convolutions_after_a_long_loop_on_all_cores_are_right():
    """Of whole numbers, so exact; without a spare worker thousands of values are wrong."""
    done = subprocess.run([sys.executable, "-c", LONG_LOOP], capture_output=True, text=True)
    none = [0] * _cpu.count()
    assert (done.returncode, done.stdout) == (0, f"{none}\n{none}\n"), done.stderr


@pytest.mark.parametrize("version", ["0.9.1", "0.13.0", "1.0"])
def test_versions_that_may_not_know_the_flag_are_spared(monkeypatch, version):
    monkeypatch.setattr(_cpu.importlib.metadata, "version", lambda _: version)
    environment = {}
    _cpu.tune(environment)
    assert "XLA_FLAGS" not in environment


def test_the_flag_is_one_that_this_jaxlib_knows():
    """XLA ends a process at once for an unknown flag, or a value that it cannot read."""
    program = (
        "import os; os.environ.pop('XLA_FLAGS', None); from jaxdl import _cpu; _cpu.share();"
        "assert 'YNN' in os.environ['XLA_FLAGS'].upper(); import jax;"
        "print(jax.jit(lambda x: x + 1)(1))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr


EVERY_ROOM = """
import importlib, pkgutil
import jaxdl
for module in pkgutil.walk_packages(jaxdl.__path__, "jaxdl."):
    importlib.import_module(module.name)
import jax
jax.config.update("jax_num_cpu_devices", 5)
print(jax.local_device_count())
"""


def test_importing_every_module_does_not_start_jax():
    """Or else `use_all_cores` came too late after it."""
    done = subprocess.run([sys.executable, "-c", EVERY_ROOM], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "5\n"), done.stderr


TAKEN = """
import sys
import jax
{before}
from jaxdl import sweep
sweep.take_all_cores()
print(jax.local_device_count())
"""
TOLD = f"sweeps use 1 of {_cpu.count()} cores: JAX had started before it was told of the others"


@pytest.mark.parametrize(
    ("before", "environment", "devices", "words"),
    [
        ("", {}, _cpu.count(), ""),
        ("import jax.numpy as jnp, flax, optax", {}, _cpu.count(), ""),
        ("jax.numpy.zeros(3)", {}, 1, TOLD),
        ("", {"JAX_NUM_CPU_DEVICES": "1"}, 1, ""),
        ("jax.config.update('jax_num_cpu_devices', 1); jax.devices()", {}, 1, ""),
        ("", {"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, 3, ""),
    ],
)
def test_all_cores_are_taken_where_jax_has_not_started_and_else_it_says_so(
    before, environment, devices, words
):
    own = {name: value for name, value in os.environ.items() if name not in OWN} | environment
    program = TAKEN.format(before=before)
    done = subprocess.run([sys.executable, "-c", program], env=own, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{devices}\n"), done.stderr
    assert words in done.stderr if words else done.stderr == ""


COMPARED = """
import jax, optax
import jaxdl

def mine(learning_rate):
    return optax.sgd(learning_rate)

try:
    jaxdl.compare(mine, workloads=["none"])
except ValueError as error:
    assert "unknown workload" in str(error)
print(jax.local_device_count())
"""


def test_a_comparison_takes_all_cores_before_its_candidate_starts_jax():
    own = {name: value for name, value in os.environ.items() if name not in OWN}
    done = subprocess.run([sys.executable, "-c", COMPARED], env=own, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, f"{_cpu.count()}\n"), done.stderr
    assert done.stderr == ""


def test_devices_without_a_worker_besides_are_warned_of(monkeypatch):
    place()
    monkeypatch.setenv("NPROC", "2")
    with pytest.warns(UserWarning, match="set NPROC to 3"):
        place()


KEPT = """
from pathlib import Path
from jaxdl import _cpu
_cpu.tune()
import numpy as np

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

before = resident()
many = [np.ones(2**23) for _ in range(4)]
del many
kept = resident() - before
_cpu.give_back()
print(kept >> 20, (resident() - before) >> 20)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc; other C libraries keep nothing")
def test_what_a_process_keeps_of_its_freed_memory_is_given_back_when_asked():
    out = subprocess.run([sys.executable, "-c", KEPT], check=True, capture_output=True, text=True)
    kept, left = map(int, out.stdout.split())
    assert kept > 200
    assert left < 20
