"""Bounds of buckets that pad least, by dynamic programming over the lengths that occur."""

import numpy as np

from jaxdl.data.text.bucketing import check_lengths


def least_padding(lengths: np.ndarray, buckets: int) -> np.ndarray:
    """Largest lengths of at most `buckets` buckets that need the fewest positions: int32 `[K]`.

    With b(i) the bound of example i's bucket, Σᵢ b(i) is least of all choices; whether a bucket
    fills its last batch is not looked at. Bounds are lengths that occur, ascending, the last is
    the maximum; for `bucketing.plan`, as `bucketing.boundaries`, whose buckets are equally full.
    Raises DataError as `bucketing.lengths_of`, ValueError for less than one bucket.
    """
    check_lengths(lengths)
    if buckets < 1:
        raise ValueError(f"{buckets} buckets, 1 or more are needed")
    values, counts = np.unique(lengths, return_counts=True)
    below = np.concatenate([[0], np.cumsum(counts)])
    # cost[i, j]: examples of the lengths i … j − 1 in one bucket; nothing costs nothing.
    inside = below[None] - below[:, None]
    cost = np.where(inside >= 0, inside * np.concatenate([[0], values]), np.inf)
    least, cuts = cost[0], []
    for _ in range(min(buckets, len(values)) - 1):
        total = least[:, None] + cost
        cuts.append(total.argmin(axis=0))
        least = total.min(axis=0)
    ends = [len(values)]
    for cut in reversed(cuts):
        ends.append(int(cut[ends[-1]]))
    return np.unique(values[[end - 1 for end in ends if end]]).astype(np.int32)
