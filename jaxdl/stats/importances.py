"""Which of several searched numbers matter: shares of the variance of a metric over their space
(Hutter et al. 2014, http://proceedings.mlr.press/v32/hutter14.html)."""

import contextlib
import importlib.util
import math
from collections.abc import Callable, Collection, Iterator
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from jaxdl import quiet

if TYPE_CHECKING:
    import optuna

REFITS, KEPT = 8, 0.8
"""How often a share is estimated, each time of another forest on another part of the points."""
MOST = 256
"""Points of a refit at most: what the variance of a forest takes grows with their square."""
TREES = 32
BEST = 0.1
"""The share of the points that `ped_anova` tells from the others."""

Measure: TypeAlias = Callable[[pd.DataFrame, np.ndarray, Collection[str], int], pd.Series]
"""`(points, values, categories, seed) -> share of each column`."""


class Importance(NamedTuple):
    """Shares [refits, columns] of the variance, and the name of what measured them.

    How far refits lie apart tells what the forest and the choice of points do to a share; it is no
    interval for the share itself.
    """

    shares: pd.DataFrame
    measure: str


def importance(
    points: pd.DataFrame,
    values: ArrayLike,
    categories: Collection[str] = (),
    *,
    measure: Measure | None = None,
    seed: int = 0,
) -> Importance:
    """How much of the variance of a metric each column of its points explains.

    Args:
        points: [N, D]: where in [0, 1] a number of a point lies on the scale on which it was
            searched, for the variance is that over the unit cube.
        values: [N], finite.
        categories: columns that have no order.
        measure: `fanova`, `permutation` or `ped_anova`; None: the first where Optuna is installed,
            else the second.
        seed: of the forests, and of which points each is fit on.

    Raises:
        ValueError: for fewer than two points, unequal lengths and values that are not finite.
    """
    y = np.asarray(values, float)
    if y.shape != (len(points),) or len(y) < 2 or not np.isfinite(y).all():
        raise ValueError("expected a finite value for each of two points or more")
    if measure is None:
        measure = permutation if importlib.util.find_spec("optuna") is None else fanova
    rng, count = np.random.default_rng(seed), min(math.ceil(KEPT * len(y)), MOST)
    parts = []
    for number in range(REFITS):
        rows = rng.permutation(len(y))[:count]
        parts.append(measure(points.iloc[rows], y[rows], categories, seed + number))
    shares = pd.DataFrame(parts, columns=points.columns).reset_index(drop=True)
    return Importance(shares, getattr(measure, "__name__", "measure"))


def fanova(
    points: pd.DataFrame, values: np.ndarray, categories: Collection[str], seed: int
) -> pd.Series:
    """The share that each column explains alone, of a forest's variance over the whole space.

    The shares of interactions are what these lack to 1. All are nan where all values are one.
    """
    import optuna

    forest = optuna.importance.FanovaImportanceEvaluator(n_trees=TREES, seed=seed)
    if np.ptp(values) == 0:
        return pd.Series(math.nan, points.columns)
    with _study(points, values, categories) as study:
        return pd.Series(forest.evaluate(study), dtype=float).reindex(points.columns)


def ped_anova(
    points: pd.DataFrame, values: np.ndarray, categories: Collection[str], seed: int
) -> pd.Series:
    """How far the tenth of least values lies apart from all along each column, as shares of 1.

    It says what matters among the good (Watanabe et al. 2023, https://arxiv.org/abs/2304.10255),
    where `fanova` is about the whole space. Nothing in it is random. All are nan where the tenth is
    nowhere apart.
    """
    import optuna

    del seed
    divergence = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=BEST)
    with _study(points, values, categories) as study:
        found = pd.Series(divergence.evaluate(study), dtype=float).reindex(points.columns)
    return found / found.sum() if found.sum() > 0 else found * math.nan


def permutation(
    points: pd.DataFrame, values: np.ndarray, categories: Collection[str], seed: int
) -> pd.Series:
    """The share that each column explains alone and with others, of a forest's variance.

    Half of the mean squared change of the forest's prediction when the column is shuffled (Jansen
    1999, https://doi.org/10.1016/S0010-4655(98)00154-4). All are nan where all values are one.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    if np.ptp(values) == 0:
        return pd.Series(math.nan, points.columns)
    numbers = points.copy()
    for name in categories:
        numbers[name] = pd.factorize(points[name], sort=True)[0]
    x = numbers.to_numpy(float)
    forest = RandomForestRegressor(TREES, random_state=seed).fit(x, values)
    predicted = forest.predict(x)
    lost = permutation_importance(
        forest, x, predicted, scoring="neg_mean_squared_error", n_repeats=5, random_state=seed
    )
    return pd.Series(lost.importances_mean / (2 * predicted.var()), points.columns)


@contextlib.contextmanager
def _study(
    points: pd.DataFrame, values: np.ndarray, categories: Collection[str]
) -> "Iterator[optuna.Study]":
    """The points as Optuna's trials, to be minimized, without its line for the study."""
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution

    kinds: dict[str, BaseDistribution] = {
        str(name): CategoricalDistribution(sorted(points[name].unique().tolist()))
        if name in categories
        else FloatDistribution(0.0, 1.0)
        for name in points
    }
    with quiet.optuna():
        study = optuna.create_study()
        columns = [points[name].tolist() for name in points]
        study.add_trials(
            optuna.trial.create_trial(
                params=dict(zip(kinds, point, strict=True)), distributions=kinds, value=value
            )
            for *point, value in zip(*columns, values.tolist(), strict=True)
        )
        yield study
