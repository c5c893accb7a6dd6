"""The processor cores that this process may use, and how a sweep shares them out."""

import os
from collections.abc import MutableMapping


def count() -> int:
    """Cores that the process may run on, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def share(environment: MutableMapping[str, str] = os.environ) -> None:
    """One JAX CPU device per core, where the environment does not say otherwise.

    JAX reads this when it is imported, and OpenBLAS when NumPy is: to be called before both.
    """
    environment.setdefault("JAX_NUM_CPU_DEVICES", str(count()))
    # Devices that factorize at once (orthogonal weights) would fight over each other's threads.
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")
