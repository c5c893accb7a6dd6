"""Words to be guessed and pairs of sentences, as BERT learns from. Devlin et al. 2019,
https://aclanthology.org/N19-1423

The pairs are made once, on the host; the words are masked anew in every step, in the compiled
program, where the shares are numbers of a sweep.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.data.errors import DataError
from jaxdl.data.text.vocabulary import SPECIAL, as_ids
from jaxdl.types import Array, Batch

BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""What BERT's vocabularies call `Symbols`."""
HOUSE = (*SPECIAL, "<mask>")
"""What they are called in a `vocabulary.Vocabulary` with the additional word `<mask>`."""
FOLLOWS, RANDOM = 0, 1
"""The classes of a pair, in the order of BERT's released weights."""


class Symbols(NamedTuple):
    """The ids that are no words, and the size V of the vocabulary that they stand in."""

    pad: int
    unknown: int
    start: int
    end: int
    mask: int
    size: int

    @property
    def words(self) -> np.ndarray:
        """All other ids, int32."""
        return np.setdiff1d(np.arange(self.size), self[:-1]).astype(np.int32)


def symbols(ids: Mapping[str, int], names: Sequence[str] = BERT) -> Symbols:
    """The symbols of a vocabulary `{token: id}`, as the library `tokenizers` gives it.

    names: of padding, unknown word, start, end and mask, in this order.
    Raises DataError naming one that the vocabulary lacks, or if it has no other tokens.
    """
    for name in names:
        if name not in ids:
            raise DataError(f"the vocabulary of {len(ids)} tokens has no {name}; add it as a token")
    pad, unknown, start, end, mask = (ids[name] for name in names)
    found = Symbols(pad, unknown, start, end, mask, size=max(ids.values()) + 1)
    if not len(found.words):
        raise DataError(f"the vocabulary has no tokens beside {', '.join(names)}")
    return found


def masked(
    batch: Batch,
    key: Array,
    symbols: Symbols,
    share: ArrayLike = 0.15,
    fates: ArrayLike | Sequence[float] = (0.8, 0.1, 0.1),
) -> Batch:
    """The batch with some words of x `[B, T]` to be guessed, drawn independently.

    share: the probability of each word to be chosen; symbols never are
    fates: of a chosen word, the probabilities `[3]` that x has the mask, another word (uniform over
        all words), or the word itself; (1, 0, 0) is a mask always. Both may be traced.
    Adds y, int32 `[B, T]`, the words as they were, and y_mask, float32 `[B, T]`, 1 on the chosen.
    Raises ValueError for fates that are known and no three probabilities.
    """
    if not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(fates)):
        given = np.asarray(fates, np.float64)
        if given.shape != (3,) or not (given.min() >= 0 and abs(given.sum() - 1) <= 1e-6):
            raise ValueError(f"fates {given.tolist()} are not three probabilities that add up to 1")
    x = jnp.asarray(batch["x"])
    chosen_key, fate_key, word_key = jax.random.split(key, 3)
    words = jnp.asarray(symbols.words)
    is_word = ~jnp.isin(x, jnp.array(symbols[:-1]))
    chosen = is_word & (jax.random.uniform(chosen_key, x.shape) < share)
    becomes_mask, becomes_other, _ = jnp.cumsum(jnp.asarray(fates, jnp.float32))
    fate = jax.random.uniform(fate_key, x.shape)
    others = words[jax.random.randint(word_key, x.shape, 0, len(words))]
    corrupted = jnp.where(
        fate < becomes_mask, symbols.mask, jnp.where(fate < becomes_other, others, x)
    )
    return {
        **batch,
        "x": jnp.where(chosen, corrupted, x),
        "y": x,
        "y_mask": chosen.astype(jnp.float32),
    }


def pairs(
    documents: Sequence[Sequence[np.ndarray]], symbols: Symbols, length: int, seed: int
) -> dict[str, np.ndarray]:
    """Each two neighbouring sentences of the documents; in half of them the second is replaced.

    documents: of each its sentences, each an array of ids
    length: T ≥ 5; the longer of two sentences loses words at its end until the pair fits
    x: int32 `[N, T]`, start, first, end, second, end, and padding
    x_mask: float32 `[N, T]`, 1 where x is no padding
    segments: int32 `[N, T]`, 1 on the second sentence and its end
    pair: int32 `[N]`, `FOLLOWS`, or `RANDOM` where the second is a sentence of another document
    Raises DataError naming an empty sentence, without two documents or without a pair, and
    ValueError for a length below 5.
    """
    if length < 5:
        raise ValueError(f"a pair of length {length}: 5 or more are needed")
    sentences, owner = _flat(documents)
    firsts = np.flatnonzero(owner[1:] == owner[:-1])
    if not len(firsts):
        raise DataError("no document has two sentences")
    if not (owner != owner[0]).any():
        raise DataError("the sentences are of one document; two or more are needed")
    rng = np.random.default_rng(seed)
    pair = (rng.permutation(len(firsts)) < len(firsts) // 2).astype(np.int32)
    start, end = (np.searchsorted(owner, owner[firsts], side) for side in ("left", "right"))
    drawn = rng.integers(len(owner) - (end - start))
    others = np.where(drawn < start, drawn, drawn + end - start)
    seconds = np.where(pair == RANDOM, others, firsts + 1)
    x = np.full((len(firsts), length), symbols.pad, np.int32)
    segments, x_mask = np.zeros_like(x), np.zeros(x.shape, np.float32)
    for row, (i, j) in enumerate(zip(firsts, seconds, strict=True)):
        a, b = _fitting(sentences[i], sentences[j], length - 3)
        ids = [symbols.start, *a, symbols.end, *b, symbols.end]
        x[row, : len(ids)] = ids
        segments[row, len(a) + 2 : len(ids)] = 1
        x_mask[row, : len(ids)] = 1
    return {"x": x, "x_mask": x_mask, "segments": segments, "pair": pair}


def _flat(documents: Sequence[Sequence[np.ndarray]]) -> tuple[list[np.ndarray], np.ndarray]:
    """All sentences, and the number of the document that each is of."""
    sentences, owner = [], []
    for number, document in enumerate(documents):
        for place, sentence in enumerate(document):
            where = f"document {number}, sentence {place}"
            if not len(sentence):
                raise DataError(f"{where} is empty")
            sentences.append(as_ids(where, sentence))
            owner.append(number)
    if not sentences:
        raise DataError("no sentences")
    return sentences, np.array(owner)


def _fitting(a: np.ndarray, b: np.ndarray, room: int) -> tuple[np.ndarray, np.ndarray]:
    """Both, the longer cut word by word, the second where they are equal."""
    of_a, of_b = len(a), len(b)
    while of_a + of_b > room:
        of_a, of_b = (of_a - 1, of_b) if of_a > of_b else (of_a, of_b - 1)
    return a[:of_a], b[:of_b]
