"""Names, numbers and text that are safe to write and to show."""

import difflib
import re
import unicodedata
from collections.abc import Iterable

NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}")


def check_name(name: str) -> str:
    """The name of a file to be written, as it is; ValueError for one that is no plain name."""
    if not NAME.fullmatch(name):
        raise ValueError(f"not a plain file name ([A-Za-z0-9._-], no leading dot): {name!r}")
    return name


def meant(name: str, known: Iterable[object]) -> str:
    """`; did you mean adam?`, where a known name is near; else nothing."""
    near = difflib.get_close_matches(name, map(str, known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def clean(text: str) -> str:
    """Text from data with its control, direction and surrogate characters replaced by U+FFFD.

    Newlines and tabs stay. What is left can be shown in a terminal and encoded as UTF-8.
    """
    hidden = ("Cc", "Cf", "Cs")
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if c not in "\n\t" and unicodedata.category(c) in hidden else c
        for c in text
    )


def significant(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; up to ten millions all those before the point."""
    return f"{value:,.0f}" if 10**digits <= abs(value) < 1e7 else f"{value:.{digits}g}"
