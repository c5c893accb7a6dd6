"""Sentences whose reStructuredText markup has become tags: a real tagging set without a network.

The authors of the installed packages marked what is code, a name, a reference, a formula or
stressed. The markup is taken off, and what it enclosed is tagged:
https://docutils.sourceforge.io/docs/ref/rst/restructuredtext.html#inline-markup
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from jaxdl.data.sources.documents import Documents
from jaxdl.data.sources.sentences import END_OF_SENTENCE, distinct
from jaxdl.data.text.bio import Span, tags

TYPES = ("CODE", "NAME", "REFERENCE", "MATH", "EMPHASIS")
"""``code``, `name`, :func:`name` and other roles but :math:`formula`, *emphasis*."""

_MARKUP = re.compile(
    r"(?<![\w`:*])(?:"
    r"``(?P<CODE>[^`]+)``"
    r"|:math:`(?P<MATH>[^`]+)`"
    r"|:[a-z:]+:`(?P<REFERENCE>[^`]+)`"
    r"|`(?P<NAME>[^`]+)`(?P<LINK>_*)"
    r"|\*(?P<EMPHASIS>[^*\s](?:[^*]*[^*\s])?)\*"
    r")(?![\w`*])"
)
_TITLED = re.compile(r"(?s)(.*\S)\s*<[^<>]+>$")
_WORD = re.compile(r"\w+(?:\.\w+)*|[^\w\s]")
_SENTENCE = re.compile(END_OF_SENTENCE + r"(?=[A-Z`:*])")
_WHOLE = re.compile(r"(?s)[A-Z`:*].*[.!?:]")
_LEFT_OVER = re.compile(r"`|\*\*|\|\w+\||\]_|\.\. ")
_UNDERLINE = re.compile(r"([-=~^*\"])\1\1+")


class Sentence(NamedTuple):
    """Words and a BIO tag for each."""

    words: list[str]
    tags: list[str]


def sentences(document: str) -> list[Sentence]:
    """The sentences of a document that have markup, without it, in their order.

    A sentence is left out if it has none, or some of another kind, or stands in no running text.
    """
    found = map(_tagged, marked_up(document))
    return [sentence for sentence in found if sentence is not None]


def marked_up(document: str) -> list[str]:
    """The whole sentences of a document's running text, marked up as they are, in their order."""
    parts = (part for block in _paragraphs(document) for part in _SENTENCE.split(block))
    return [part for part in parts if _WHOLE.fullmatch(part) and ">>>" not in part]


class Splits(NamedTuple):
    """Three lists of sentences; no two have the same words."""

    train: list[Sentence]
    validation: list[Sentence]
    test: list[Sentence]


def split(documents: Documents) -> Splits:
    """The distinct sentences of each split's documents, without those of a split before it."""
    found = ([one for text in texts for one in sentences(text)] for texts in documents)
    return Splits(*distinct(found, lambda sentence: tuple(sentence.words)))


def words(text: str) -> list[str]:
    """Words, dotted names in one piece, and every other sign that is no white space."""
    return _WORD.findall(text)


def plain(text: str) -> tuple[str, list[Span]]:
    """The text as a reader sees it, and the marked pieces, by their characters.

    A reference is given as shown: `~a.b` as b, `title <target>` as title; a link is no piece.
    """
    shown, pieces, before, length = [], [], 0, 0
    for match in _MARKUP.finditer(text):
        kind = match.lastgroup or ""
        if kind == "LINK":
            kind = "NAME" if not match["LINK"] else ""
            inner = match["NAME"]
        else:
            inner = match[kind]
        if kind != "CODE" and (titled := _TITLED.fullmatch(inner)):
            inner = titled[1]
        if kind in ("NAME", "REFERENCE"):
            inner = _shown(inner)
        between = text[before : match.start()]
        start = length + len(between)
        length = start + len(inner)
        shown += [between, inner]
        pieces += [Span(kind, start, length)] if kind else []
        before = match.end()
    return "".join([*shown, text[before:]]), pieces


def _shown(name: str) -> str:
    if name.startswith("~"):
        return name.rpartition(".")[2].lstrip("~")
    return name.removeprefix(".")


def _tagged(text: str) -> Sentence | None:
    shown, pieces = plain(text)
    if not pieces or _LEFT_OVER.search(shown):
        return None
    places = [(match.start(), match.end()) for match in _WORD.finditer(shown)]
    found = []
    for kind, start, stop in pieces:
        # A word that sticks out of the markup belongs to it if it begins in it.
        inside = [number for number, (at, _) in enumerate(places) if start <= at < stop]
        if inside:
            found.append(Span(kind, inside[0], inside[-1] + 1))
    if not found:
        return None
    return Sentence([shown[at:end] for at, end in places], tags(found, len(places)))


def _paragraphs(document: str) -> Iterator[str]:
    """Neighbouring lines of one indentation, joined; no titles."""
    lines: list[str] = []
    indentation = 0
    for line in [*document.splitlines(), ""]:
        stripped = line.strip()
        own = len(line) - len(line.lstrip())
        if _UNDERLINE.fullmatch(stripped):
            lines, stripped = [], ""
        if lines and (not stripped or own != indentation):
            yield " ".join(lines)
            lines = []
        if stripped:
            lines.append(stripped)
            indentation = own
