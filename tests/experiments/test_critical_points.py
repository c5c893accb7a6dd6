"""Critical points where they are known, and fields whose moments are."""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from experiments import critical_points, saddles
from jaxdl.workloads import landscapes


def test_searches_on_himmelblau_end_at_its_nine_points():
    """4 minima of height 0, 1 maximum of 181.617 and 4 saddles (Himmelblau 1972)."""
    value = landscapes.planar(landscapes.himmelblau)
    starts = jax.random.uniform(jax.random.key(0), (64, 2), minval=-4.5, maxval=4.5)
    found = jax.jit(lambda: critical_points.searched(value, starts, 60))()
    heights = np.array([found[f"height_{number + 1}"] for number in range(64)], np.float64)
    down = np.array([found[f"down_{number + 1}"] for number in range(64)])
    there = np.array([found[f"found_{number + 1}"] for number in range(64)]) > 0
    assert there.mean() > 0.6
    kinds = set(zip(heights[there].round(1).tolist(), down[there].tolist(), strict=True))
    saddle_heights = {13.3, 67.7, 104.0, 178.3}
    expected = {(0.0, 0.0), (181.6, 1.0), *((h, 0.5) for h in saddle_heights)}
    assert {(abs(h), d) for h, d in kinds} == expected
    np.testing.assert_allclose(found["minima"], (down[there] == 0).mean(), rtol=1e-5)
    np.testing.assert_allclose(
        found["correlation"], np.corrcoef(heights[there], down[there])[0, 1], rtol=1e-4
    )


def test_the_share_of_minima_rests_on_the_points_that_were_found():
    trials = pd.DataFrame({"minima": [0.0] * 3, "share_found": [0.25, 0.5, 0.25]})
    found = critical_points.minima(trials)
    # No minimum among 3 seeds × 8 of 24 searches: (1 − p)²⁴ = 2.5 %.
    assert (found.low, found.high) == (0, pytest.approx(1 - 0.025 ** (1 / 24)))
    assert np.isnan(critical_points.minima(trials.assign(minima=[0.0, np.nan, 0.0])).high)


def test_a_field_has_the_moments_of_its_covariance():
    """exp(−r²/2): height and slopes have variance 1, height and curvature the covariance −1."""
    points = saddles.places(jax.random.key(1), 40, 3)

    def moments(key):
        value = saddles.field(key, 3)
        heights = jax.vmap(value)(points)
        slopes = jax.vmap(jax.grad(value))(points)
        curvature = jax.vmap(lambda point: jax.hessian(value)(point)[0, 0])(points)
        return jnp.stack([heights.mean(), (heights**2).mean(), (slopes**2).mean(),
                          (heights * curvature).mean(), (curvature**2).mean()])  # fmt: skip

    found = jax.jit(jax.vmap(moments))(jax.random.split(jax.random.key(2), 100)).mean(axis=0)
    np.testing.assert_allclose(found, [0, 1, 1, -1, 3], atol=0.15)
