"""The rows of a grain dataset, the same ones in every pass.

grain tells passes apart by counting on behind the end of a dataset, and what chooses rows by index
then chooses others: `shuffle(seed)[:80]` holds other 80 rows in the second pass than in the first.
"""

import copy
import logging
from collections.abc import Sequence

from jaxdl import quiet

with quiet.absl(logging.WARNING):
    import grain
    from grain.experimental import FlatMapMapDataset, WindowShuffleMapDataset, ZipMapDataset

_ONE = grain.MapDataset.range(1)
_RANDOM = type(_ONE.random_map(lambda row, rng: row, seed=0))
_CARRIES = tuple(map(type, (_ONE[:1], _ONE.seed(0), _ONE.map(abs), _ONE.repeat(1))))
"""Datasets that hand on to their parents which pass it is, and do nothing else with it."""
_CHOOSES = (WindowShuffleMapDataset, *map(type, (_ONE.shuffle(0), grain.MapDataset.mix([_ONE]))))
"""Datasets whose rows are rows of their parents as they are, in each pass others."""
_LEAVES_OUT = (FlatMapMapDataset, type(_ONE.filter(bool)))


def same_rows(data: grain.MapDataset) -> grain.MapDataset:
    """`data` with the rows `data[0] … data[len(data) − 1]` in every pass over it.

    Random maps draw anew in each pass. Whatever else depends on the index, such as
    `map_with_index`, gives what it gives in the first. A `repeat` in `data` repeats these rows too.
    Raises ValueError for a filter, and for a random map in front of what has to be the same in
    each pass and cannot be told from it.
    """
    if isinstance(data, _LEAVES_OUT):
        raise ValueError(f"{data} leaves rows out while they are read: choose the rows before")
    parents = [same_rows(parent) for parent in data.parents]
    if isinstance(data, (*_CARRIES, _RANDOM, ZipMapDataset)):
        return _on(data, parents)
    if isinstance(data, _CHOOSES):
        places = _on(data, [_Places(number, len(p)) for number, p in enumerate(parents)])
        return grain.MapDataset.select_from_datasets(parents, _Choice(places, parents))
    if any(map(_is_random, data.parents)):
        raise ValueError(f"a random map stands before {data}: put it behind, to draw in each pass")
    return data.repeat(1, reseed_each_epoch=False)


def rows_of_batches(
    data: grain.MapDataset, batch_size: int, rows: slice
) -> tuple[grain.MapDataset, int]:
    """The rows `rows` of each batch of `data`, one batch after the other, and how many it has.

    Raises ValueError if there are none.
    """
    taken = range(batch_size)[rows]
    if not taken:
        raise ValueError(f"{rows} takes no row of a batch of {batch_size}")
    chosen = _OfBatches(len(data), batch_size, taken)
    return grain.MapDataset.select_from_datasets([data], chosen), len(taken)


class _OfBatches(grain.transforms.DatasetSelectionMap):
    """The rows of each batch; in later passes from later passes."""

    def __init__(self, length: int, batch_size: int, taken: range):
        self._length, self._batch_size, self._taken = length, batch_size, taken

    def __len__(self) -> int:
        return self._length // self._batch_size * len(self._taken)

    def __getitem__(self, index: int) -> tuple[int, int]:
        number, row = divmod(index, len(self))
        batch, place = divmod(row, len(self._taken))
        return 0, number * self._length + batch * self._batch_size + self._taken[place]


class _Places(grain.MapDataset[tuple[int, int]]):
    """Instead of rows, whose they are and their indices."""

    def __init__(self, parent: int, length: int):
        super().__init__()
        self._number, self._length = parent, length

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> tuple[int, int]:
        return self._number, index


class _Choice(grain.transforms.DatasetSelectionMap):
    """The rows that `places` names in its first pass, in later ones from later passes."""

    def __init__(self, places: grain.MapDataset, parents: Sequence[grain.MapDataset]):
        self._places, self._lengths = places, [len(parent) for parent in parents]

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: int) -> tuple[int, int]:
        number, row = divmod(index, len(self._places))
        parent, place = self._places[row]
        return parent, place + number * self._lengths[parent]


def _on(data: grain.MapDataset, parents: Sequence[grain.MapDataset]) -> grain.MapDataset:
    """The same transformation, seed included, of other parents."""
    changed = copy.copy(data)
    changed._parents = tuple(parents)
    return changed


def _is_random(data: grain.MapDataset) -> bool:
    return isinstance(data, _RANDOM) or any(map(_is_random, data.parents))
