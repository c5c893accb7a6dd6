"""Pairs of a word and an inflected form of it, by spelling: array and arrays, shape and shaping."""

import itertools
from collections.abc import Collection, Iterable, Sequence

import numpy as np

SUFFIXES = ("s", "ed", "ing")
LETTERS = 4


def base_of(form: str, words: Collection[str]) -> str | None:
    """The word that -s, -ed or -ing was put to, perhaps in place of an e; None if it is not there.

    It has four letters at least and does not end in s itself. A rule of spelling alone: `setting`
    is a form of no word, and `matching` is one of `match` whatever it means.
    """
    for suffix in SUFFIXES:
        stem = form.removesuffix(suffix)
        if stem != form:
            for base in (stem, stem + "e"):
                if base in words and len(base) >= LETTERS and not base.endswith("s"):
                    return base
    return None


def pairs(forms: Iterable[str], words: Collection[str]) -> dict[str, str]:
    """`{base: form}`: of the forms of each word the first one; no form is the base of another."""
    found: dict[str, str] = {}
    for form in forms:
        if (base := base_of(form, words)) is not None:
            found.setdefault(base, form)
    return {base: form for base, form in found.items() if form not in found}


def analogies(words: Sequence[str], most: int = 700) -> np.ndarray:
    """Places of array, arrays, shape and shapes, int32 `[Q, 4]`: two words with the same suffix.

    Of all such questions in these words, at most so many of each suffix, always the same draw.
    """
    rng, places = np.random.default_rng(0), {word: place for place, word in enumerate(words)}
    found: list[tuple[int, ...]] = []
    for suffix in SUFFIXES:
        forms = [word for word in words if word.endswith(suffix)]
        bases = {form: base_of(form, places) for form in forms}
        pairs = [(places[base], places[form]) for form, base in bases.items() if base is not None]
        asked = [one + other for one, other in itertools.permutations(pairs, 2)]
        found += [asked[i] for i in rng.permutation(len(asked))[:most]]
    return np.array(found, np.int32).reshape(-1, 4)


def ending(word: str) -> str:
    """-ing, -ed, -ly, a plural -s, or nothing; what is left before it has three letters or more."""
    for suffix in ("ing", "ed", "ly", "s"):
        if word.endswith(suffix) and len(word) >= len(suffix) + 3:
            return "" if word.endswith(("ss", "us", "is", "eed")) else suffix
    return ""
