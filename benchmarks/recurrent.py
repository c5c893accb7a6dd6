"""Seconds of one training step (forward, backward, Adam) of recurrent networks, against PyTorch.

Ids of a vocabulary of 64, an embedding and a softmax of as many, one recurrent layer between them.
"""

import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from benchmarks.training_step import WAYS, against_torch, torch_cases
from jaxdl.layers.cells import ELMAN, GRU, LSTM
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.tasks import language_model
from jaxdl.types import Task

VOCABULARY = 64
CELLS = {"LSTM": LSTM, "GRU": GRU, "Elman": ELMAN}
# Batch, time steps, width of the layer.
SHAPES = ((64, 32, 256), (16, 128, 256), (64, 32, 128))


def task(kind: str, width: int) -> Task:
    """The network of `torch_steps.Recurrent`."""
    return language_model(LanguageModel(VOCABULARY, VOCABULARY, RNN(width, CELLS[kind])))


def measure(quick: bool) -> list[Row]:
    """Every cell and shape; `quick`: the LSTM at the first one."""
    rng = np.random.default_rng(0)
    rows: list[Row] = []
    for kind in ("LSTM",) if quick else CELLS:
        for batch, time, width in SHAPES[:1] if quick else SHAPES:
            ids = rng.integers(0, VOCABULARY, (2, batch, time)).astype(np.int32)
            ours = {
                way: seconds(task(kind, width), {"x": ids[0], "y": ids[1]})
                for way, seconds in WAYS.items()
            }
            name = f"{kind}, batch {batch}, {time} steps of {width}"
            rows += against_torch(
                name, ours, torch_cases("recurrent", (kind, VOCABULARY, width), (batch, time)), 1.0
            )[0]
    return rows


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
