"""Batches: on the device with an order drawn from a key, on the host as a restorable iterator."""

import logging
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl import quiet
from jaxdl.types import Array, Batch, PyTree

if TYPE_CHECKING:
    import grain
    from grain.sources import RandomAccessDataSource as RandomAccess


def shuffled_indices(
    key: Array, n: int, batch_size: int, first_step: Array | int, steps: int
) -> Array:
    """Rows of the batches of `steps` steps from `first_step` on: int32 `[steps, batch_size]`.

    Every epoch of `n // batch_size` steps has its own order, a permutation of `range(n)` drawn
    from `fold_in(key, epoch)`; what is left over at its end is dropped. A pure function of the
    key and the step: a run cut into segments sees the same batches as one in a single piece.
    `key` and `first_step` may be traced. Raises ValueError if no batch fits into `n`.
    """
    per_epoch = _steps_per_epoch(n, batch_size)
    first_epoch, offset = jnp.divmod(jnp.asarray(first_step, jnp.int32), per_epoch)
    touched = (per_epoch + steps - 2) // per_epoch + 1  # most epochs any `offset` can reach
    epochs = first_epoch + jnp.arange(touched, dtype=jnp.int32)
    orders = jax.lax.map(lambda epoch: _epoch_order(key, epoch, n, batch_size), epochs)
    batches = orders.reshape(touched * per_epoch, batch_size)
    return jax.lax.dynamic_slice_in_dim(batches, offset, steps)


def repeated_indices(
    key: Array, n: int, batch_size: int, first_step: Array | int, steps: int
) -> Array:
    """As `shuffled_indices`, but every epoch repeats the order of the first."""
    per_epoch = _steps_per_epoch(n, batch_size)
    order = _epoch_order(key, 0, n, batch_size)
    return order[(jnp.asarray(first_step, jnp.int32) + jnp.arange(steps)) % per_epoch]


def ordered_indices(
    key: Array, n: int, batch_size: int, first_step: Array | int, steps: int
) -> Array:
    """As `shuffled_indices`, but the rows as they stand, whatever the key: chunks of long texts."""
    per_epoch = _steps_per_epoch(n, batch_size)
    step = (jnp.asarray(first_step, jnp.int32) + jnp.arange(steps)) % per_epoch
    return step[:, None] * batch_size + jnp.arange(batch_size)[None]


ORDERS: dict[str, Callable[[Array, int, int, Array | int, int], Array]] = {
    "reshuffled": shuffled_indices,
    "repeated": repeated_indices,
}


def order_key(key: Array) -> Array:
    """The key of the data's order, from a `TrainState`'s, which its steps draw from as well."""
    # Steps fold small numbers into the key; the largest is kept for this.
    return jax.random.fold_in(key, jnp.uint32(0xFFFFFFFF))


def permutation(key: Array, n: int) -> Array:
    """A random order of 0 .. n − 1, int32 `[n]`, by sorting random words that carry the numbers.

    The index sits in a word's low bits, so one array is sorted instead of a pair: on CPU a third
    of the time of `jax.random.permutation`. Rounds are added until ties of the random bits, which
    keep the order of the round before, are rarer than one in a permutation.
    """
    index_bits = max(n - 1, 1).bit_length()
    low = jnp.uint32((1 << index_bits) - 1)
    order = jnp.arange(n, dtype=jnp.int32)
    for round_key in jax.random.split(key, math.ceil(2 * math.log2(max(n, 2)) / (32 - index_bits))):
        words = jax.random.bits(round_key, (n,), jnp.uint32) & ~low
        words |= jnp.arange(n, dtype=jnp.uint32)
        order = order[(jax.lax.sort(words, is_stable=False) & low).astype(jnp.int32)]
    return order


def part_indices(key: Array, n: int, count: Array) -> Array:
    """`count` of `n` rows, drawn by the key and over and over, `[n]`: `count` may be traced."""
    return permutation(key, n)[jnp.arange(n) % jnp.asarray(count).astype(jnp.int32)]


def take(arrays: Batch, indices: Array) -> dict[str, Array]:
    """The rows `indices: [...]` of every array `[N, ...]`; floats are NaN where out of range."""
    return {name: jnp.take(array, indices, axis=0) for name, array in arrays.items()}


def padded_batches(arrays: Batch, batch_size: int) -> dict[str, Any]:
    """Evaluation batches in order: `[N, ...]` to `[ceil(N / batch_size), batch_size, ...]`.

    A float32 `mask` is added, or the sample weights of the one given kept; it is 0 on the rows
    that fill the last batch. Those repeat the last example, so that they are harmless numbers.
    NumPy arrays stay on the host, JAX arrays on their device.
    Raises ValueError for no examples or unequal lengths.
    """
    n = _length(arrays)
    rows = np.arange(-(-n // batch_size) * batch_size).reshape(-1, batch_size)
    real = (rows < n).astype(np.float32)
    rows = np.minimum(rows, n - 1)
    mask = arrays["mask"].astype(np.float32)[rows] * real if "mask" in arrays else real
    return {name: array[rows] for name, array in arrays.items()} | {"mask": mask}


def epochs(
    data: "Mapping[str, ArrayLike] | grain.MapDataset | RandomAccess",
    batch_size: int,
    seed: int,
    num_epochs: int | None = None,
    rows: slice | None = None,
) -> "grain.DatasetIterator[dict[str, np.ndarray]]":
    """Shuffled batches on the host, without end if `num_epochs` is None.

    data: a dict of arrays `[N, ...]`, or any random-access source of such dicts' rows (a
    `grain.MapDataset`, a TFDS data source). Every epoch visits each of `data[0] … data[len − 1]`
    once, in an order of its own, drawn from `seed` (0 .. 2³² − 1); what does not fill its last
    batch is dropped. So what chooses rows (slices, shuffles, mixtures) chooses the same ones in
    every epoch, and in every repetition within `data`; random maps draw anew (`passes.same_rows`).
    rows: those of each batch that are read, where several processes share the work; None: all. The
    position does not depend on it.
    The iterator's `get_state()` is a small dict; `set_state` continues exactly behind it.
    Raises ValueError if no batch fits into the data, for data without an end or random access, and
    for rows that are left out or None: choose them before, no batch is to be smaller for it.
    """
    with quiet.absl(logging.WARNING):
        import grain

    if isinstance(data, Mapping):
        arrays = {name: np.asarray(array) for name, array in data.items()}
        source = grain.MapDataset.range(_length(arrays))
    else:
        source = _rows(data)
    _steps_per_epoch(len(source), batch_size)
    # Batched before it is repeated: no batch mixes two epochs, none is smaller than the others.
    order = source.seed(seed).shuffle()
    if rows is not None:
        from jaxdl.data.passes import rows_of_batches

        order, batch_size = rows_of_batches(order, batch_size, rows)
    batches = order.batch(batch_size, drop_remainder=True, batch_fn=_stacked).repeat(num_epochs)
    if isinstance(data, Mapping):
        batches = batches.map(lambda taken: {name: array[taken] for name, array in arrays.items()})
    # One thread ahead of the training step; more only fight for the interpreter's lock.
    return iter(batches.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=2)))


def _rows(data: "grain.MapDataset | RandomAccess") -> "grain.MapDataset":
    import grain

    from jaxdl.data.passes import same_rows

    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")):
        raise ValueError(f"a {type(data).__name__} has no random access: no epoch can be shuffled")
    if len(data) == sys.maxsize:
        raise ValueError("data is repeated without end: leave that to num_epochs")
    return same_rows(data if isinstance(data, grain.MapDataset) else grain.MapDataset.source(data))


def _stacked(rows: Sequence[PyTree]) -> PyTree:
    if any(row is None for row in rows):
        raise ValueError("a row of the data is None: choose the rows before")
    return jax.tree.map(lambda *leaves: np.stack(leaves), *rows)


def _epoch_order(key: Array, epoch: Array | int, n: int, batch_size: int) -> Array:
    """The rows of one epoch's batches, int32 `[n // batch_size, batch_size]`."""
    order = permutation(jax.random.fold_in(key, epoch), n)
    return order[: n - n % batch_size].reshape(-1, batch_size)


def _steps_per_epoch(n: int, batch_size: int) -> int:
    if not 1 <= batch_size <= n:
        raise ValueError(f"batch_size {batch_size} is outside 1..{n}, the number of examples")
    return n // batch_size


def _length(arrays: Mapping[str, Any]) -> int:
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        raise ValueError(f"arrays need one common length above 0, not {lengths}")
    return next(iter(lengths.values()))
