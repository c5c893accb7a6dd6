"""Keys of one purpose each.

`split(key, n)[i]` is `fold_in(key, i)`, so a key is either split, or numbers are folded into it,
from one count. The key of a `TrainState` is the steps': `train.step` folds its number into it,
0 .. 2³¹ − 1, and `data.batches.order_key` the largest. Whatever else is drawn from that key takes
`named(key, purpose)`.
"""

import zlib

import jax
import jax.numpy as jnp

from jaxdl.types import Array


def named(key: Array, purpose: str) -> Array:
    """A key that no step and no other purpose has, by a number from 2³¹ on that the name gives."""
    return jax.random.fold_in(key, jnp.uint32(0x80000000 | zlib.crc32(purpose.encode())))
