"""One trial in a fresh process: the shortest fast JAX program, as sweep scripts launch it."""

import sys

import jax
import jax.numpy as jnp

from benchmarks import digits
from benchmarks.peers import jax_by_hand


def main(trial: int) -> None:
    splits = jax.device_put(digits.arrays())
    accuracy = jax.jit(jax_by_hand.train_one)(
        jnp.float32(digits.rate(trial)), jnp.uint32(trial), splits
    )
    print(float(accuracy))


if __name__ == "__main__":
    main(int(sys.argv[1]))
