"""Operations of training steps, worked by hand."""

import flax.linen as nn
import numpy as np

from experiments import _costs
from jaxdl import tasks
from jaxdl.models import MLP


def test_products_there_and_back_are_those_by_hand():
    """Of 4 rows through 3·5 and 5·2 weights: forward, by weights, and, but for the first, back."""
    batch = {"x": np.zeros((4, 3), np.float32), "y": np.zeros(4, np.int32)}
    found = _costs.operations(tasks.classification(MLP((5,), 2)), batch)
    assert found == 2 * 4 * (2 * 3 * 5 + 3 * 5 * 2)


def test_frozen_layers_have_no_way_back():
    """Of 4 rows through 3·5 and 5·2 weights: forward, and by the weights that are learned."""
    batch = {"x": np.zeros((4, 3), np.float32), "y": np.zeros(4, np.int32)}
    task = _costs.frozen(tasks.classification(MLP((5,), 2)), "^Dense_0/")
    assert _costs.operations(task, batch) == 2 * 4 * (3 * 5 + 2 * 5 * 2)


def test_the_table_has_joules_by_the_watts_and_the_first_phase_as_it_was_timed(monkeypatch):
    monkeypatch.setattr(_costs, "seconds", lambda task, batch: 0.5)
    batch = {"x": np.zeros((4, 3), np.float32), "y": np.zeros(4, np.int32)}
    tasks_of = {n: tasks.classification(nn.Dense(n)) for n in (2, 4)}
    phases = {f"{n}": _costs.Phase(task, batch, 10) for n, task in tasks_of.items()}
    table = _costs.table(phases, watts=3.0)
    places = [table.header.index(name) for name in ("seconds", "energy (J)")]
    rows = [[float(row[place]) for place in places] for row in table.rows]
    assert rows == [[5, 15], [10, 30]]
