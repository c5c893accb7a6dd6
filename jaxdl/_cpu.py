"""The processor cores that this process may use, and how a sweep shares them out."""

import ctypes
import gc
import importlib.metadata
import os
from collections.abc import Callable, Mapping, MutableMapping

FLAGS = (
    # XLA's other convolutions on CPU, YNNPACK's, take up to twice the time of Eigen's.
    "--xla_cpu_experimental_ynn_fusion_type=-LIBRARY_FUSION_TYPE_INDIVIDUAL_CONVOLUTION",
    # Wider loops: an optimizer's update of small layers takes a third less.
    "--xla_cpu_prefer_vector_width=512",
)
KNOWN_SINCE, KNOWN_UNTIL = (0, 10), (0, 13)
"""Versions of jaxlib, the last excluded, that know these flags: XLA ends at an unknown one."""


def count() -> int:
    """Cores that the process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(environment: MutableMapping[str, str] = os.environ) -> None:
    """One JAX CPU device per core, where the environment does not say otherwise.

    JAX reads this when it is imported, and OpenBLAS when NumPy is: to be called before both. Does
    what `tune` does, too.
    """
    environment.setdefault("JAX_NUM_CPU_DEVICES", str(count()))
    tune(environment)
    # Devices that factorize at once (orthogonal weights) would fight over each other's threads.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")


def tune(environment: MutableMapping[str, str] = os.environ) -> None:
    """Right and faster convolutions, faster large programs on CPU; before JAX is first used.

    XLA's flags are left alone where the environment has some. The process keeps what it frees: by
    default every call of a large program has its memory given by the system anew. With one device
    all threads take it from one arena, where more than 64 MiB at once are kept too (a step of a
    transformer: 111 against 145 ms); several devices would wait for each other there at every
    operation (a step of a small network: 155 against 84 µs), and have arenas of their own.
    NPROC, the size of XLA's pool of workers, is raised to one more than there are devices. Where
    every worker runs a device's program, nobody empties the workers' queues of 1,024 tasks; a full
    queue runs a task at once, inside another one, and Eigen's contraction then overwrites the block
    that it is about to multiply: from some step of a long loop on, convolutions over more than
    about 288 terms are wrong (jaxlib 0.10.2), by as much as their own size.
    """
    devices = _number(environment.get("JAX_NUM_CPU_DEVICES")) or count()
    workers = max(devices, count()) + 1
    environment["NPROC"] = str(max(workers, _number(environment.get("NPROC"))))
    version = importlib.metadata.version("jaxlib").split(".")[:2]
    if KNOWN_SINCE <= tuple(map(int, version)) < KNOWN_UNTIL:
        environment.setdefault("XLA_FLAGS", " ".join(FLAGS))
    mallopt = _of_libc("mallopt")
    if mallopt is not None:
        trim_threshold, mmap_max, arena_max = -1, -4, -8
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(mmap_max, 0)
        if devices == 1:
            mallopt(arena_max, 1)


def give_back() -> None:
    """Returns to the system the memory that `tune` lets the process keep after it was freed."""
    gc.collect()
    malloc_trim = _of_libc("malloc_trim")
    if malloc_trim is not None:
        malloc_trim(0)


def workers(environment: Mapping[str, str] = os.environ) -> int:
    """Workers that XLA's pool on CPU has, but for more devices than that."""
    return _number(environment.get("NPROC")) or count()


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0


def _of_libc(name: str) -> Callable[..., int] | None:
    """A function of the C library by name; None where it has none: glibc has some of its own."""
    return getattr(ctypes.CDLL(None), name, None) if os.name == "posix" else None
