"""Seconds of one training step (forward, backward, Adam) of recurrent networks, against PyTorch.

Ids of a vocabulary of 64, an embedding and a softmax of as many, one recurrent layer between them.
"""

from collections.abc import Iterator

import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from benchmarks.training_step import Problem, against_torch, torch_cases, ways
from jaxdl.layers.cells import ELMAN, GRU, LSTM
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.tasks import language_model
from jaxdl.types import Batch, Task

VOCABULARY = 64
CELLS = {"LSTM": LSTM, "GRU": GRU, "Elman": ELMAN}
# Batch, time steps, width of the layer.
SHAPES = ((64, 32, 256), (16, 128, 256), (64, 32, 128))


def task(kind: str, width: int) -> Task:
    """The network of `torch_steps.Recurrent`."""
    return language_model(LanguageModel(VOCABULARY, VOCABULARY, RNN(width, CELLS[kind])))


def problem(kind: str, batch: int, time: int, width: int) -> tuple[Task, Batch]:
    """The network, and ids to read and to be told."""
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (2, batch, time)).astype(np.int32)
    return task(kind, width), {"x": ids[0], "y": ids[1]}


def measure(quick: bool) -> Iterator[Row]:
    """Every cell and shape; `quick`: the LSTM at the first one."""
    for kind in ("LSTM",) if quick else CELLS:
        for batch, time, width in SHAPES[:1] if quick else SHAPES:
            cases = torch_cases("recurrent", (kind, VOCABULARY, width), (batch, time))
            name = f"{kind}, batch {batch}, {time} steps of {width}"
            arguments = (kind, batch, time, width)
            with ways(Problem("benchmarks.recurrent", "problem", arguments)) as ours:
                yield from against_torch(name, ours, cases, 1.0)[0]


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)
