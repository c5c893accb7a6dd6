"""The pictures of a report on a comparison."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from jaxdl import report, stats
from jaxdl.comparison import overall, searched
from jaxdl.comparison.comparison import Comparison
from jaxdl.comparison.words import least
from jaxdl.report import Picture
from jaxdl.stats import Scale
from jaxdl.workloads import Workload

FACTORS = np.geomspace(1, 8, 601)
"""Time in multiples of the fastest, in the picture of profiles."""
LABELS: dict[Scale, str] = {
    "share": "validation (%)",
    "positive": "validation, in multiples of the best",
    "real": "validation",
}
Shown = Callable[[Comparison, Workload], pd.DataFrame]


def victories(found: Comparison) -> Picture:
    """A heat map of workloads × optimizers."""
    shares = 100 * overall.victories(found)
    if len(shares) > 1:
        shares = pd.concat([shares, shares.mean().to_frame("all of them").T])
    figure = report.heat_map(
        shares.rename_axis(index="workload", columns=_kind(found)),
        marked=shares.eq(shares.max(axis=1), axis=0),
        title="How often a run beats one of another",
        label="on test (%)",
        mark_label="best of the row",
        decimals=0,
        limits=(0, 100),
    )
    alt = f"Heat map of workloads and {_kind(found)}: how often a run beats one of another."
    return Picture(
        "victories", figure, alt,
        f"On test, of {found.whose}: the share of pairs with a run of another that are won, a mean "
        "over the others; ties count half, and what diverged has lost. Without intervals, "
        "which the tables have.",
    )  # fmt: skip


def profile(found: Comparison, times: pd.DataFrame) -> list[Picture]:
    """The performance profile; nothing of a single workload."""
    if len(times) < 2:
        return []
    share = 100 * stats.time_profile(times.to_numpy(), FACTORS)
    frame = pd.DataFrame(share, columns=times.columns).assign(factor=FACTORS)
    long = frame.melt("factor", var_name=_kind(found), value_name="share").assign(seed=0)
    figure = report.lines(
        long, x="factor", y="share", panel=None, line=_kind(found), title="Performance profile",
        x_label="steps, in multiples of the fastest", y_label="workloads at the target (%)",
        y_scale="linear", points=len(FACTORS),
    )  # fmt: skip
    alt = "The share of workloads solved within a multiple of the steps of the fastest."
    caption = (
        f"{len(times)} workloads with a target, median steps of {found.whose}. The mean height of "
        "a line from 1 to 4, every multiple counting alike, is AlgoPerf's score. It has no "
        "interval: these are all the workloads."
    )
    return [Picture("performance_profile", figure, alt, caption)]


def rates(found: Comparison) -> list[Picture]:
    """The metric by the learning rate, a picture a scale of metrics, a panel a workload."""
    if not _searched(found):
        return []

    def shown(found: Comparison, workload: Workload) -> pd.DataFrame:
        mine = found.search[found.search["workload"].eq(workload.name)]
        value = mine[f"validation_{workload.metric}"].astype(float)
        return mine[["optimizer", "seed", "status", "learning_rate"]].assign(value=value)

    study = found.study
    return _by_scale(
        found, shown, "rates", "learning_rate", "The metric by the learning rate",
        "learning rate (log scale)",
        f"{study.points} points ({study.protocol}) of each, within {found.budget}; lines: means of "
        f"its {study.seeds} seeds; bands: lowest to highest seed; broken where a seed diverged.",
    )  # fmt: skip


def best_so_far(found: Comparison) -> list[Picture]:
    """The best of k points by k, a picture a scale of metrics, a panel a workload."""

    def shown(found: Comparison, workload: Workload) -> pd.DataFrame:
        return searched.best_so_far(found, workload).assign(seed=0, status="ok")

    study = found.study
    if not _searched(found):
        return []
    return _by_scale(
        found, shown, "best_of", "points", "The best of so many points", "points tried (log scale)",
        f"Expected best of k of the {study.points} points ({study.protocol}) in random order, each "
        f"the mean of {study.seeds} seeds within {found.budget}; what diverged counts as the worst "
        "that did not. Without an interval: of one search.",
    )  # fmt: skip


def _kind(found: Comparison) -> str:
    """What is compared: `optimizer`, `schedule`, `initializer` or `loss`."""
    return found.study.entrants[found.candidate].kind


def _searched(found: Comparison) -> bool:
    """Whether more than one rate was tried of an optimizer."""
    rates = found.search.groupby(["workload", "optimizer"])["learning_rate"]
    return bool(rates.nunique().max() > 1)


def _by_scale(
    found: Comparison, shown: Shown, name: str, x: str, title: str, x_label: str, caption: str
) -> list[Picture]:
    made = []
    for scale, label in LABELS.items():
        chosen = overall.of_scale(found, scale)
        frames = [_scaled(shown(found, each), each) for each in chosen]
        frame = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        if frame.empty or not np.isfinite(frame["value"]).any():
            continue
        figure = report.sensitivity(
            frame.rename(columns={"optimizer": _kind(found)}), x=x, y="value", panel="workload",
            line=_kind(found), title=title,
            x_label=x_label, y_label=label, y_scale="log" if scale == "positive" else "linear",
        )  # fmt: skip
        metrics = _metrics(chosen)
        alt = f"{title}, on {', '.join(each.name for each in chosen)}"
        made.append(Picture(f"{name}_{scale}", figure, alt, f"{metrics}. {caption}"))
    return made


def _scaled(frame: pd.DataFrame, workload: Workload) -> pd.DataFrame:
    """Shares times 100, positive values by the best that there is."""
    value = frame["value"].astype(float)
    if workload.kind.scale == "share":
        value = 100 * value
    elif workload.kind.scale == "positive":
        value = value.clip(lower=least(workload))
        value = value / (value.min() if workload.kind.mode == "min" else value.max())
    return frame.assign(value=value, workload=workload.name)


def _metrics(workloads: Sequence[Workload]) -> str:
    """What is measured on which: `accuracy on digits_mlp, digits_cnn; loss on char_rnn`."""
    names = dict.fromkeys(each.metric for each in workloads)
    on = {name: [each.name for each in workloads if each.metric == name] for name in names}
    text = "; ".join(f"{name} on {', '.join(of)}" for name, of in on.items())
    return text[0].upper() + text[1:]
