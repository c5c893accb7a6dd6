"""Which part of a docstring a sentence stands in: real labels for classifying texts, offline.

The headings are those of https://numpydoc.readthedocs.io/en/latest/format.html.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from jaxdl.data.sources import markup
from jaxdl.data.sources.sentences import distinct

SECTIONS = ("Description", "Parameters", "Returns", "Attributes", "Notes", "Examples")
"""`Description` is what comes before the first heading."""

_HEADING = re.compile(r"^([A-Z][A-Za-z ]+)\n-{3,}[ \t]*$", re.MULTILINE)


class Placed(NamedTuple):
    """The words of a sentence, and where it stands."""

    words: tuple[str, ...]
    section: str


def sentences(document: str) -> list[Placed]:
    """The sentences of running text below each heading of `SECTIONS`, without markup.

    None of a document without headings.
    """
    title, *rest = _HEADING.split(document)
    if not rest:
        return []
    parts = [(SECTIONS[0], title), *zip(rest[::2], rest[1::2], strict=True)]
    return [
        Placed(tuple(markup.words(markup.plain(sentence)[0])), name)
        for name, text in parts
        if name in SECTIONS
        for sentence in markup.marked_up(text)
    ]


def split(parts: Iterable[Iterable[str]]) -> list[list[Placed]]:
    """The distinct sentences of each list of documents, without those of a list before it.

    A sentence that stands in several sections of a list is given where it stands first.
    """
    found = ([one for document in each for one in sentences(document)] for each in parts)
    return distinct(found, lambda placed: placed.words)
