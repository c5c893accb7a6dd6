"""Words as ids: the vocabulary, bags of words, and the hashing trick (Weinberger et al. 2009)."""

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jaxdl.data.errors import DataError
from jaxdl.data.text.files import read_text, write_text

PAD, UNKNOWN, START, END = range(4)
SPECIAL = ("<pad>", "<unknown>", "<start>", "<end>")
"""What the first ids are called; never words of a text, even where one is spelled like that."""


@dataclass(frozen=True)
class Vocabulary:
    """Distinct words; a word's id is its place, the first four are `SPECIAL`.

    Raises ValueError for other first words or one that stands there twice.
    """

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[: len(SPECIAL)] != SPECIAL:
            raise ValueError(f"the first words are not {', '.join(SPECIAL)}")
        if len(set(self.words)) < len(self.words):
            twice = Counter(self.words).most_common(1)[0][0]
            raise ValueError(f"the word {twice!r} stands in the vocabulary twice")

    def __len__(self) -> int:
        return len(self.words)

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every word that a text can have."""
        return {word: i for i, word in enumerate(self.words) if i >= len(SPECIAL)}


def build(tokens: Iterable[str], size: int | None = None, min_count: int = 1) -> Vocabulary:
    """The most frequent tokens, at most `size` with the special ones; ties in order of code points.

    min_count: the fewest times that a token must occur.
    Raises ValueError for a size that has no room for the special ones.
    """
    if size is not None and size < len(SPECIAL):
        raise ValueError(f"size {size} has no room for the {len(SPECIAL)} special words")
    counts = Counter(tokens)
    for word in SPECIAL:
        counts.pop(word, None)
    return Vocabulary((SPECIAL + tuple(frequent(counts, min_count)))[:size])


def frequent(counts: Mapping[str, int], min_count: int) -> list[str]:
    """The words that occur `min_count` times, the most frequent first, then by code points."""
    often = (word for word, count in counts.items() if count >= min_count)
    return sorted(often, key=lambda word: (-counts[word], word))


def encode(vocabulary: Vocabulary, tokens: Iterable[str]) -> np.ndarray:
    """Ids of the tokens, int32 `[T]`; `UNKNOWN` for those that are not in the vocabulary."""
    ids = vocabulary.ids
    return np.array([ids.get(token, UNKNOWN) for token in tokens], np.int32)


def rows(vocabulary: Vocabulary, lists: Iterable[Iterable[str]], length: int) -> np.ndarray:
    """Ids of the first `length` tokens of N lists, int32 `[N, length]`, `PAD` behind their ends."""
    ids = [encode(vocabulary, tokens)[:length] for tokens in lists]
    found = np.full((len(ids), length), PAD, np.int32)
    for row, known in zip(found, ids, strict=True):
        row[: len(known)] = known
    return found


def framed(ids: np.ndarray) -> np.ndarray:
    """`START`, the ids `[T]`, `END`: int32 `[T + 2]`. Raises DataError as `as_ids`."""
    return np.concatenate([[START], as_ids("ids", ids), [END]]).astype(np.int32)


def content(ids: np.ndarray) -> np.ndarray:
    """The ids `[T]` up to the first `END`, without `START` and `PAD`: the inverse of `framed`."""
    ids = np.asarray(ids)
    ends = np.flatnonzero(ids == END)
    ids = ids[: ends[0]] if ends.size else ids
    return ids[(ids != START) & (ids != PAD)]


def decode(vocabulary: Vocabulary, ids: np.ndarray) -> list[str]:
    """The words of ids `[T]`, the special ones as `SPECIAL`. Raises DataError as `check_ids`."""
    check_ids("ids", ids, len(vocabulary))
    return [vocabulary.words[i] for i in np.asarray(ids)]


def bag_of_words(ids: np.ndarray, size: int) -> np.ndarray:
    """How often each id occurs: `[..., T]` to int32 `[..., size]`; `PAD` is not counted.

    Raises DataError as `check_ids`.
    """
    check_ids("ids", ids, size)
    ids = np.asarray(ids)
    rows = ids.reshape(math.prod(ids.shape[:-1]), ids.shape[-1])
    counts = np.zeros((len(rows), size), np.int32)
    np.add.at(counts, (np.arange(len(rows))[:, None], rows), 1)
    counts[:, PAD] = 0
    return counts.reshape(*ids.shape[:-1], size)


def one_hot(ids: np.ndarray, size: int) -> np.ndarray:
    """Ids `[...]` as unit vectors, float32 `[..., size]`. Raises DataError as `check_ids`."""
    check_ids("ids", ids, size)
    return (np.asarray(ids)[..., None] == np.arange(size)).astype(np.float32)


def hashed(token: str, buckets: int) -> int:
    """A bucket in 0 … buckets − 1, the same in every process and on every machine."""
    # Python's own hash of a string differs from process to process.
    digest = hashlib.blake2b(token.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % buckets


def collisions(tokens: Iterable[str], buckets: int) -> int:
    """How many of the distinct tokens find their bucket taken: V minus the buckets in use.

    V random tokens are expected to have V − m(1 − (1 − 1/m)^V) collisions in m buckets.
    """
    distinct = set(tokens)
    return len(distinct) - len({hashed(token, buckets) for token in distinct})


def check_ids(name: str, ids: np.ndarray, size: int) -> None:
    """Raises DataError naming the first position whose id is not an integer in 0 … size − 1."""
    ids = np.asarray(ids)
    if ids.size and ids.dtype.kind not in "iu":
        raise DataError(f"{name}: dtype {ids.dtype}, integers are needed")
    outside = np.argwhere((ids < 0) | (ids >= size))
    if len(outside):
        position = ", ".join(map(str, outside[0]))
        value = ids[tuple(outside[0])]
        raise DataError(f"{name}, position {position}: id {value} is outside 0..{size - 1}")


def as_ids(name: str, ids: np.ndarray) -> np.ndarray:
    """Ids as int32. Raises DataError for other than integers, or for one beyond 32 bits."""
    ids = np.asarray(ids)
    if ids.size and ids.dtype.kind not in "iu":
        raise DataError(f"{name}: dtype {ids.dtype}, integers are needed")
    narrow = ids.astype(np.int32)
    if (narrow != ids).any():
        raise DataError(f"{name}: id {ids[narrow != ids][0]} is beyond 32 bits")
    return narrow


def check_same(vocabulary: Vocabulary, saved: Vocabulary) -> None:
    """Raises DataError naming the first id whose word is another one than in the saved one."""
    pairs = zip(vocabulary.words, saved.words, strict=False)
    for i, (word, other) in enumerate(pairs):
        if word != other:
            raise DataError(f"another vocabulary: id {i} is {word!r}, in the saved one {other!r}")
    if len(vocabulary) != len(saved):
        raise DataError(
            f"another vocabulary: {len(vocabulary)} words, in the saved one {len(saved)}"
        )


def save(path: str | os.PathLike[str], vocabulary: Vocabulary) -> None:
    """Writes the words as a JSON list. Raises DataError if the file cannot be written."""
    write_text(path, json.dumps(vocabulary.words, indent=0) + "\n")


def load(path: str | os.PathLike[str]) -> Vocabulary:
    """Reads what `save` wrote. Raises DataError naming the file if it is missing or damaged."""
    try:
        words: Sequence[str] = json.loads(read_text(path))
        if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
            raise ValueError("no list of words")
        return Vocabulary(tuple(words))
    except DataError:
        raise
    except ValueError as error:
        raise DataError(f"{path} is not a vocabulary ({error})") from error
