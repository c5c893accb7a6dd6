"""A report as Markdown, as GitHub shows it: for a README, an issue, a notebook."""

import re
from collections.abc import Sequence

from jaxdl._text import clean
from jaxdl.report.tables import Table

MARKS = re.compile(
    r"""[\\`*\[\]<>|~$]
    | (?<![^\W_])_ | _(?![^\W_])  # within a word it is none
    | &(?=\#?\w+;)
    | ^[#+-](?=[#\s-]|$) | (?<=^\d)[.)](?=\s) | (?<=^\d\d)[.)](?=\s)
    """,
    re.VERBOSE,
)
"""What would be an emphasis, a link, a tag, an entity, a cell's end or a formula; at the beginning
a heading, a rule or an item."""


def escaped(text: str) -> str:
    """Text from data as Markdown that shows it, on one line."""
    return MARKS.sub(r"\\\g<0>", " ".join(clean(text).split()))


def to_markdown(table: Table) -> str:
    """Rows between bars, the caption below; everything in it escaped."""

    def row(cells: Sequence[str]) -> str:
        return f"| {' | '.join(map(escaped, cells))} |"

    rule = ["---:" if place in table.right else "---" for place in range(len(table.header))]
    caption = ["", escaped(table.caption)] if table.caption else []
    lines = [row(table.header), f"| {' | '.join(rule)} |", *map(row, table.rows), *caption]
    return "\n".join(lines) + "\n"
