"""Vectors of words from how often they stand near each other: Pennington et al. 2014.

https://aclanthology.org/D14-1162. Weighted least squares on the logarithms of the counts X of
`cooccurrence.near`:

    Σ_ij f(X_ij) (w_i·w̃_j + b_i + b̃_j − log X_ij)²,   f(x) = min(1, (x / x_max)^¾)

over the pairs that occur. A batch is some of these pairs; the authors descend by AdaGrad at 0.05.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from scipy import sparse

from jaxdl import metrics
from jaxdl.numerics import wide
from jaxdl.tasks._examples import ratio, weights
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def glove(
    vocabulary: int, dimensions: int, *, x_max: ArrayLike = 100.0, power: ArrayLike = 0.75
) -> Task:
    """The mean over pairs of the weighted square, in nats².

    Batches are `{"row": [B], "column": [B], "count": [B], "mask": [B] (optional)}`, counts above 0:
    those of `pairs`. Params are the tables `input` and `output` `[V, D]` and `input_bias` and
    `output_bias` `[V]`. `predict` gives what is to be log X, `[B]`; `vectors` what words are.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        keys = jax.random.split(key)
        tables = {
            name: jax.random.uniform(
                own, (vocabulary, dimensions), minval=-0.5 / dimensions, maxval=0.5 / dimensions
            )
            for name, own in zip(("input", "output"), keys, strict=True)
        }
        return tables | {f"{name}_bias": jnp.zeros(vocabulary) for name in tables}, {}

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        present = weights(batch)
        # A pair that is padding may hold anything, a count of 0 too.
        count = jnp.where(present > 0, jnp.asarray(batch["count"]), 1)
        error = predict(params, model_state, batch) - jnp.log(count)
        squares = metrics.mean(weight(count, x_max, power) * jnp.square(error), present)
        return ratio(*squares), (model_state, {"loss": squares})

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        row, column = batch["row"], batch["column"]
        product = (params["input"][row] * params["output"][column]).sum(axis=1)
        return product + params["input_bias"][row] + params["output_bias"][column]

    return Task(init, objective, predict)


def weight(count: Array, x_max: ArrayLike = 100.0, power: ArrayLike = 0.75) -> Array:
    """f(x) = min(1, (x / x_max)^power) of counts `[...]`: rare pairs weigh less, none above 1."""
    count, largest, power = wide(count, x_max, power)
    return jnp.minimum(1, count / largest) ** power


def vectors(params: PyTree) -> Array:
    """The vectors of the words, `[V, D]`: the sum of both tables, as the authors take it."""
    return params["input"] + params["output"]


def pairs(counts: sparse.sparray) -> dict[str, Any]:
    """What `glove` is trained on: rows and columns, int32, and counts, float32, all `[N]`."""
    found = sparse.coo_array(counts)
    row, column = (found.coords[axis].astype("int32") for axis in (0, 1))
    return {"row": row, "column": column, "count": found.data.astype("float32")}
