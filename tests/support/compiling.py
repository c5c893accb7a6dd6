"""Counts of what JAX traces and compiles."""

import contextlib
import functools

import jax
import jax.monitoring


def traced_once(function):
    """The compiled function, which fails where it is traced a second time."""
    traces = []

    @jax.jit
    @functools.wraps(function)
    def counted(*args, **kwargs):
        traces.append((args, kwargs))
        assert len(traces) == 1, f"traced again for {args}, {kwargs}"
        return function(*args, **kwargs)

    return counted


@contextlib.contextmanager
def compiled():
    """The names of the functions that are compiled within it."""
    names = []

    def listen(event, duration, **facts):
        if event == "/jax/core/compile/backend_compile_duration":
            names.append(facts.get("fun_name"))

    jax.monitoring.register_event_duration_secs_listener(listen)
    try:
        yield names
    finally:
        jax.monitoring.unregister_event_duration_listener(listen)
