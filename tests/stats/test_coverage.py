"""Every interval covers what it is about in 95 ± 2 % of simulated studies, from five seeds on."""

import numpy as np
import pytest
from scipy import special

from jaxdl import stats

STUDIES = 2000


def covered(make, studies, truth):
    bounds = np.array([make(values)[1:3] for values in studies])
    return np.mean((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))


def draws(n, seed=0):
    return np.random.default_rng(seed).normal(size=(STUDIES, n))


@pytest.mark.parametrize("n", [5, 10])
def test_means_of_normal_values(n):
    assert abs(covered(stats.mean_interval, 3 + 2 * draws(n), 3.0) - 0.95) < 0.02
    assert abs(covered(stats.iqm_interval, 3 + 2 * draws(n), 3.0) - 0.95) < 0.02


@pytest.mark.parametrize("n", [5, 10])
def test_paired_differences_of_accuracies(n):
    # both conditions share the seed; one is near 1
    shared, own = draws(n), draws(n, 1)
    first, second = special.expit(4 + 0.3 * shared), special.expit(3 + 0.3 * shared + 0.2 * own)
    expected = np.mean(
        special.expit(4 + 0.3 * draws(1000, 2))
        - special.expit(3 + np.hypot(0.3, 0.2) * draws(1000, 3))
    )
    found = covered(
        lambda pair: stats.paired_interval(*pair), np.stack([first, second], 1), expected
    )
    assert abs(found - 0.95) < 0.02


@pytest.mark.parametrize("spread", [0.1, 1.0])
@pytest.mark.parametrize("n", [5, 10])
def test_losses_that_are_lognormal(spread, n):
    # Student's t of the losses themselves covers their mean in 82 % at a spread of 1
    losses = np.exp(spread * draws(n))
    found = covered(lambda x: stats.mean_interval(x, "positive"), losses, 1.0)
    assert abs(found - 0.95) < 0.02
    if spread == 1:
        assert covered(stats.mean_interval, losses, np.exp(0.5)) < 0.86


@pytest.mark.parametrize(("level", "spread"), [(0.7, 0.2), (0.95, 0.3), (0.99, 0.5), (0.99, 0.7)])
@pytest.mark.parametrize("n", [5, 10])
def test_accuracies_on_360_examples(level, spread, n):
    # Student's t covers 90 % at a level of 0.99 and a spread of the logits of 0.7
    center = special.logit(level)
    shares = np.random.default_rng(1).binomial(360, special.expit(center + spread * draws(n))) / 360
    truth = special.expit(center + spread * draws(1000, 2)).mean()
    found = covered(lambda x: stats.mean_interval(x, "share", examples=360), shares, truth)
    assert abs(found - 0.95) < 0.02
    if spread == 0.7:
        assert covered(stats.mean_interval, shares, truth) < 0.925


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
@pytest.mark.parametrize("n", [3, 12])
def test_shares_of_seeds_are_covered_at_least_as_often_as_is_said(share, n):
    # exact, not simulated: no interval of 0 … 1 outcomes covers every share in just 95 %
    outcomes = [stats.mean_interval([1.0] * k + [0.0] * (n - k), "share") for k in range(n + 1)]
    weights = special.binom(n, range(n + 1)) * share ** np.arange(n + 1)
    weights *= (1 - share) ** np.arange(n, -1, -1)
    hits = [
        w for w, found in zip(weights, outcomes, strict=True) if found.low <= share <= found.high
    ]
    assert sum(hits) >= 0.95


@pytest.mark.parametrize("level", [0.9, 0.97])
@pytest.mark.parametrize(("own", "most"), [(0.05, 0.97), (1.0, 1.0)])
def test_accuracies_over_seeds_and_examples(level, own, most):
    # each study has a new test set, its examples are hard for all seeds alike; where seeds have
    # errors of their own too (own = 1: half of the errors), it covers nearly always
    rng, examples, n = np.random.default_rng(0), 500, 5
    center = 4 * special.ndtri(level)
    hard, skill = rng.normal(size=(STUDIES, 1, examples)), rng.normal(size=(STUDIES, n, 1))
    margins = center + 4 * hard + 0.1 * skill
    right = rng.random((STUDIES, n, examples)) < special.expit(margins / own)
    many = rng.normal(size=(2, 10**6))
    truth = special.expit((center + 4 * many[0] + 0.1 * many[1]) / own).mean()
    shares = right.mean(axis=2)
    found = covered(lambda x: stats.population_interval(x, examples), shares, truth)
    assert 0.93 < found <= most
    # what the page used to show as the interval of the accuracy
    assert covered(stats.mean_interval, shares, truth) < 0.7
