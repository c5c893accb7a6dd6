"""jaxdl: deep-learning research on JAX and Flax where a whole sweep is one compiled program.

The rooms are imported when they are first used, so that `import jaxdl` takes no time.
"""

import importlib
from typing import Any

__all__ = [
    "backprop",
    "checkpoint",
    "clocks",
    "cluster",
    "compare",
    "comparison",
    "data",
    "decoding",
    "diagnostics",
    "distributed",
    "ensembles",
    "export",
    "forecasting",
    "initializers",
    "keys",
    "launch",
    "layers",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "parallel",
    "params",
    "report",
    "similarity",
    "stats",
    "streaming",
    "sweep",
    "tasks",
    "trackers",
    "train",
    "types",
    "word_vectors",
    "workloads",
]


def __getattr__(name: str) -> Any:
    if name == "compare":
        return importlib.import_module("jaxdl.comparison").compare
    if name in __all__:
        return importlib.import_module(f"jaxdl.{name}")
    raise AttributeError(f"module 'jaxdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
