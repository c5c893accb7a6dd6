"""A worker of a sweep: `python -m jaxdl.cluster MODULE:FUNCTION WORKDIR ARGUMENTS`, the last JSON.

It is started by a launcher, from what `cluster.command` gives.
"""

import os

from jaxdl import _cpu
from jaxdl._files import cache_folder

_cpu.share()
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache_folder() / "xla"))

import importlib  # noqa: E402
import json  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402

from jaxdl import cluster  # noqa: E402


def main() -> None:
    """Makes the plan, and runs what it is told to of it."""
    function, workdir, arguments = sys.argv[1:]
    module, _, name = function.partition(":")
    plan = getattr(importlib.import_module(module), name)(**json.loads(arguments))
    cluster.serve(plan, Path(workdir))


if __name__ == "__main__":
    main()
