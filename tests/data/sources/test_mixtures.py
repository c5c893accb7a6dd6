import jax
import numpy as np
import pytest
from scipy import stats

from jaxdl.data.sources import mixtures

KEY = jax.random.key(0)


def test_ring_of_four_is_the_axes():
    expected = [[2, 0], [0, 2], [-2, 0], [0, -2]]
    np.testing.assert_allclose(mixtures.ring(4, 2.0), expected, atol=1e-6)


def test_samples_are_normal_around_centres_that_are_equally_likely():
    centres = mixtures.ring(8, 10.0)
    samples = np.asarray(mixtures.sample(KEY, centres, 0.5, 4000))
    nearest = ((samples[:, None] - np.asarray(centres)) ** 2).sum(-1).argmin(1)
    assert stats.chisquare(np.bincount(nearest, minlength=8)).pvalue > 1e-3
    offsets = (samples - np.asarray(centres)[nearest]) / 0.5
    assert stats.kstest(offsets.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 0.06


def test_shares_by_hand():
    centres = np.array([[0, 0], [4, 0]], np.float32)
    samples = np.array([[0, 0], [0, 0.9], [3.5, 0], [2.1, 0], [0, 9]], np.float32)
    np.testing.assert_allclose(mixtures.shares(samples, centres, 1.0), [2 / 5, 1 / 5])
    # Within reach of both, a sample counts for the nearer one only.
    np.testing.assert_allclose(mixtures.shares(samples, centres, 5.0), [2 / 5, 2 / 5])


@pytest.mark.parametrize("reach", [1.0, 2.0, 3.0])
def test_share_of_high_quality_of_the_mixture_itself_is_the_rayleigh_distribution(reach):
    centres = mixtures.ring(8, 10.0)
    samples = mixtures.sample(KEY, centres, 0.1, 10_000)
    share = float(mixtures.shares(samples, centres, reach * 0.1).sum())
    assert share == pytest.approx(stats.rayleigh.cdf(reach), abs=0.02)
