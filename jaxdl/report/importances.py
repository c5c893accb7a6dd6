"""What matters to the metric of a search: shares of its variance, by hyperparameter."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.report import plots, spaces
from jaxdl.report.page import Block, Picture, Section
from jaxdl.report.spaces import Axis
from jaxdl.report.tables import table

if TYPE_CHECKING:
    from jaxdl.sweep.found import Found

FEWEST = 10
"""Points that a forest says anything of."""
ENOUGH = 50
"""Points of which a tenth is worth a comparison with the others."""
MEANS = {
    "fanova": (
        "alone, over the space",
        "The share of the metric's variance over the searched space that a hyperparameter explains "
        "alone, by the fANOVA of a random forest (Optuna's)",
    ),
    "permutation": (
        "with others, over the space",
        "The share of the metric's variance that a hyperparameter explains, alone and together "
        "with others, by permutation in a random forest (scikit-learn's)",
    ),
    "ped_anova": (
        "among the best tenth",
        "among the best tenth: how it differs from all points, in shares of one whole, by "
        "PED-ANOVA (Optuna's)",
    ),
}
"""How a measure of importance heads its column, and what it is."""


def what_matters(found: "Found", programs: Sequence[str]) -> list[Section]:
    """The shares of each program's hyperparameters; nothing where there is one, or few points."""
    blocks: list[Block] = []
    for place, name in enumerate(programs):
        space, points = found.goals[name].space, valued(found, name)
        if len(space) < 2 or len(points) < FEWEST:
            continue
        blocks += _importance(found, name, points, place)
    return [Section("What matters", blocks)] if blocks else []


def _importance(found: "Found", name: str, points: pd.DataFrame, place: int) -> list[Block]:
    """A picture and a table of the shares of a program's hyperparameters."""
    axes = axes_of(found, name, points)
    units = pd.DataFrame({axis.name: axis.units for axis in axes})
    names = [axis.name for axis in axes if points[axis.name].dtype.kind not in "fiu"]
    units = units.assign(**{each: points[each].astype(str).to_numpy() for each in names})
    values = points["value"].to_numpy(float)
    if found.kind.scale == "positive" and (values > 0).all():
        values = np.log(values)
    measured = [stats.importance(units, values, names)]
    if measured[0].measure == "fanova" and len(points) >= ENOUGH:
        lower = values if found.mode == "min" else -values
        measured.append(stats.importance(units, lower, names, measure=stats.ped_anova))
    if measured[0].shares.isna().all(axis=None):
        return []
    shown = {
        f"{MEANS[each.measure][0]} (%)": {n: 100 * each.shares[n].to_numpy() for n in units}
        for each in measured
    }
    title = f"What matters to {name}"
    caption = (
        f"{'; '.join(MEANS[each.measure][1] for each in measured)}. Dots: "
        f"{len(measured[0].shares)} refits, each of another forest on four fifths of the "
        f"{len(points)} points; bars: their mean. {_counted(found, points)}"
    )
    picture = Picture(f"importance_{place}", plots.dots(shown, title=title), title, caption)
    rows = [
        {"hyperparameter": each}
        | {
            f"{MEANS[one.measure][0]} (%)": f"{100 * one.shares[each].mean():.0f} "
            f"({100 * one.shares[each].min():.0f} … {100 * one.shares[each].max():.0f})"
            for one in measured
        }
        for each in measured[0].shares.mean().sort_values(ascending=False).index
    ]
    return [picture, table(rows, f"{title}: means of the refits, lowest and highest in brackets.")]


def _counted(found: "Found", points: pd.DataFrame) -> str:
    """How points count that did not come to their end."""
    said = []
    if found.kind.scale == "positive":
        said.append("The metric counts by its logarithm.")
    if points["status"].eq("pruned").any():
        said.append("A point that was stopped counts with what it had then.")
    if points["lost"].any():
        said.append("One without a number of every seed counts as the worst that has one.")
    return " ".join(said)


def axes_of(found: "Found", name: str, points: pd.DataFrame) -> list[Axis]:
    """The axes of a program's hyperparameters, for the figures of `spaces`."""
    return [
        spaces.axis(each, points[each], values) for each, values in found.goals[name].space.items()
    ]


def valued(found: "Found", name: str) -> pd.DataFrame:
    """The points with a number each: one that is `lost` is as bad as the worst that is not."""
    points = found.points(name)
    worst = points["value"].min() if found.mode == "max" else points["value"].max()
    value, lost = points["value"].fillna(worst), points["value"].isna()
    return points.assign(value=value, lost=lost).dropna(subset="value")
