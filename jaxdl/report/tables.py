"""Tables of text: made once from a frame, shown in a terminal or in HTML."""

import html
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import pandas as pd

from jaxdl import stats
from jaxdl._text import clean, significant

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Drawing

MISSING = "–"
FIGURES = (*"0123456789+-−.", MISSING)
Cell = str | int | float | stats.Interval | None


class Table(NamedTuple):
    """Cells of text, ready to be shown.

    header: one name a column
    rows: as many cells in each row as names in the header
    right: positions of the columns set flush right (numbers)
    caption: one sentence that says how to read it
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: frozenset[int] = frozenset()
    caption: str = ""


# cells


def label(column: str) -> str:
    """The name of a column as it is written in a sentence."""
    return column.replace("_", " ")


def number(value: float | None, digits: int = 3) -> str:
    """As `significant`; a dash for nan and None."""
    return MISSING if value is None or pd.isna(value) else significant(value, digits)


def percent(fraction: float | None, decimals: int = 1) -> str:
    """A fraction 0 … 1 as a percentage, without the sign; a dash for nan and None."""
    return MISSING if fraction is None or pd.isna(fraction) else f"{100 * fraction:.{decimals}f}"


def counted(number: int, noun: str) -> str:
    """1 seed, 2 seeds."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def in_hundredths(name: str) -> bool:
    """Whether the name of a column or an axis says that a share is written times 100."""
    return name.endswith(("(%)", "(points)"))


def measure(quantity: str, unit: str) -> str:
    """A quantity with its unit, if it has one."""
    return quantity if unit == "1" else f"{quantity} ({unit})"


def between(low: float, high: float, cell: Callable[[float], str] = number) -> str:
    """The bounds of an interval, each through `cell`; a dash where one is nan."""
    return MISSING if pd.isna(low) or pd.isna(high) else f"{cell(low)} … {cell(high)}"


def estimate(interval: stats.Interval, cell: Callable[[float], str] = number) -> str:
    """An estimate beside its bounds, each through `cell`; the estimate alone where they are nan."""
    bounds = between(interval.low, interval.high, cell)
    return cell(interval.mean) if bounds == MISSING else f"{cell(interval.mean)} ({bounds})"


def distinct(values: Iterable[float]) -> str:
    """The different numbers among the values, in ascending order: the rates that seeds ran at."""
    return ", ".join(number(value) for value in sorted(set(values)))


def cell_of(kind: stats.Kind) -> Callable[[float | None], str]:
    """How a metric of this kind is written: a share in per cent, another number as it is."""
    return percent if kind.scale == "share" else number


def table(rows: Iterable[Mapping[str, Cell]], caption: str = "") -> Table:
    """Records as cells; the header has the keys of the first, and `_` in them is a space.

    A number is written with three digits, an interval as `estimate (low … high)`; a share in a
    column whose name ends with `(%)` or `(points)` times 100. Text stays as it is, None is a dash.
    Columns in which a number, an interval or only figures stand are flush right.
    """
    rows = list(rows)
    header = tuple(rows[0]) if rows else ()
    right = frozenset(
        place for place, name in enumerate(header) if all(_numeric(row[name]) for row in rows)
    )
    body = tuple(tuple(_cell(name, row[name]) for name in header) for row in rows)
    return Table(tuple(map(label, header)), body, right, caption)


def _numeric(cell: Cell) -> bool:
    return cell[:1] in FIGURES if isinstance(cell, str) else True


def _cell(column: str, cell: Cell) -> str:
    write = percent if in_hundredths(column) else number
    if isinstance(cell, str):
        return cell
    if isinstance(cell, stats.Interval):
        return estimate(cell, write)
    return f"{cell:,}" if isinstance(cell, int) and write is number else write(cell)


def from_mapping(mapping: Mapping[str, Any], caption: str = "") -> Table:
    """Names and values of a configuration or an environment; nested ones get dotted names."""

    def walk(prefix: str, value: object) -> list[tuple[str, str]]:
        if isinstance(value, Mapping) and value:
            return [row for key in value for row in walk(f"{prefix}.{key}", value[key])]
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        return [(prefix.removeprefix("."), str(value))]

    rows = [row for key in mapping for row in walk(str(key), mapping[key])]
    return Table(("name", "value"), tuple(rows), caption=caption)


# shown


def show(table: Table, stream: TextIO | None = None) -> None:
    """Print a table: drawn in a terminal of its width, plain text of up to 200 columns elsewhere.

    Long cells are folded, never cut; control characters from data are replaced.
    """
    from rich.console import Console

    stream = stream or sys.stdout
    console = Console(file=stream, width=None if stream.isatty() else 200, highlight=False)
    console.print(drawing(table, console))


def drawing(table: Table, console: "Console") -> "Drawing":
    """A table as `show` prints it, for a console of rich's."""
    from rich.box import MARKDOWN, SIMPLE_HEAD
    from rich.table import Table as Drawing
    from rich.text import Text

    caption = Text(clean(table.caption)) if table.caption else None
    box = SIMPLE_HEAD if console.is_terminal else MARKDOWN
    drawn = Drawing(box=box, caption=caption, caption_justify="left")
    whole, tight = _widths(table)
    room = console.width - 3 * len(table.header)
    # Plain text is read in windows of any width, so it is kept narrow.
    folded = sum(tight) < room and not (console.is_terminal and sum(whole) < room)
    for position, (name, width) in enumerate(zip(table.header, tight, strict=True)):
        drawn.add_column(
            Text(clean(name)),
            justify="right" if position in table.right else "left",
            overflow="fold",
            width=width if folded else None,
        )
    for row in table.rows:
        drawn.add_row(*(Text(clean(cell)) for cell in row))
    return drawn


def _widths(table: Table) -> tuple[list[int], list[int]]:
    """The width of each column in which nothing is folded; in which the header is, at spaces."""
    columns = [*zip(table.header, *table.rows, strict=True)]
    tight = [max(map(len, [*name.split(), *cells])) for name, *cells in columns]
    return [max(map(len, column)) for column in columns], tight


def to_html(table: Table) -> str:
    """A `<figure>` of a `<table>` that scrolls in its box, and its caption; all of it escaped."""

    def row(tag: str, cells: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        align = ['class="right"' if i in table.right else 'class="left"' for i in range(len(cells))]
        parts = (
            f"<{tag}{scope} {aligned}>{html.escape(clean(cell))}</{tag}>"
            for cell, aligned in zip(cells, align, strict=True)
        )
        return f"<tr>{''.join(parts)}</tr>"

    caption = f"<figcaption>{html.escape(clean(table.caption))}</figcaption>"
    body = "\n".join(row("td", cells) for cells in table.rows)
    return (
        f'<figure><div class="wide"><table>\n<thead>{row("th", table.header)}</thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>{caption * bool(table.caption)}</figure>"
    )
