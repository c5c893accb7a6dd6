"""Two CPU devices for every test, and JAX at its strictest."""

import os

os.environ["JAX_NUM_CPU_DEVICES"] = "2"
os.environ["NPROC"] = "3"  # a worker more than devices: see cores.tune
os.environ["JAX_PLATFORMS"] = "cpu"
# Two devices that factorize at once would fight over the threads of one another.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")
# Most of the time goes into compiling small programs that run once.
jax.config.update("jax_disable_most_optimizations", True)
