"""What a process says to JAX of the cores, in environments of its own."""

import subprocess
import sys

import pytest

from jaxdl import cores


def test_what_the_environment_says_is_left_alone():
    environment = {"JAX_NUM_CPU_DEVICES": "7", "XLA_FLAGS": "--xla_dump_to=x"}
    cores.share(environment)
    assert environment["JAX_NUM_CPU_DEVICES"] == "7"
    assert environment["XLA_FLAGS"] == "--xla_dump_to=x"


def test_where_it_says_nothing_there_is_a_device_a_core():
    environment = {}
    cores.share(environment)
    assert environment["JAX_NUM_CPU_DEVICES"] == str(cores.count())


@pytest.mark.parametrize("version", ["0.9.1", "0.13.0", "1.0"])
def test_versions_that_may_not_know_the_flag_are_spared(monkeypatch, version):
    monkeypatch.setattr(cores.importlib.metadata, "version", lambda _: version)
    environment = {}
    cores.tune(environment)
    assert "XLA_FLAGS" not in environment


def test_the_flag_is_one_that_this_jaxlib_knows():
    """XLA ends a process at once for an unknown flag, or a value that it cannot read."""
    program = (
        "import os; os.environ.pop('XLA_FLAGS', None); from jaxdl import cores; cores.share();"
        "assert 'YNN' in os.environ['XLA_FLAGS'].upper(); import jax;"
        "print(jax.jit(lambda x: x + 1)(1))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
