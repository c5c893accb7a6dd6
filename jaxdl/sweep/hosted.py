"""Training data that stay on the host, since they do not fit on a device."""

import math
from collections.abc import Hashable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jax.sharding import Sharding

from jaxdl.params import digest, pieces
from jaxdl.types import Batch

if TYPE_CHECKING:
    from grain.sources import RandomAccessDataSource as RandomAccess

TRAIN = "train"
BLOCK_BYTES = 256 * 2**20


@jax.tree_util.register_pytree_with_keys_class
class Hosted(Mapping[str, Any]):
    """Arrays [N, ...] by name that a sweep streams to the devices, as its `data["train"]`.

    Each device is sent blocks of rows, each of as many steps as read, all its lanes together, no
    more different rows than a block holds. While it trains on one, a thread reads the next. Results
    have the bits that they have with the same arrays on the devices, and stand beside such in one
    ledger. Evaluation batches are held on the devices.

    data: NumPy arrays, mapped from files too (`np.load(file, mmap_mode="r", allow_pickle=False)`),
        which are read row by row and never as a whole; or a source of rows, each a dict, with a
        length and random access (of array_record files, say). Nothing may change them while a
        sweep runs.
    block_bytes: of rows in a block, and of the numbers that say which step reads which, though at
        least those of one step. A device holds two blocks; the host two, and the numbers of the
        rows that all lanes read in a segment.

    Raises ValueError for no rows, unequal lengths and what is not numbers. A sweep raises one for a
    run that reads them otherwise than a `ByRows` does. They are read whole once in a process, for
    the `content` by which a ledger knows its data.
    """

    def __init__(self, data: "Batch | RandomAccess", *, block_bytes: int = BLOCK_BYTES):
        if block_bytes < 1:
            raise ValueError(f"block_bytes must be >= 1, not {block_bytes}")
        self.block_bytes, self.known = block_bytes, dict[str, str]()
        self._arrays: dict[str, Any] = _arrays(data)
        lengths = {name: len(array) for name, array in self._arrays.items()}
        if len(set(lengths.values())) != 1 or 0 in lengths.values():
            raise ValueError(f"hosted arrays need one common length above 0, not {lengths}")
        for name, array in self._arrays.items():
            if array.dtype.kind in "OSUMm":
                raise ValueError(f"hosted {name!r} is {array.dtype}, which no device holds")

    def __getitem__(self, name: str) -> Any:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], Hashable]:
        """As a dict of the same arrays, so that content and programs have the names of those."""
        names = sorted(self._arrays)
        leaves = [(jax.tree_util.DictKey(name), self._arrays[name]) for name in names]
        return leaves, (tuple(names), self.block_bytes)

    @classmethod
    def tree_unflatten(cls, kept: tuple[tuple[str, ...], int], leaves: Any) -> "Hosted":
        """With whatever the leaves are, in a trace, say."""
        self = object.__new__(cls)
        self._arrays = dict(zip(kept[0], leaves, strict=True))
        self.block_bytes, self.known = kept[1], {}
        return self

    @property
    def examples(self) -> int:
        """N."""
        return next(iter(self._arrays.values())).shape[0]

    @property
    def shapes(self) -> dict[str, jax.ShapeDtypeStruct]:
        """Of the arrays, with the dtypes that they have on a device."""
        return {name: _on_device(array) for name, array in self._arrays.items()}

    @property
    def row_bytes(self) -> int:
        """That a row takes on a device."""
        shapes = self.shapes.values()
        return sum(math.prod(shape.shape[1:]) * shape.dtype.itemsize for shape in shapes)

    def read(self, rows: np.ndarray, into: Mapping[str, np.ndarray]) -> None:
        """Copies rows into the beginnings of arrays; in rising order, they are read in order."""
        for name, array in self._arrays.items():
            if isinstance(array, _Column):
                array.read(rows, into)
                return
            into[name][: len(rows)] = array[rows]


class _Column:
    """One name of all rows of a source, read as it is asked for."""

    def __init__(self, source: Any, name: str, first: np.ndarray):
        self.source, self._name = source, name
        self.shape, self.dtype = (len(source), *first.shape), first.dtype
        self.nbytes = self.shape[0] * first.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def read(self, rows: np.ndarray, into: Mapping[str, np.ndarray]) -> None:
        """As `Hosted.read`, of all columns, since a row is decoded whole."""
        for place, row in enumerate(rows.tolist()):
            found = self.source[row]
            for name, array in into.items():
                array[place] = found[name]

    def __getitem__(self, rows: slice) -> np.ndarray:
        found = [self.source[row][self._name] for row in range(*rows.indices(len(self)))]
        return np.stack(found).astype(self.dtype, copy=False)


def content(data: Mapping[str, Any]) -> str:
    """`params.digest` of the data, which of hosted ones is taken once."""
    if not is_hosted(data):
        return digest(data)
    known = data[TRAIN].known
    others = digest({name: part for name, part in data.items() if name != TRAIN})
    if others not in known:
        known[others] = digest(data)
    return known[others]


def is_hosted(data: Mapping[str, Any]) -> bool:
    """Whether the training data stay on the host."""
    return isinstance(data.get(TRAIN), Hosted)


def put(data: Mapping[str, Any], sharding: Sharding) -> Mapping[str, Any]:
    """The data on the devices, but for training data that stay on the host.

    Raises ValueError for others that would.
    """
    rest = {name: part for name, part in data.items() if name != TRAIN} if is_hosted(data) else data
    leaves = jax.tree_util.tree_leaves_with_path(
        rest, is_leaf=lambda leaf: isinstance(leaf, Hosted)
    )
    for path, leaf in leaves:
        if isinstance(leaf, Hosted):
            raise ValueError(
                f"data{jax.tree_util.keystr(path)} is Hosted, which only data['train'] can be: "
                "evaluation batches are held on the devices"
            )
    placed = jax.device_put(rest, sharding)
    return {**placed, TRAIN: data[TRAIN]} if is_hosted(data) else placed


def not_finite(array: Any) -> int:
    """How many numbers of an array are not."""
    return sum(int(np.sum(~np.isfinite(piece))) for piece in pieces(array))


def _arrays(data: Any) -> dict[str, Any]:
    if isinstance(data, Mapping):
        # A file that is mapped stays a file.
        return {
            name: array if isinstance(array, np.ndarray) else np.asarray(array)
            for name, array in data.items()
        }
    if not (hasattr(data, "__len__") and hasattr(data, "__getitem__")) or not len(data):
        raise ValueError(f"hosted data are arrays by name or a source of rows, not {data!r:.60}")
    if not isinstance(data[0], Mapping):
        raise ValueError(f"a row of hosted data is a dict of arrays, not {type(data[0]).__name__}")
    return {name: _Column(data, name, np.asarray(first)) for name, first in data[0].items()}


def _on_device(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, jax.dtypes.canonicalize_dtype(array.dtype))
