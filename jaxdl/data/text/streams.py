"""Sequence batching for truncated back-propagation through time (Mikolov et al. 2010).

A text is cut into B parallel streams, and the streams into chunks of T: row b of a chunk continues
row b of the chunk before, so its state can be carried. With B = 2 and T = 3 the ids 1 … 12 become
[[1, 2, 3], [7, 8, 9]], then [[4, 5, 6], [10, 11, 12]].
"""

import numpy as np

from jaxdl.data.text.vocabulary import as_ids


def streams(ids: np.ndarray, batch_size: int) -> np.ndarray:
    """Ids `[N]` as `[B, N // B]`: row b holds the b-th of B consecutive pieces.

    The last N mod B ids, fewer than B, are dropped. Raises ValueError for other than one axis, or
    unless 1 ≤ batch_size ≤ N.
    """
    ids = np.asarray(ids)
    if ids.ndim != 1:
        raise ValueError(f"ids have shape {ids.shape}, one axis is needed")
    if not 1 <= batch_size <= len(ids):
        raise ValueError(f"batch_size {batch_size} is outside 1..{len(ids)}, the number of ids")
    length = len(ids) // batch_size
    return ids[: batch_size * length].reshape(batch_size, length)


def chunks(rows: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Streams `[B, L]` as n = ceil((L − 1) / T) chunks of T = `length` steps, in reading order.

    x: int32 `[n, B, T]`, every id that has one after it in its stream, once
    y: int32 `[n, B, T]`, the id after x in its stream
    mask: float32 `[n, B, T]`, 1 where y is known; the rest of the last chunk holds the last id of
        each stream, if there is room, and zeros
    start: float32 `[n, B]`, 1 in the first chunk
    What stands at one n is a batch for `tasks.language_model` with a carried state.

    Raises ValueError for other than two axes, for streams of one id, or a length below 1, and
    DataError as `as_ids`.
    """
    rows = np.asarray(rows)
    if rows.ndim != 2 or rows.shape[1] < 2:
        raise ValueError(f"streams have shape {rows.shape}, [B, L] with L of 2 or more is needed")
    if length < 1:
        raise ValueError(f"a chunk has {length} steps, 1 or more are needed")
    rows = as_ids("streams", rows)
    known = np.ones((len(rows), rows.shape[1] - 1), np.float32)
    x = _cut(rows, length)
    start = np.zeros(x.shape[:2], np.float32)
    start[0] = 1
    return {
        "x": x,
        "y": _cut(rows[:, 1:], length, extra=1),
        "mask": _cut(known, length, extra=1),
        "start": start,
    }


def _cut(rows: np.ndarray, length: int, extra: int = 0) -> np.ndarray:
    """`[B, L − extra]`, cut or filled with zeros, as `[ceil((L − 1) / length), B, length]`."""
    count = -(-(rows.shape[1] + extra - 1) // length)
    fitting = rows[:, : count * length]
    filled = np.pad(fitting, ((0, 0), (0, count * length - fitting.shape[1])))
    return np.ascontiguousarray(filled.reshape(len(rows), count, length).swapaxes(0, 1))
