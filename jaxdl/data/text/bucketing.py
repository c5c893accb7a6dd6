"""Sequences of unequal length as arrays: padding, batches bucketed by length, packing.

A plan says which examples a batch holds and how long it is; `waste` measures any plan. With bounds
`[max]` it pads to the global maximum, with those of `boundaries` to a few static shapes, and
`to_longest` shortens it to what each batch needs, at the price of a shape a batch.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from jaxdl.data.errors import DataError
from jaxdl.data.text.vocabulary import PAD, as_ids


class Planned(NamedTuple):
    """A batch to be: rows int32 `[B]`, real bool `[B]` (False on what fills it), its length T."""

    rows: np.ndarray
    real: np.ndarray
    length: int


def lengths_of(examples: Sequence[np.ndarray], longest: int | None = None) -> np.ndarray:
    """Lengths of N sequences, int32 `[N]`.

    Raises DataError naming the first row that is empty or longer than `longest`, or if N is 0.
    """
    lengths = np.array([len(example) for example in examples], np.int32)
    check_lengths(lengths, longest)
    return lengths


def check_lengths(lengths: np.ndarray, longest: int | None = None) -> None:
    """Raises DataError as `lengths_of`, for lengths `[N]`."""
    if not len(lengths):
        raise DataError("no sequences")
    limit = np.inf if longest is None else longest
    wrong = np.flatnonzero((lengths < 1) | (lengths > limit))
    if len(wrong):
        row, length = wrong[0], lengths[wrong[0]]
        what = "is empty" if length < 1 else f"has length {length}, more than {longest}"
        raise DataError(f"row {row} {what}")


def pad(examples: Sequence[np.ndarray], length: int | None = None) -> dict[str, np.ndarray]:
    """Sequences of ids as one array; T is `length`, or that of the longest.

    x: int32 `[B, T]`, filled with `PAD`; length: int32 `[B]`; mask: float32 `[B, T]`, 1 on ids
    Raises DataError as `lengths_of` and `as_ids`.
    """
    lengths = lengths_of(examples, length)
    width = int(lengths.max()) if length is None else length
    mask = np.arange(width) < lengths[:, None]
    x = np.full(mask.shape, PAD, np.int32)
    x[mask] = np.concatenate([as_ids(f"row {row}", ids) for row, ids in enumerate(examples)])
    return {"x": x, "length": lengths, "mask": mask.astype(np.float32)}


def boundaries(lengths: np.ndarray, buckets: int) -> np.ndarray:
    """Largest lengths of at most `buckets` buckets with about equally many examples: int32 `[K]`.

    They are quantiles that occur, ascending, without repetition; the last is the maximum.
    Raises DataError as `lengths_of`, ValueError for less than one bucket.
    """
    check_lengths(lengths)
    if buckets < 1:
        raise ValueError(f"{buckets} buckets, 1 or more are needed")
    shares = np.arange(1, buckets + 1) / buckets
    return np.unique(np.quantile(lengths, shares, method="inverted_cdf")).astype(np.int32)


def assign(lengths: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """The bucket of each length `[N]`, the first whose bound is no shorter: int32 `[N]`.

    Raises DataError naming a row that is empty or longer than the last bound.
    """
    check_lengths(lengths, int(bounds[-1]))
    return np.searchsorted(bounds, lengths).astype(np.int32)


def plan(
    lengths: np.ndarray, bounds: np.ndarray, batch_size: int, seed: int, epoch: int = 0
) -> list[Planned]:
    """The batches of an epoch in a random order, every example exactly once; B is `batch_size`.

    A batch has the length of its bucket's bound: K shapes in all. What does not fill a bucket's
    last batch is filled with rows of the same bucket that are not real.
    seed, epoch: decide the order, each epoch another. Raises DataError as `assign`.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size {batch_size}, 1 or more is needed")
    rng = np.random.default_rng([seed, epoch])
    bucket_of = assign(lengths, bounds)
    planned = []
    for bucket, bound in enumerate(bounds):
        members = rng.permutation(np.flatnonzero(bucket_of == bucket)).astype(np.int32)
        places = np.arange(-(-len(members) // batch_size) * batch_size).reshape(-1, batch_size)
        for place in places:
            real = place < len(members)
            planned.append(Planned(members[place % len(members)], real, int(bound)))
    return [planned[i] for i in rng.permutation(len(planned))]


def to_longest(lengths: np.ndarray, planned: Sequence[Planned]) -> list[Planned]:
    """The same batches, each only as long as its longest example."""
    return [batch._replace(length=int(lengths[batch.rows].max())) for batch in planned]


def batches(
    examples: Sequence[np.ndarray],
    bounds: np.ndarray,
    batch_size: int,
    seed: int,
    epoch: int = 0,
) -> Iterator[dict[str, np.ndarray]]:
    """The batches of `plan` as arrays: those of `pad`, and `row`, int32 `[B]`.

    On rows that only fill the batch the mask is 0; their ids and length are those of the example.
    """
    for rows, real, length in plan(lengths_of(examples), bounds, batch_size, seed, epoch):
        batch = pad([examples[row] for row in rows], length)
        batch["mask"] *= real[:, None]
        yield batch | {"row": rows}


def next_ids(examples: Sequence[np.ndarray], batch: Planned) -> dict[str, np.ndarray]:
    """A planned batch for `tasks.language_model(padding=PAD)`, of sequences one id longer.

    x: int32 `[B, T]`, the first T ids; y: T from the second on. `PAD` behind the last id, and in y
    on rows that are not real.
    """
    ids = pad([examples[row] for row in batch.rows], batch.length + 1)["x"]
    return {"x": ids[:, :-1], "y": np.where(batch.real[:, None], ids[:, 1:], PAD)}


def next_ids_packed(examples: Sequence[np.ndarray], length: int) -> dict[str, np.ndarray]:
    """Sequences of at most T + 1 ids in packed rows; T is `length`.

    For `tasks.language_model(padding=PAD)`, since the last id of a row may have no successor.
    x: int32 `[M, T]`; segments: of x, as the `segment` of `pack`; y: int32 `[M, T]`, the id that
    follows x in its own sequence, `PAD` where none does. Raises DataError as `pack`.
    """
    packed = pack(examples, length + 1)
    ids, of = packed["x"], packed["segment"]
    y = np.where(of[:, 1:] == of[:, :-1], ids[:, 1:], PAD)
    return {"x": ids[:, :-1], "y": y, "segments": of[:, :-1]}


def waste(lengths: np.ndarray, planned: Sequence[Planned]) -> float:
    """Share of the positions, B·T of each batch, that hold no id of a real example."""
    positions = sum(len(rows) * length for rows, _, length in planned)
    used = sum(int(lengths[rows[real]].sum()) for rows, real, _ in planned)
    return 1 - used / positions


def first_fit(lengths: np.ndarray, capacity: int) -> list[list[int]]:
    """Examples packed in bins: each, in order, into the first bin with room for all of it.

    Uses at most ⌊1.7·OPT⌋ bins (Dósa & Sgall 2013). Raises DataError naming a row that is empty or
    longer than `capacity`.
    """
    check_lengths(lengths, capacity)
    room = np.full(len(lengths), capacity)
    bins: list[list[int]] = [[] for _ in lengths]
    for row, length in enumerate(lengths):
        place = int(np.argmax(room >= length))
        room[place] -= length
        bins[place].append(row)
    return [members for members in bins if members]


def pack(examples: Sequence[np.ndarray], capacity: int) -> dict[str, np.ndarray]:
    """Sequences one behind the other in the bins of `first_fit`: M bins of T = `capacity` ids.

    x: int32 `[M, T]`, filled with `PAD`
    segment: int32 `[M, T]`, 1, 2, … for the sequences of a bin and 0 on padding
    position: int32 `[M, T]`, from 0 on within each sequence

    Raises DataError as `first_fit` and `as_ids`.
    """
    bins = first_fit(lengths_of(examples), capacity)
    x = np.full((len(bins), capacity), PAD, np.int32)
    segment, position = np.zeros_like(x), np.zeros_like(x)
    for bin_, rows in enumerate(bins):
        start = 0
        for number, row in enumerate(rows, 1):
            place = slice(start, start := start + len(examples[row]))
            x[bin_, place] = as_ids(f"row {row}", examples[row])
            segment[bin_, place] = number
            position[bin_, place] = np.arange(len(examples[row]))
    return {"x": x, "segment": segment, "position": position}
