"""A trace of the first seconds, and none where none is asked for."""

import time

import jax
import jax.numpy as jnp

from jaxdl.launch import tracing


def planes(workdir):
    (path,) = workdir.glob("profile/plugins/profile/*/*.xplane.pb")
    return {plane.name for plane in jax.profiler.ProfileData.from_file(str(path)).planes}


def test_a_trace_ends_after_its_seconds_or_with_its_block(tmp_path):
    for name, seconds in (("timer", 0.01), ("block", 60.0)):
        with tracing.window(tmp_path / name, seconds) as begin:
            begin()
            begin()  # of the next program: once is enough
            jax.block_until_ready(jnp.ones(8) + 1)
            if name == "timer":
                time.sleep(0.1)
        assert any("CPU" in plane for plane in planes(tmp_path / name))
    assert str(tmp_path / "block/profile") in tracing.told(tmp_path / "block")


def test_nothing_is_traced_unless_asked(tmp_path):
    with tracing.window(None) as begin:
        begin()
    with tracing.window(tmp_path):
        pass
    assert not list(tmp_path.iterdir())
    assert "nothing left to train" in tracing.told(tmp_path)
