"""Numbers against scipy and by hand; the coverage of every interval by simulation."""

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from jaxdl import stats

VALUES = [0.91, 0.95, 0.90, 0.97, 0.93]


@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_mean_interval_is_scipys(confidence):
    ours = stats.mean_interval(VALUES, confidence=confidence)
    low, high = scipy_stats.t.interval(
        confidence, len(VALUES) - 1, np.mean(VALUES), scipy_stats.sem(VALUES)
    )
    np.testing.assert_allclose(ours[:3], (np.mean(VALUES), low, high), rtol=1e-12)
    assert ours.n == 5
    assert ours.method == f"Student t, {100 * confidence:g} %"


def test_mean_interval_by_hand():
    # mean 2, s = 1, t(2; 0.975) = 4.302653, half width 4.302653 / sqrt(3)
    ours = stats.mean_interval([1.0, 2.0, 3.0])
    np.testing.assert_allclose(ours[:3], (2.0, 2 - 2.484138, 2 + 2.484138), atol=1e-6)


@pytest.mark.parametrize("make", [stats.mean_interval, stats.iqm_interval])
def test_one_value_has_no_bounds(make):
    ours = make([0.7])
    assert ours.mean == 0.7
    assert math.isnan(ours.low)
    assert math.isnan(ours.high)
    assert ours.n == 1


@pytest.mark.parametrize("make", [stats.mean_interval, stats.iqm_interval])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_never_averaged_away(make, bad):
    assert np.isnan(make([0.7, bad, 0.8])[:3]).all()


@pytest.mark.parametrize("scale", ["real", "positive", "share"])
@pytest.mark.parametrize("n", [2, 3, 10])
def test_equal_values_are_no_certainty_and_say_so(scale, n):
    # as far as float32 can tell them apart
    ours = stats.mean_interval([0.25] * (n - 1) + [0.25 + 1e-9], scale)
    assert ours.mean == pytest.approx(0.25)
    assert np.isnan(ours[1:3]).all()
    assert f"{n} equal values" in ours.method


def test_equal_inner_values_are_no_certainty_either():
    assert np.isnan(stats.iqm_interval([0.1, 0.25, 0.25, 0.9])[1:3]).all()
    assert np.isnan(stats.iqm_interval([0.25] * 5)[1:3]).all()
    assert np.isnan(stats.paired_interval([0.5, 0.6, 0.7], [0.4, 0.5, 0.6])[1:3]).all()


def test_equal_shares_of_a_test_set_have_the_width_of_their_draws():
    # 3 seeds right on all 120 examples: rule of three, 1 - 0.025^(1/360)
    ours = stats.mean_interval([1.0, 1.0, 1.0], "share", examples=120)
    np.testing.assert_allclose(ours[:3], (1.0, 0.025 ** (1 / 360), 1.0), rtol=1e-9)
    # one seed says nothing of seeds, however many examples it saw
    assert np.isnan(stats.mean_interval([1.0], "share", examples=120)[1:3]).all()


def test_perfect_scores_are_no_share_of_seeds():
    ours = stats.mean_interval([1.0, 1.0, 1.0], "share")
    assert ours.mean == 1.0
    assert np.isnan(ours[1:3]).all()
    assert stats.verdict(ours, 0.2, "above") == "inconclusive"


def test_three_seeds_of_three_do_not_show_that_most_seeds_succeed():
    # at a true share of 0.8 three of three come in 51 % of all runs
    ours = stats.proportion_interval(3, 3)
    assert ours.low == pytest.approx(0.025 ** (1 / 3))
    assert stats.verdict(ours, 0.8, "above") == "inconclusive"


def test_the_interval_of_shares_by_hand_never_leaves_0_to_1():
    # mean 0.99, s = 0.01: z = 0.01 / 0.0099, variance z²/3 + z⁴/4, t(2; 0.975) = 4.302653
    ours = stats.mean_interval([0.98, 0.99, 1.0], "share")
    z = 0.01 / 0.0099
    half = 4.302653 * math.sqrt(z**2 / 3 + z**4 / 4)
    odds = 99 * np.exp([-half, half])
    np.testing.assert_allclose(ours[1:3], odds / (1 + odds), rtol=1e-6)
    assert 0 < ours.low < ours.high < 1
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.mean_interval([98.0, 99.0], "share")
    rounded = [0.98, 0.99, float(np.float32(1) + np.finfo(np.float32).eps)]
    np.testing.assert_allclose(stats.mean_interval(rounded, "share")[:3], ours[:3], rtol=1e-5)


def test_positive_values_have_the_t_interval_of_their_logarithms():
    ours = stats.mean_interval([1.0, 10.0, 100.0], "positive")
    low, high = scipy_stats.t.interval(0.95, 2, np.log(10), scipy_stats.sem(np.log([1, 10, 100])))
    np.testing.assert_allclose(ours[:3], (10, math.exp(low), math.exp(high)), rtol=1e-12)
    assert ours.low > 0
    with_zero = stats.mean_interval([0.0, 1.0, 2.0], "positive")
    assert with_zero == stats.mean_interval([0.0, 1.0, 2.0])


def test_a_bound_beyond_all_numbers_is_infinite():
    found = stats.mean_interval([1e-30, 1e30], "positive")
    assert (found.mean, found.low, found.high) == (pytest.approx(1.0), 0.0, math.inf)


def test_two_that_are_infinite_have_no_difference():
    found = stats.paired_interval([math.inf, 1.0, 2.0], [math.inf, 0.0, 1.0])
    assert np.isnan(found[:3]).all()
    assert stats.paired_p([math.inf, 1.0, 2.0], [math.inf, 0.0, 1.0]) == 1.0


def test_an_unknown_scale_is_refused():
    with pytest.raises(ValueError, match="scale"):
        stats.mean_interval([1.0, 2.0], 0.9)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [stats.mean_interval, stats.iqm_interval])
def test_intervals_refuse_no_values_a_matrix_and_a_confidence_of_one(make):
    with pytest.raises(ValueError, match="one or more values"):
        make([])
    with pytest.raises(ValueError, match="one or more values"):
        make([[1.0, 2.0]])
    with pytest.raises(ValueError, match="between 0 and 1"):
        make(VALUES, confidence=1.0)


def test_paired_interval_is_scipys_paired_test():
    baseline = [0.90, 0.91, 0.88, 0.96, 0.90]
    ours = stats.paired_interval(VALUES, baseline)
    test = scipy_stats.ttest_rel(VALUES, baseline).confidence_interval(0.95)
    np.testing.assert_allclose(ours[1:3], (test.low, test.high), rtol=1e-12)
    assert ours.method.startswith("paired")


def test_pairing_removes_what_the_seeds_share():
    shared = np.array([0.1, 0.5, 0.9, 0.3, 0.7])
    noise = np.array([0.001, -0.001, 0.0, 0.002, -0.002])
    ours = stats.paired_interval(shared + 0.01 + noise, shared)
    np.testing.assert_allclose(ours[:3], stats.mean_interval(0.01 + noise)[:3], rtol=1e-9)
    assert ours.high - ours.low < 0.005


def test_unpaired_interval_is_scipys_welch_test():
    x, y = np.array([0.3, 0.5, 0.45, 0.6]), np.array([0.2, 0.1, 0.15, 0.3, 0.12, 0.25])
    found = stats.unpaired_interval(x, y, confidence=0.9)
    expected = scipy_stats.ttest_ind(x, y, equal_var=False).confidence_interval(0.9)
    assert found[1:3] == pytest.approx((expected.low, expected.high))
    assert (found.mean, found.n) == (pytest.approx(x.mean() - y.mean()), 4)


@pytest.mark.parametrize(("x", "y"), [([1.0], [2.0, 3.0]), ([1.0, 1.0], [2.0, 2.0])])
def test_unpaired_interval_of_one_or_equal_values_has_no_bounds(x, y):
    found = stats.unpaired_interval(x, y)
    assert found.mean == np.mean(x) - np.mean(y)
    assert np.isnan(found[1:3]).all()
    assert np.isnan(stats.unpaired_interval([np.nan, 1.0], y)[:3]).all()


def test_paired_interval_refuses_other_seeds():
    with pytest.raises(ValueError, match="same seeds"):
        stats.paired_interval([1.0, 2.0], [1.0])


def test_proportion_interval_is_the_exact_one():
    # 3 of 10: beta quantiles; 0 of 10: 1 - 0.025^(1/10)
    ours = stats.proportion_interval(3, 10)
    low, high = scipy_stats.beta.ppf([0.025, 0.975], [3, 4], [8, 7])
    np.testing.assert_allclose(ours[:3], (0.3, low, high), rtol=1e-9)
    none = stats.proportion_interval(0, 10)
    np.testing.assert_allclose(none[:3], (0.0, 0.0, 1 - 0.025**0.1), atol=1e-9)
    assert stats.proportion_interval(10, 10).high == 1.0


@pytest.mark.parametrize(("successes", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_proportion_interval_refuses_impossible_counts(successes, n):
    with pytest.raises(ValueError, match="successes"):
        stats.proportion_interval(successes, n)


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_proportion_interval_covers_every_share_at_least_as_often_as_it_says(share):
    bounds = [stats.proportion_interval(k, 12)[1:3] for k in range(13)]
    weights = scipy_stats.binom.pmf(range(13), 12, share)
    covered = sum(w for w, (low, high) in zip(weights, bounds, strict=True) if low <= share <= high)
    assert covered >= 0.95


def test_interquartile_mean_by_hand():
    assert stats.interquartile_mean([100.0, 1.0, 2.0, -50.0, 3.0, 4.0, 5.0, 6.0]) == 3.5
    assert stats.interquartile_mean([1.0, 2.0, 9.0]) == 4.0
    np.testing.assert_array_equal(
        stats.interquartile_mean([[0.0, 1.0, 2.0, 99.0], [4.0, 4.0, 6.0, 6.0]], axis=1), [1.5, 5.0]
    )


def test_iqm_interval_has_the_standard_error_of_yuens_test():
    draws = np.random.default_rng(1).normal(size=40)
    mirrored = scipy_stats.ttest_ind(draws, -draws, trim=0.25, equal_var=False)
    mean = float(stats.interquartile_mean(draws))
    error = 2 * mean / (math.sqrt(2) * mirrored.statistic)
    half = scipy_stats.t.ppf(0.975, 19) * error
    np.testing.assert_allclose(stats.iqm_interval(draws)[1:3], (mean - half, mean + half))


def test_iqm_interval_by_hand():
    # 1 2 are left of 0 1 2 50; winsorized 1 1 2 2: s² = 1/3, error² = 1/3 · 3 / (2 · 1), t(1)
    ours = stats.iqm_interval([0.0, 1.0, 2.0, 50.0])
    half = 12.7062047 * math.sqrt(0.5)
    np.testing.assert_allclose(ours[:3], (1.5, 1.5 - half, 1.5 + half), rtol=1e-7)


# seeds and test examples


def test_population_interval_without_seeds_is_clopper_and_pearsons():
    # nesterov × he_normal: 97.2 % of 360 images; the images alone leave 95.0 … 98.7
    for seeds in ([350 / 360], [350 / 360] * 5):
        ours = stats.population_interval(seeds, 360)
        np.testing.assert_allclose(ours[1:3], stats.proportion_interval(350, 360)[1:3], rtol=1e-9)
    one = stats.population_interval([350 / 360], 360)
    assert "over one seed's 360 test examples" in one.method
    assert stats.verdict(one, 0.5, "above") == "inconclusive"
    assert ours.low == pytest.approx(0.950, abs=1e-3)
    assert ours.high == pytest.approx(0.987, abs=1e-3)


def test_population_interval_adds_both_sources():
    seeds = [0.9, 0.92, 0.94, 0.91, 0.93]
    narrow, wide = stats.mean_interval(seeds, "share"), stats.population_interval(seeds, 200)
    assert wide.low < narrow.low < narrow.high < wide.high
    many = stats.population_interval(seeds, 10**7)
    np.testing.assert_allclose(many[1:3], stats.mean_interval(seeds)[1:3], atol=3e-3)


def test_population_interval_says_what_is_wrong():
    with pytest.raises(ValueError, match="one test example"):
        stats.population_interval([0.5], 0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        stats.population_interval([50.0], 10)
    assert np.isnan(stats.population_interval([0.5, math.nan], 10)[:3]).all()


@pytest.mark.parametrize(
    ("bounds", "distance"),
    [
        ((0.3, 0.1, 0.5), (0.3, 0.1, 0.5)),
        ((-0.3, -0.5, -0.1), (0.3, 0.1, 0.5)),
        ((-0.1, -0.5, 0.3), (0.1, 0.0, 0.5)),
        ((0.2, math.nan, math.nan), (0.2, math.nan, math.nan)),
    ],
)
def test_the_magnitude_of_an_interval_is_that_of_the_distance_from_zero(bounds, distance):
    found = stats.magnitude(stats.Interval(*bounds, 5, "by hand"))
    np.testing.assert_equal(found[:3], distance)
    assert found[3:] == (5, "by hand", 1)


def test_a_proportion_of_flags_is_that_of_their_count():
    flags = np.array([True, False, True, True])
    assert stats.proportion_of(flags) == stats.proportion_interval(3, 4)
    for flag in (np.nan, None):  # of which NumPy makes a true and a false one
        with pytest.raises(ValueError, match="a flag is NaN"):
            stats.proportion_of([1.0, flag])
