"""The rate of each condition (Dodge et al. 2019), and trials that may report it."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jaxdl._kinds import Mode, direction
from jaxdl.stats.intervals import TIE
from jaxdl.stats.searches import end_of


def select(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    over: str | Sequence[str],
    metric: str = "validation_accuracy",
    mode: Mode | None = None,
    *,
    without_validation: str = "",
) -> pd.DataFrame:
    """The rate of each condition, chosen by the mean of a validation metric over the seeds.

    frame: one row a trial, with the columns `seed`, `status`, those of `by` (which name a
        condition), those of `over` (the rate, or several numbers searched together) and `metric`.
    mode: for a metric that `stats.kind` does not know.
    without_validation: why a benchmark's protocol has no validation split; only then may the
        metric be one on test. The reason stands in `chosen_on`, and reports print it.
    A rate is *eligible* when every seed of the condition is there, `ok` and finite. Where no rate
    is, the one that lacks the fewest seeds is named, with a nan metric. Ties (`TIE`) go to the
    smaller rate, in the order of `over`.

    Returns one row a condition, in order of appearance: `by`, `over`, `metric` (the mean over
    seeds), `eligible`, `on_border` (the choice is the smallest or the largest number tried of a
    column of `over` that has several: the best may lie outside), `borders` (the columns of
    which that is true), `share_diverged` (of all trials of the condition), `chosen_on` and
    `choices` (what `chosen_trials` reads).
    ValueError for a test metric, for a column that is not there, and for two rows of one
    condition, rate and seed (a searched column was left out of `over`).
    """
    by = [by] if isinstance(by, str) else list(by)
    over = [over] if isinstance(over, str) else list(over)
    on = chosen_on(metric, without_validation)
    _check_trials(frame, by, over, metric)
    sign = 1.0 if direction(metric, mode) == "max" else -1.0
    value = frame[metric].astype(float)
    value = sign * value.where(frame["status"].eq("ok") & np.isfinite(value))
    groups = frame.groupby(by, sort=False, dropna=False, observed=True)
    rows = [_choose(trials, value[trials.index], by, over, metric, sign) for _, trials in groups]
    return pd.DataFrame(rows).assign(chosen_on=on)


def largest_within(
    frame: pd.DataFrame,
    by: str | Sequence[str],
    over: str,
    tolerance: float,
    metric: str = "validation_accuracy",
) -> pd.DataFrame:
    """The largest `over` of each condition whose mean metric is at most so much below the best.

    A penalty as strong as costs nothing, say. The metric is one to be high; a value at which a seed
    is missing is not taken. Returns the columns `by` and `over`, one row a condition.
    """
    by = [by] if isinstance(by, str) else list(by)
    seeds = frame.groupby(by)["seed"].transform("nunique")
    groups = frame.assign(seeds=seeds).groupby([*by, over], sort=False)
    whole = groups[metric].count() == groups["seeds"].first()
    means = groups[metric].mean().where(whole).reset_index()
    best = means.groupby(by)[metric].transform("max")
    near = means[means[metric] >= best - tolerance]
    return near.groupby(by, sort=False)[over].max().reset_index()


def chosen_trials(frame: pd.DataFrame, selection: pd.DataFrame, on: Sequence[str]) -> pd.DataFrame:
    """Of each condition and seed the trial that may report what `select` chose, in frame's order.

    A seed that took part in the choice reports at the rate which *other* seeds choose, so that no
    choice has seen the number it is judged by. The seeds stand in a ring and each takes the choice
    of the ⌊(n − 1)/2⌋ that follow it (of one where n is 2, 3 or 4): of two seeds at most one
    then chooses for the other. Where the rates are equally good, the scores of different seeds are
    uncorrelated, and an interval over them covers 95 %, which with leave-one-out (90 %) or without
    cross-fitting (65 %) it does not. Where they are not, what is reported is the score of rates
    chosen on less than half of the seeds: by up to 0.4 standard deviations of a trial worse than
    the best rate, never better; intervals from five seeds on cover it in 91 … 95 %, and the score
    of the best rate in 88 … 95 % (`tests/stats/test_selection.py`). A claim near its threshold is
    better judged by fresh seeds. Rates at which a seed of the condition diverged are not eligible
    for any. A seed that took no part (a fresh one) reports at the choice of all.

    frame: the trials, or those of fresh seeds; on: the `by` and `over` columns of `select`.
    """
    over = list(selection["choices"].iloc[0][None])
    by = [name for name in on if name not in over]
    seeds = dict.fromkeys(frame["seed"])
    wanted = [
        {name: row[name] for name in by}
        | {"seed": seed}
        | row["choices"].get(seed, row["choices"][None])
        for row in selection.to_dict("records")
        for seed in seeds
    ]
    keys = [*by, "seed", *over]
    table = pd.DataFrame(wanted)[keys].astype(frame.dtypes[keys].to_dict())
    return frame.merge(table, on=keys, how="inner", validate="many_to_one")


def _choose(
    trials: pd.DataFrame,
    value: pd.Series,
    by: list[str],
    over: list[str],
    metric: str,
    sign: float,
) -> dict[str, object]:
    """One row of `select`: the condition's columns, its rate and what is to be known of it."""
    keys = [trials[name] for name in over]
    grouped = value.groupby(keys, dropna=False, observed=True)
    rates = grouped.agg(["mean", "count"]).reset_index()
    lacking = trials["seed"].nunique(dropna=False) - rates["count"]
    pool = rates[lacking == lacking.min()]
    row = pool.index[_first_best(pool["mean"].to_numpy())]
    eligible = bool(lacking.min() == 0)
    borders = tuple(name for name in over if _at_end(rates[name], rates.at[row, name]))
    choices: dict[Any, dict[str, Any]] = {None: _point(rates, row, over)}
    if eligible:
        seeds, column = np.unique(trials["seed"], return_inverse=True)
        scores = np.full((len(rates), len(seeds)), math.nan)
        scores[grouped.ngroup(), column] = value
        places = choices_of_others(scores[pool.index])
        choices |= {
            seed: _point(rates, pool.index[place], over)
            for seed, place in zip(seeds.tolist(), places.tolist(), strict=True)
        }
    return {
        **{name: trials[name].iloc[0] for name in by},
        **{name: rates.at[row, name] for name in over},
        metric: sign * float(rates.at[row, "mean"]) + 0.0 if eligible else math.nan,
        "eligible": eligible,
        "on_border": bool(borders),
        "borders": borders,
        "share_diverged": float(trials["status"].eq("diverged").mean()),
        "choices": choices,
    }


def choices_of_others(scores: np.ndarray) -> np.ndarray:
    """For each seed the rate that the seeds which follow it choose: scores [..., R, N] to [..., N].

    The highest mean over ⌊(N − 1)/2⌋ seeds (one where N is 2, itself where N is 1), the first rate
    of a tie.
    """
    count = scores.shape[-1]
    voters = np.arange(1, max(1, (count - 1) // 2) + 1)
    means = np.mean([np.roll(scores, -step, axis=-1) for step in voters], axis=0)
    best = means.max(axis=-2, keepdims=True)
    return np.argmin(means < best - TIE * abs(best), axis=-2)


def _first_best(means: np.ndarray) -> int:
    """Position of the highest mean, the first of several that differ by less than `TIE`."""
    if np.isnan(means).all():
        return 0
    best = np.nanmax(means)
    return int(np.flatnonzero(~(means < best - TIE * abs(best)))[0])


def _point(rates: pd.DataFrame, row: int, over: list[str]) -> dict[str, Any]:
    return {name: rates.at[row, name] for name in over}


def _at_end(grid: pd.Series, value: float) -> bool:
    """Is the value the smallest or the largest of a grid of numbers with more than one point?"""
    if not pd.api.types.is_numeric_dtype(grid) or grid.isna().all():
        return False
    return end_of(grid.dropna().to_numpy(), value) is not None


def chosen_on(metric: str, reason: str = "") -> str:
    """`validation`, or `test` with the reason why there is nothing else; ValueError without one."""
    on_test = metric.startswith("test")
    if on_test and not reason:
        raise ValueError(
            f"a rate is chosen on validation, never on test: {metric!r}; where a benchmark's "
            "protocol has no validation split, say so: without_validation='why'"
        )
    if reason and not on_test:
        raise ValueError(f"without_validation is for a metric on test, not for {metric!r}")
    return f"test: {reason}" if on_test else "validation"


def _check_trials(frame: pd.DataFrame, by: list[str], over: list[str], metric: str) -> None:
    if not by or not over:
        raise ValueError("select needs a column in `by` and one in `over`")
    absent = [name for name in (*by, *over, metric, "seed", "status") if name not in frame]
    if absent:
        raise ValueError(f"the trials have no column {', '.join(map(repr, absent))}")
    if frame.empty:
        raise ValueError("there are no trials to choose from")
    if not frame.index.is_unique:
        raise ValueError("the trials need a unique index: reset_index(drop=True)")
    if frame.duplicated([*by, *over, "seed"]).any():
        raise ValueError(
            f"several trials share {[*by, *over, 'seed']}: name every searched column in `over`"
        )
