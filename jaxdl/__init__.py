"""jaxdl: deep-learning research on JAX and Flax where a whole sweep is one compiled program.

The rooms are imported when they are first used, so that `import jaxdl` takes no time.
"""

import importlib
from typing import Any

__all__ = [
    "__version__",
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
    "load_results",
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


FUNCTIONS = {"compare": ("comparison", "compare"), "load_results": ("sweep", "load")}
"""What is found here, though it is in a room."""


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("importlib.metadata").version("jaxdl")
    if name in FUNCTIONS:
        room, function = FUNCTIONS[name]
        return getattr(importlib.import_module(f"jaxdl.{room}"), function)
    if name in __all__:
        return importlib.import_module(f"jaxdl.{name}")
    raise AttributeError(f"module 'jaxdl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
