"""Two CPU devices for every test, and JAX at its strictest."""

import gc
import importlib.metadata
import os
from pathlib import Path

os.environ["JAX_NUM_CPU_DEVICES"] = "2"
os.environ["NPROC"] = "3"  # a worker more than devices: see jaxdl._cpu.tune
os.environ["JAX_PLATFORMS"] = "cpu"
# Two devices that factorize at once would fight over the threads of one another.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

# Most of the time goes into compiling small programs that run once. What is compiled is read again
# by the other worker, by the programs that tests start, and by the next run.
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(Path(__file__).parents[1] / ".pytest_cache/xla")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0.05"
os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
# XLA's older emitters compile in half the time; where it no longer has them it ends at the flag.
if importlib.metadata.version("jaxlib").startswith(("0.10.", "0.11.")):
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_use_fusion_emitters=false")

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_collection_finish():
    """What is imported by now stays: looking through it takes a third of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
