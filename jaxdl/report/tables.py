"""Tables of text: made once from a frame, shown in a terminal or in HTML."""

import html
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TextIO

import pandas as pd

from jaxdl import stats
from jaxdl.report.text import clean

MISSING = "–"
BORDER, UNSETTLED = "*", "†"
MARKS = (
    f"{BORDER} the chosen value lies on the border of its grid, the best may lie outside.  "
    f"{UNSETTLED} at every value a trial diverged or is missing."
)


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
    """A number with so many significant digits; a dash for nan and None."""
    return MISSING if value is None or pd.isna(value) else f"{value:.{digits}g}"


def percent(fraction: float | None, decimals: int = 1) -> str:
    """A fraction 0 … 1 as a percentage, without the sign; a dash for nan and None."""
    return MISSING if fraction is None or pd.isna(fraction) else f"{100 * fraction:.{decimals}f}"


def counted(number: int, noun: str) -> str:
    """1 seed, 2 seeds."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def measure(quantity: str, unit: str) -> str:
    """A quantity with its unit, if it has one."""
    return quantity if unit == "1" else f"{quantity} ({unit})"


def between(low: float, high: float, cell: Callable[[float], str] = number) -> str:
    """The bounds of an interval, each through `cell`; a dash where one is nan."""
    return MISSING if pd.isna(low) or pd.isna(high) else f"{cell(low)} … {cell(high)}"


# from a ledger


def summary(
    frame: pd.DataFrame,
    by: Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
    metric: str = "validation_accuracy",
    score: str = "test_accuracy",
    mode: stats.Mode = "max",
    confidence: float = 0.95,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> pd.DataFrame:
    """One row a condition: `stats.select` and the interval over seeds of `score` at that rate.

    frame: one row a trial (`seed`, `status`, the columns named here). Adds to the columns of
    `select`: `score` (the mean), `low`, `high`, `n` (seeds), `method`. Where no rate is eligible,
    the score and its bounds are nan.
    bounds: what the score can be; intervals end there.
    """
    selection = stats.select(frame, by, over, metric, mode)
    trials = chosen_trials(frame, selection, by, over)
    groups = trials.groupby(list(by), dropna=False, observed=True)
    rows = []
    for _, group in groups:
        interval = stats.mean_interval(group[score], confidence)._asdict()
        rows.append({name: group[name].iloc[0] for name in by} | {score: interval.pop("mean")})
        rows[-1] |= interval
    table = selection.merge(pd.DataFrame(rows), on=list(by), how="left", validate="one_to_one")
    table[["low", "high"]] = table[["low", "high"]].clip(*bounds)
    table.loc[~table["eligible"], [score, "low", "high"]] = math.nan
    return table


def chosen_trials(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    by: Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
) -> pd.DataFrame:
    """The trials of `frame`, all seeds, at the rates that `summary` chose."""
    return stats.chosen_trials(frame, rows, [*by, over])


def summary_table(
    rows: pd.DataFrame,
    by: Sequence[str] = ("optimizer", "initializer"),
    over: str = "learning_rate",
    metric: str = "validation_accuracy",
    score: str = "test_accuracy",
    unit: str = "%",
    cell: Callable[[float], str] = percent,
) -> Table:
    """`summary` as cells; `cell` writes the metric and the score, `unit` names what it writes."""
    method = rows["method"].iloc[0]
    scored = (measure(metric, unit), measure(score, unit), method.rsplit(", ", 1)[-1] + " interval")
    header = tuple(map(label, (*by, over, *scored, "diverged (%)")))
    cells = tuple(
        (
            *(str(row[name]) for name in by),
            number(row[over]) + BORDER * row["on_border"] + UNSETTLED * (not row["eligible"]),
            cell(row[metric]),
            cell(row[score]),
            between(row["low"], row["high"], cell),
            percent(row["share_diverged"]),
        )
        for _, row in rows.iterrows()
    )
    right = frozenset(range(len(by), len(header)))
    caption = (
        f"{label(over).capitalize()} chosen by the mean {label(metric)} over seeds. Interval: "
        f"{method}, over {counted(rows['n'].max(), 'seed')}. "
        f"Diverged: share of all trials of the row.  {MARKS}"
    )
    return Table(header, cells, right, caption)


def grid(rows: pd.DataFrame, index: str, columns: str, values: str) -> pd.DataFrame:
    """A column of a summary spread over two others, both in their order of appearance."""
    table = rows.pivot(index=index, columns=columns, values=values)
    return table.reindex(index=rows[index].unique(), columns=rows[columns].unique())


def from_mapping(mapping: Mapping[str, Any], caption: str = "") -> Table:
    """Names and values of a configuration or an environment; nested ones get dotted names."""

    def walk(prefix: str, value: Any) -> list[tuple[str, str]]:
        if isinstance(value, Mapping) and value:
            return [row for key in value for row in walk(f"{prefix}.{key}", value[key])]
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        return [(prefix.removeprefix("."), str(value))]

    rows = [row for key in mapping for row in walk(str(key), mapping[key])]
    return Table(("name", "value"), tuple(rows), caption=caption)


# shown


def show(table: Table, stream: TextIO | None = None) -> None:
    """Print a table: drawn in a terminal of its width, plain text of 100 columns elsewhere.

    Long cells are folded, never cut; control characters from data are replaced.
    """
    from rich.box import MARKDOWN, SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as Drawing
    from rich.text import Text

    stream = stream or sys.stdout
    live = stream.isatty()
    console = Console(file=stream, width=None if live else 100, highlight=False)
    caption = Text(clean(table.caption)) if table.caption else None
    drawing = Drawing(
        box=SIMPLE_HEAD if live else MARKDOWN, caption=caption, caption_justify="left"
    )
    for position, (name, width) in enumerate(zip(table.header, _tight(table), strict=True)):
        drawing.add_column(
            Text(clean(name)),
            justify="right" if position in table.right else "left",
            overflow="fold",
            width=width if sum(_tight(table)) + 3 * len(table.header) < console.width else None,
        )
    for row in table.rows:
        drawing.add_row(*(Text(clean(cell)) for cell in row))
    console.print(drawing)


def _tight(table: Table) -> list[int]:
    """The width of each column in which no cell and no word of the header is folded."""
    columns = zip(table.header, *table.rows, strict=True)
    return [max(map(len, [*name.split(), *cells])) for name, *cells in columns]


def to_html(table: Table) -> str:
    """A `<table>` with its caption, everything in it escaped."""

    def row(tag: str, cells: Sequence[str]) -> str:
        scope = ' scope="col"' if tag == "th" else ""
        align = ['class="right"' if i in table.right else 'class="left"' for i in range(len(cells))]
        parts = (
            f"<{tag}{scope} {aligned}>{html.escape(clean(cell))}</{tag}>"
            for cell, aligned in zip(cells, align, strict=True)
        )
        return f"<tr>{''.join(parts)}</tr>"

    caption = f"<caption>{html.escape(clean(table.caption))}</caption>" if table.caption else ""
    body = "\n".join(row("td", cells) for cells in table.rows)
    return (
        f'<div class="wide"><table>{caption}\n<thead>{row("th", table.header)}</thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )
