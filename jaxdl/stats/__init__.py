"""Intervals, verdicts and the choice of a rate (Dodge et al. 2019; Agarwal et al. 2021)."""

from jaxdl.stats.budgets import best_of_k, performance_profile
from jaxdl.stats.comparisons import Direction, Verdict, holm, paired_p, verdict
from jaxdl.stats.intervals import (
    FEWEST,
    TIE,
    Interval,
    interquartile_mean,
    iqm_interval,
    magnitude,
    mean_interval,
    paired_interval,
    population_interval,
    proportion_interval,
    proportion_of,
)
from jaxdl.stats.kinds import KINDS, SHARE, Kind, Mode, Scale, direction, kind
from jaxdl.stats.selection import choices_of_others, chosen_trials, largest_within, select
from jaxdl.stats.tuned import Tuned, example, jointly_chosen, tune

__all__ = [
    "FEWEST",
    "KINDS",
    "SHARE",
    "TIE",
    "Direction",
    "Interval",
    "Kind",
    "Mode",
    "Scale",
    "Tuned",
    "Verdict",
    "best_of_k",
    "choices_of_others",
    "chosen_trials",
    "direction",
    "example",
    "holm",
    "interquartile_mean",
    "iqm_interval",
    "jointly_chosen",
    "kind",
    "largest_within",
    "magnitude",
    "mean_interval",
    "paired_interval",
    "paired_p",
    "performance_profile",
    "population_interval",
    "proportion_interval",
    "proportion_of",
    "select",
    "tune",
    "verdict",
]
