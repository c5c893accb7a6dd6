"""Operations of training steps, worked by hand."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from experiments import _costs
from jaxdl import tasks
from jaxdl.models import MLP


def test_products_there_and_back_are_those_by_hand():
    """Of 4 rows through 3·5 and 5·2 weights: forward, by weights, and, but for the first, back."""
    batch = {"x": np.zeros((4, 3), np.float32), "y": np.zeros(4, np.int32)}
    found = _costs.operations(tasks.classification(MLP((5,), 2)), batch)
    assert found == 2 * 4 * (2 * 3 * 5 + 3 * 5 * 2)


def test_a_loop_counts_in_all_of_its_turns_and_a_convolution_by_its_kernel():
    def run(x, w):
        x = jax.lax.scan(lambda x, _: (jnp.tanh(x @ w), None), x, length=7)[0]
        return jax.checkpoint(lambda x: x @ w)(x)

    traced = jax.jit(run).trace(jnp.zeros((2, 3)), jnp.zeros((3, 3)))
    assert _costs.counted(traced.jaxpr) == 8 * 2 * 2 * 3 * 3
    image, kernel = jnp.zeros((2, 6, 6, 3)), jnp.zeros((3, 3, 3, 5))
    conv = jax.jit(lambda x, w: jax.lax.conv_general_dilated(
        x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )).trace(image, kernel)  # fmt: skip
    assert _costs.counted(conv.jaxpr) == 2 * (2 * 4 * 4 * 5) * (3 * 3 * 3)


def test_the_table_has_joules_by_the_watts_and_the_first_phase_as_it_was_timed(monkeypatch):
    monkeypatch.setattr(_costs, "seconds", lambda task, batch: 0.5)
    batch = {"x": np.zeros((4, 3), np.float32), "y": np.zeros(4, np.int32)}
    tasks_of = {n: tasks.classification(nn.Dense(n)) for n in (2, 4)}
    phases = {f"{n}": _costs.Phase(task, batch, 10) for n, task in tasks_of.items()}
    table = _costs.table(phases, watts=3.0)
    places = [table.header.index(name) for name in ("seconds", "energy (J)")]
    rows = [[float(row[place]) for place in places] for row in table.rows]
    assert rows == [[5, 15], [10, 30]]
