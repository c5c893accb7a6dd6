"""The cases that benchmarks.stress_lightbench defines, against those of LightBench."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("lightbench.utils")

from benchmarks import stress_lightbench
from benchmarks.peers import lightbench_attempts
from jaxdl.workloads.stress import Now


@pytest.mark.parametrize(("case", "level"), stress_lightbench.CASES)
def test_value_gradient_and_start_are_alike(case, level):
    problem = stress_lightbench.CASES[case, level]
    model = lightbench_attempts.given(case, level, 256)["model"].double()
    (theirs,) = model.parameters()
    value = model()
    value.backward()
    point = jnp.asarray(theirs.detach().numpy(), jnp.float32)
    started = problem.start(None, jax.random.key(0))["x"]
    assert started.shape == point.shape
    if point.size == 2:
        np.testing.assert_array_equal(started, point)

    @jax.jit
    @jax.value_and_grad
    def mine(params):
        return problem.loss(params, {}, Now(None, None, 0))[0]

    ours, gradient = mine({"x": point})
    assert ours == pytest.approx(value.item(), rel=1e-4)
    wanted = theirs.grad.numpy()
    # In float32 a sigmoid near 1 leaves three digits of its slope.
    np.testing.assert_allclose(gradient["x"], wanted, rtol=5e-3, atol=1e-4 * np.abs(wanted).max())
