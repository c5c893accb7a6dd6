"""Intervals, verdicts and the choice of a rate (Dodge et al. 2019; Agarwal et al. 2021)."""

from jaxdl._kinds import KINDS, SHARE, Kind, Mode, Scale, direction, kind
from jaxdl.stats.bootstrap import ENOUGH, Aggregate, bootstrap_interval, pooled_iqm
from jaxdl.stats.budgets import best_of_first_k, best_of_k, performance_profile
from jaxdl.stats.comparisons import Direction, Verdict, holm, paired_p, verdict
from jaxdl.stats.diagnosis import Diagnosis, diagnose
from jaxdl.stats.importances import Importance, fanova, importance, ped_anova, permutation
from jaxdl.stats.improvement import probability_of_improvement
from jaxdl.stats.intervals import (
    FEWEST,
    TIE,
    Interval,
    exact,
    interquartile_mean,
    iqm_interval,
    magnitude,
    mean_interval,
    paired_interval,
    population_interval,
    proportion_interval,
    proportion_of,
    unpaired_interval,
)
from jaxdl.stats.power import seeds_needed
from jaxdl.stats.searches import (
    Sensitivity,
    border_warning,
    inclusion_warning,
    near_best,
    rate_sensitivity,
)
from jaxdl.stats.selection import choices_of_others, chosen_trials, largest_within, select
from jaxdl.stats.targets import (
    algoperf_score,
    median_of_best,
    speedup_interval,
    time_profile,
    time_ratios,
    time_to_target,
)
from jaxdl.stats.tuned import Tuned, example, jointly_chosen, tune

__all__ = [
    "ENOUGH",
    "FEWEST",
    "KINDS",
    "SHARE",
    "TIE",
    "Aggregate",
    "Diagnosis",
    "Direction",
    "Importance",
    "Interval",
    "Kind",
    "Mode",
    "Scale",
    "Sensitivity",
    "Tuned",
    "Verdict",
    "algoperf_score",
    "best_of_first_k",
    "best_of_k",
    "bootstrap_interval",
    "border_warning",
    "choices_of_others",
    "chosen_trials",
    "diagnose",
    "direction",
    "exact",
    "example",
    "fanova",
    "holm",
    "importance",
    "inclusion_warning",
    "interquartile_mean",
    "iqm_interval",
    "jointly_chosen",
    "kind",
    "largest_within",
    "magnitude",
    "mean_interval",
    "median_of_best",
    "near_best",
    "paired_interval",
    "paired_p",
    "ped_anova",
    "performance_profile",
    "permutation",
    "pooled_iqm",
    "population_interval",
    "probability_of_improvement",
    "proportion_interval",
    "proportion_of",
    "rate_sensitivity",
    "seeds_needed",
    "select",
    "speedup_interval",
    "time_profile",
    "time_ratios",
    "time_to_target",
    "tune",
    "unpaired_interval",
    "verdict",
]
