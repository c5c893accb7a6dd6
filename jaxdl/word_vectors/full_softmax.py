"""Skip-gram with the full softmax over the vocabulary, which the other objectives stand in for.

Mikolov et al. 2013, https://arxiv.org/abs/1310.4546, eq. 2; a step costs as much as there
are words.
"""

import jax
import jax.numpy as jnp

from jaxdl.types import Array, PyTree
from jaxdl.word_vectors.windows import Blocks


def loss(hidden: Array, output: Array, words: Array, near: Array) -> Array:
    """−Σ log softmax(h·O)_w over centres `[M, T]` and their neighbours w, in nats.

    hidden `[M, T, D]`, output `[V, D]`, words `[M, S]`, near `[M, T, S]`.
    """
    flat = hidden.reshape(-1, hidden.shape[-1])
    normalizer = jax.nn.logsumexp(flat @ output.T, axis=1).reshape(near.shape[:2])
    scores = jnp.einsum("mtd,msd->mts", hidden, output[words])
    return (near * (normalizer[..., None] - scores)).sum()


def step(params: PyTree, blocks: Blocks, learning_rate: float | Array) -> PyTree:
    """Gradient descent on the tables `input` and `output`, `[V, D]`; all of `output` moves."""
    rows = params["input"][blocks.centres]
    of_rows, of_output = jax.grad(loss, argnums=(0, 1))(
        rows, params["output"], blocks.words, blocks.near
    )
    return {
        "input": params["input"].at[blocks.centres].add(-learning_rate * of_rows),
        "output": params["output"] - learning_rate * of_output,
    }
