"""Texts as tokens: words, characters, bytes, and the two sub-word schemes BPE and WordPiece.

BPE and WordPiece are for study, readable and slow to train; for large corpora there is the library
`tokenizers`, with which they agree.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from jaxdl.data.text.vocabulary import SPECIAL, check_ids

BYTES = 256 + len(SPECIAL)
"""Ids of the byte tokenizer; byte b is the id b + 4, behind those of `vocabulary.SPECIAL`."""
INSIDE = "##"
"""What WordPiece puts in front of a piece that does not begin a word."""

_WORD = re.compile(r"\w+(?:'\w+)*|[^\w\s]")


def words(text: str) -> list[str]:
    """Small-lettered words, apostrophes inside them kept, and single marks of punctuation."""
    return _WORD.findall(text.lower())


def characters(text: str) -> list[str]:
    """One token a code point; joined they are the text."""
    return list(text)


def byte_ids(text: str) -> np.ndarray:
    """The UTF-8 bytes of a text as ids: int32 `[T]` in 4 … 259. No text has an unknown id."""
    return np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int32) + len(SPECIAL)


def from_byte_ids(ids: np.ndarray) -> str:
    """The text of byte ids `[T]`, without the special ones; � where they are not UTF-8.

    Raises DataError as `vocabulary.check_ids`.
    """
    check_ids("ids", ids, BYTES)
    ids = np.asarray(ids)
    values = ids[ids >= len(SPECIAL)] - len(SPECIAL)
    return values.astype(np.uint8).tobytes().decode("utf-8", "replace")


@dataclass(frozen=True)
class Merges:
    """A trained BPE: its first symbols in order, and the pairs to join, the first learned first.

    prefix: stands in front of symbols inside a word, and falls away where one is joined to another
    """

    alphabet: tuple[str, ...]
    pairs: tuple[tuple[str, str], ...]
    prefix: str = ""

    @cached_property
    def ranks(self) -> dict[tuple[str, str], int]:
        """The place of each pair."""
        return {pair: place for place, pair in enumerate(self.pairs)}

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """The alphabet and what each pair becomes, without repetition."""
        joined = (_join(pair, self.prefix) for pair in self.pairs)
        return tuple(dict.fromkeys((*self.alphabet, *joined)))


def train_bpe(counts: Mapping[str, int], size: int, prefix: str = "") -> Merges:
    """Byte-pair encoding of words that occur `counts` times (Sennrich, Haddow & Birch 2016).

    Joins the most frequent pair of neighbours, among equals the one whose symbols came first into
    the vocabulary, until that has `size` symbols or no pair is left. With `prefix` = `INSIDE`
    the result's vocabulary is one for `wordpiece`.
    """
    spelled = {word: _letters(word, prefix) for word in counts if counts[word] > 0}
    alphabet = tuple(sorted({symbol for symbols in spelled.values() for symbol in symbols}))
    rank = {symbol: place for place, symbol in enumerate(alphabet)}
    pairs: list[tuple[str, str]] = []
    tally = _Tally(spelled, counts)
    while len(rank) < size and tally.weights:
        best = min(tally.weights, key=lambda p: (-tally.weights[p], rank[p[0]], rank[p[1]]))
        pairs.append(best)
        joined = _join(best, prefix)
        rank.setdefault(joined, len(rank))
        tally.join(best, joined)
    return Merges(alphabet, tuple(pairs), prefix)


def bpe(word: str, merges: Merges) -> list[str]:
    """A word in BPE symbols: of its pairs the first learned is joined, the leftmost first.

    Letters that are not in the alphabet stay as symbols of their own.
    """
    symbols = _letters(word, merges.prefix)
    while True:
        found = enumerate(pairwise(symbols))
        known = [(merges.ranks[pair], i) for i, pair in found if pair in merges.ranks]
        if not known:
            return symbols
        i = min(known)[1]
        symbols[i : i + 2] = [_join((symbols[i], symbols[i + 1]), merges.prefix)]


def wordpiece(
    word: str, vocabulary: set[str] | Mapping[str, int], unknown: str = "<unknown>"
) -> list[str]:
    """A word in pieces, at each place the longest in the vocabulary (Schuster & Nakajima 2012).

    Pieces that do not begin the word carry `INSIDE`. `[unknown]` if some place has no piece.
    """
    pieces: list[str] = []
    start = 0
    while start < len(word):
        mark = INSIDE if start else ""
        ends = range(len(word), start, -1)
        end = next((end for end in ends if mark + word[start:end] in vocabulary), None)
        if end is None:
            return [unknown]
        pieces.append(mark + word[start:end])
        start = end
    return pieces


def joined(pieces: list[str], prefix: str = INSIDE) -> str:
    """The word that `bpe` or `wordpiece` took apart."""
    return "".join(pieces[:1] + [piece.removeprefix(prefix) for piece in pieces[1:]])


class _Tally:
    """How often each pair of neighbours occurs, kept up while pairs are joined."""

    def __init__(self, spelled: dict[str, list[str]], counts: Mapping[str, int]) -> None:
        self.spelled, self.counts = spelled, counts
        self.weights: Counter[tuple[str, str]] = Counter()
        self.places: dict[tuple[str, str], set[str]] = {}
        for word in spelled:
            self._add(word, 1)

    def join(self, pair: tuple[str, str], joined: str) -> None:
        """Replaces the pair, from left to right, in all words that have it."""
        for word in self.places.pop(pair):
            self._add(word, -1)
            self.spelled[word] = _replace(self.spelled[word], pair, joined)
            self._add(word, 1)
        self.weights.pop(pair, None)

    def _add(self, word: str, sign: int) -> None:
        for pair in pairwise(self.spelled[word]):
            self.weights[pair] += sign * self.counts[word]
            if sign > 0:
                self.places.setdefault(pair, set()).add(word)
            elif not self.weights[pair]:
                del self.weights[pair]


def _letters(word: str, prefix: str) -> list[str]:
    return [letter if i == 0 else prefix + letter for i, letter in enumerate(word)]


def _join(pair: tuple[str, str], prefix: str) -> str:
    return pair[0] + pair[1].removeprefix(prefix)


def _replace(symbols: list[str], pair: tuple[str, str], joined: str) -> list[str]:
    out: list[str] = []
    i = 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            out.append(joined)
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out
