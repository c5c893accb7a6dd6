import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jaxdl.optimizers import adam, scale_by_adam


def walk(tx, grads):
    state, rows = tx.init(jnp.zeros(1)), []
    for g in grads:
        updates, state = tx.update(jnp.array([g]), state)
        rows.append(float(updates[0]))
    return rows


# β₁ = 1/2, β₂ = 3/4, g = 2 then 4: m̂ = 2, 10/3 and v̂ = 4, (0.75 + 4) / (7/16) = 76/7.
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"eps": 0.0}, [1.0, 10 / 3 / (76 / 7) ** 0.5]),
        ({"eps": 2.0}, [0.5, 10 / 3 / ((76 / 7) ** 0.5 + 2)]),
        ({"eps": 0.0, "eps_root": 5.0}, [2 / 3, 10 / 3 / (76 / 7 + 5) ** 0.5]),
    ],
)
def test_by_hand(options, expected):
    np.testing.assert_allclose(
        walk(scale_by_adam(0.5, 0.75, **options), [2.0, 4.0]), expected, rtol=1e-5
    )


@settings(max_examples=25, deadline=None)
@given(g=st.floats(1e-3, 1e3), sign=st.sampled_from([-1, 1]), b1=st.floats(0, 0.99))
def test_a_constant_gradient_moves_by_the_rate_whatever_its_size(g, sign, b1):
    steps = walk(adam(0.1, b1=b1), [sign * g] * 3)
    np.testing.assert_allclose(steps, [-0.1 * sign] * 3, rtol=2e-4)
