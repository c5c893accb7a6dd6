"""What a sweep that compares conditions found, in words: the best, and what is told from it."""

from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxdl import stats
from jaxdl.report import summaries, tables
from jaxdl.report.tables import label

ERROR_RATE = 0.05
"""Share of all comparisons with the best condition in which any is told apart from it by chance."""
EVERY = "every condition"


class Columns(NamedTuple):
    """The columns of a ledger that a comparison reads, beside `seed` and `status`.

    rows, columns: what is compared; together they name a condition
    over: the number chosen for each condition
    metric: by which it is chosen, on validation (or see `comparison`)
    score: what is reported of the choice, on test
    kind: of the metric and the score where `stats.kind` does not know one of them
    loss_unit: of the training loss
    """

    rows: str = "optimizer"
    columns: str = "initializer"
    over: str = "learning_rate"
    metric: str = "validation_accuracy"
    score: str = "test_accuracy"
    kind: stats.Kind | None = None
    loss_unit: str = "nats"

    @property
    def by(self) -> tuple[str, str]:
        """The two columns that name a condition."""
        return self.rows, self.columns


class Found(NamedTuple):
    """What a comparison is about: trials, one row a condition, and whose scores they are."""

    frame: pd.DataFrame
    summary: pd.DataFrame
    names: Columns
    fresh: pd.DataFrame | None
    examples: int | None
    without_validation: str = ""

    @property
    def split(self) -> str:
        """On which the choice was made, validation or test."""
        return "test" if self.without_validation else "validation"

    @property
    def whose(self) -> str:
        """Which seeds are shown, and at which value."""
        over = label(self.names.over)
        if self.fresh is not None:
            return f"fresh seeds at the {over} chosen on {self.split}"
        if self.summary["n"].max() == 1:
            return f"at the {over} chosen on {self.split}"
        return f"each seed at the {over} that other seeds chose on {self.split}"

    @property
    def metric(self) -> stats.Kind:
        """The kind of the metric that chooses."""
        return summaries.kind_of(self.names.metric, self.names.kind)

    @property
    def score(self) -> stats.Kind:
        """The kind of the score that is reported."""
        return summaries.kind_of(self.names.score, self.names.kind)


def finding(found: Found) -> tuple[str, tuple[str, ...]]:
    """The best condition in one sentence, and the sentences to be read with it.

    The best is the one of the best `metric`, never of the best `score`: test data are only
    looked at where validation pointed to. The score and the interval are those of its own row.
    """
    frame, summary, names = found.frame, found.summary, found.names
    share = tables.percent(frame["status"].eq("diverged").mean())
    over, total = label(names.over), len(summary)
    searched = "" if found.fresh is None else " of the search"
    details: tuple[str, ...] = (
        f"{tables.counted(len(frame), 'trial')} in {tables.counted(total, 'condition')}; {share} % "
        f"of the trials{searched} diverged: their loss or a parameter stopped being finite. They "
        f"are counted, not dropped: a {over} at which a seed diverged is not eligible.",
        f"In {summary['on_border'].sum()} of {total} conditions the chosen {over} lies on the "
        f"border of its grid: the best may lie outside."
        if frame[names.over].nunique() > 1
        else f"One {over} was tried, so none was chosen: another one may change the order.",
        summaries.how_scored(summary),
    )
    if not summary["eligible"].any():
        return f"No condition has a {over} at which all its seeds ended.", details
    best = best_condition(found)
    lead = (
        f"Chosen on {found.split}, the best condition is {best[names.rows]} × "
        f"{best[names.columns]} at {over} {tables.number(best[names.over])}: "
        f"{_scored(found, best)}."
    )
    details = (*_covered(found, best), *details)
    others = int(summary["eligible"].sum()) - 1
    if not others:
        return lead, details
    rivals = not_separated(found, best)
    lead += f" {rivals} of the {tables.counted(others, 'other condition')} cannot be told from it."
    return lead, (*_how_compared(found, others), *details)


def best_condition(found: Found) -> pd.Series:
    """The row of the best condition by the metric."""
    by = list(found.names.by)
    return found.summary[found.summary[by].eq(_whole(found).iloc[0][by]).all(axis=1)].iloc[0]


def scores_where_others_choose(found: Found) -> pd.Series:
    """Of each seed the score at the condition *and* value which other seeds choose.

    The best of many is chosen too, and the numbers that made it the best are too good.
    """
    names = found.names
    chosen = stats.chosen_trials(
        found.frame.assign(**{EVERY: ""}), _whole(found), [EVERY, *names.by, names.over]
    )
    return chosen.set_index("seed")[names.score].astype(float).sort_index()


def not_separated(found: Found, best: pd.Series) -> int:
    """How many other eligible conditions the best does not beat, paired over the seeds.

    By Holm's correction: for the comparisons with the best where fresh seeds are compared; for all
    pairs of conditions where the seeds that are compared also chose the best, since any of them
    might have been it. The best would else be told from its equals in 10 … 30 % of studies.
    """
    names = found.names
    frame = found.frame if found.fresh is None else found.fresh
    eligible = found.summary[found.summary["eligible"]]
    trials = summaries.chosen_trials(frame, eligible, names.by, names.over)
    trials[names.score] = trials[names.score].astype(float).where(trials["status"].eq("ok"))
    seeds = trials.pivot(index="seed", columns=list(names.by), values=names.score)
    scores = seeds[best[names.rows], best[names.columns]]
    rivals = seeds.drop(columns=[(best[names.rows], best[names.columns])])
    p = [stats.paired_p(scores, rivals[c]) for c in rivals]
    if found.fresh is None:
        p += [stats.paired_p(rivals[a], rivals[b]) for a, b in combinations(rivals, 2)]
    gains = np.array([(scores - rivals[c]).mean() for c in rivals])
    ahead = gains > 0 if found.score.mode == "max" else gains < 0
    return int(np.sum(~((stats.holm(p)[: len(gains)] < ERROR_RATE) & ahead)))


def _whole(found: Found) -> pd.DataFrame:
    """The choice of a condition and its value among all."""
    names = found.names
    return stats.select(
        found.frame.assign(**{EVERY: ""}), [EVERY], [*names.by, names.over], names.metric,
        found.metric.mode, without_validation=found.without_validation,
    )  # fmt: skip


def _how_compared(found: Found, others: int) -> list[str]:
    """How rivals are told from the best, and how good it is by seeds that did not choose it."""
    score, pairs = label(found.names.score), others * (others + 1) // 2
    apart = (
        f"Told apart from the best are conditions whose paired difference in {score} over the "
        f"seeds is not zero by Student's t at {100 * ERROR_RATE:g} %, after Holm's correction for "
    )
    if found.fresh is not None:
        return [f"{apart}{tables.counted(others, 'comparison')}."]
    result = [
        f"{apart}{tables.counted(pairs, 'comparison')}, all pairs of conditions, since the seeds "
        "that are compared also chose the best."
    ]
    values = scores_where_others_choose(found)
    if len(values) > 1:
        kind = found.score
        interval = stats.mean_interval(values, kind.scale, examples=found.examples)
        estimate = tables.estimate(interval, tables.cell_of(kind))
        result.append(
            f"Being the best of {others + 1} conditions on these seeds, its {score} is too good. "
            f"Where other seeds choose the condition too, it is "
            f"{estimate}{'' if kind.unit == '1' else f' {kind.unit}'}."
        )
    return result


def _scored(found: Found, best: pd.Series) -> str:
    """The score of a condition with its unit and its interval, as in its row of the table."""
    kind, name = found.score, label(found.names.score)
    if best["lost"]:
        lost = f"{best['lost']} of its {tables.counted(best['n'], 'scored seed')}"
        return f"its {name} is unknown, {lost} diverged or did not end"
    cell = tables.cell_of(kind)
    unit = "" if kind.unit == "1" else f" {kind.unit}"
    text = f"{name} {cell(best[found.names.score])}{unit}"
    return f"{text} [{cell(best['low'])}, {cell(best['high'])}]" if _bounded(best) else text


def _bounded(best: pd.Series) -> bool:
    return bool(np.isfinite(best[["low", "high"]].astype(float)).all())


def _covered(found: Found, best: pd.Series) -> list[str]:
    """What the interval in the brackets of the first sentence is, and the wider one."""
    cell, seeds = tables.cell_of(found.score), tables.counted(best["n"], "seed")
    if not _bounded(best):
        return []
    text = f"In brackets: the 95 % interval over {seeds} on this test set"
    if "wide_low" not in best:
        return [f"{text}."]
    wide = tables.between(best["wide_low"], best["wide_high"], cell)
    return [f"{text}; over its {found.examples:,} examples too {wide}."]
