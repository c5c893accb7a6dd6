"""Predicting the vector of a word instead of its probability: Kumar & Tsvetkov 2019.

https://arxiv.org/abs/1812.04616, there with a loss of its own beside these two.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import jax.numpy as jnp
import numpy as np

from jaxdl import similarity
from jaxdl.metrics import mean
from jaxdl.tasks._supervised import supervised
from jaxdl.tasks.networks import Model
from jaxdl.types import Array, Metrics, Task

Distance = Callable[[Array, Array], Array]


def _squared(outputs: Array, vectors: Array) -> Array:
    return jnp.square(outputs - vectors).sum(axis=-1)


def _cosine(outputs: Array, vectors: Array) -> Array:
    return 1 - similarity.cosine(outputs, vectors)


DISTANCES: Mapping[str, Distance] = MappingProxyType({"cosine": _cosine, "squared": _squared})
"""`1 − cos(o, v)`, and `‖o − v‖²`."""


def nearest_word(model: Model, table: np.ndarray, distance: str) -> Task:
    """Task of a model `x -> [B, D]` that is to give the vector of the word y: `{"x", "y": [B]}`.

    table: the vectors `[V, D]`, which stay as they are. distance: a name of `DISTANCES`; its mean
    is the loss. The word is the one whose vector is nearest by that distance: `accuracy`.
    Raises ValueError for another name.
    """
    if distance not in DISTANCES:
        raise ValueError(f"distance: {distance!r} is none of {', '.join(DISTANCES)}")
    vectors = jnp.asarray(table, jnp.float32)

    def loss(outputs: Array, y: Array) -> Array:
        return DISTANCES[distance](outputs, vectors[y])

    def metrics(outputs: Array, y: Array, weights: Array) -> Metrics:
        right = words(outputs, vectors, distance) == y
        return {"accuracy": mean(right.astype(jnp.float32), weights)}

    return supervised(model, loss, metrics)


def words(outputs: Array, vectors: Array, distance: str) -> Array:
    """The words `[B]` whose vectors `[V, D]` are nearest to the outputs `[B, D]`."""
    if distance == "cosine":
        return similarity.nearest(vectors, outputs, 1)[1][:, 0]
    # ‖o‖² is the same for all words.
    return jnp.argmin(jnp.square(vectors).sum(axis=1)[None] - 2 * outputs @ vectors.T, axis=1)
