"""Pairs of a word and an inflected form of it, by spelling: array and arrays, shape and shaping."""

from collections.abc import Collection, Iterable

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


def ending(word: str) -> str:
    """-ing, -ed, -ly, a plural -s, or nothing; what is left before it has three letters or more."""
    for suffix in ("ing", "ed", "ly", "s"):
        if word.endswith(suffix) and len(word) >= len(suffix) + 3:
            return "" if word.endswith(("ss", "us", "is", "eed")) else suffix
    return ""
