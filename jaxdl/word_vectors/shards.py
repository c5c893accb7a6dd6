"""Training of word vectors on several devices, each on sentences of its own.

A device goes through a part of its sentences as `word2vec.epoch` does, from the same tables as the
others; then the tables are merged, and all go on from there.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh
from jax.sharding import PartitionSpec as P

from jaxdl.data.errors import DataError
from jaxdl.types import Array, PyTree
from jaxdl.word_vectors import windows, word2vec
from jaxdl.word_vectors.windows import Corpus


def corpora(
    sentences: Sequence[np.ndarray], vocabulary: int, shards: int, parts: int = 4
) -> Corpus:
    """The sentences of ids `[T]`, dealt out: words `[parts, shards, N]`, padded to the longest.

    Sentences without words are left out. Raises DataError as `windows.corpus` does, and where there
    are fewer sentences than corpora.
    """
    number, checked = shards * parts, windows.checked(sentences, vocabulary)
    some = [sentence for sentence in checked if len(sentence)]
    if len(some) < number:
        raise DataError(
            f"{len(some)} sentences are too few for {parts} parts of {shards} shards each, take"
            f" {number} sentences or more, or fewer parts"
        )
    dealt = [windows.corpus(some[first::number], vocabulary) for first in range(number)]
    size = max(len(each.words) for each in dealt)
    padded = [windows.padded(each, 0, size) for each in dealt]
    return Corpus(
        *(jnp.stack(field).reshape(parts, shards, size) for field in zip(*padded, strict=True))
    )


def steps(plan: word2vec.Plan, corpora: Corpus, keep: np.ndarray) -> int:
    """Steps that a device takes in the longest part."""
    words = np.asarray(corpora.words)
    return max(
        plan.steps(windows.kept_at_most(each, keep)) for each in words.reshape(-1, words.shape[-1])
    )


def epoch(
    method: word2vec.Method,
    plan: word2vec.Plan,
    mesh: Mesh,
    params: PyTree,
    corpora: Corpus,
    keep: Array,
    key: Array,
    learning_rates: Array,
) -> dict[str, Array]:
    """Each word that subsampling keeps is a centre once, on one device of the mesh. Pure: jit it.

    mesh: of one axis, over as many devices as there are shards of the `corpora`. keep: chances
    `[V]`; learning_rates: one a step of each device, `[parts, steps]`, with the `steps` of above.
    """
    (axis,) = mesh.axis_names

    def advance(params: PyTree, corpora: Corpus, keep: Array, key: Array, rates: Array) -> PyTree:
        def part(params: PyTree, xs: tuple[Corpus, Array, Array]) -> tuple[PyTree, None]:
            corpus, key, rates = xs
            own = jax.random.fold_in(key, jax.lax.axis_index(axis))
            only = jax.tree.map(lambda x: x[0], corpus)
            after = word2vec.epoch(method, plan, params, only, keep, own, rates)
            return jax.tree.map(lambda a, b: merged(a, b, axis), params, after), None

        xs = (corpora, jax.random.split(key, len(rates)), rates)
        return jax.lax.scan(part, params, xs)[0]

    # The checker of what varies over the mesh asks for a mark on every carry of the loops inside.
    shared = jax.shard_map(
        advance, mesh=mesh, in_specs=(P(), P(None, axis), P(), P(), P()), out_specs=P(),
        check_vma=False,
    )  # fmt: skip
    return shared(params, corpora, keep, key, learning_rates)


def merged(before: Array, after: Array, axis: str) -> Array:
    """One table `[V, D]` of those that the devices of a mesh axis have made of the one before.

    Each row moves by the sum s = Σ_i δ_i of its changes, times min(1, Σ_i |δ_i|² / |s|²). Changes
    at right angles add up; equal ones, each of which is already all the way, are averaged; a row
    that a single device has moved stays where it put it. Compare Maleki et al. 2020,
    https://arxiv.org/abs/2006.02924.
    """
    change = after - before
    total, squares = jax.lax.psum((change, jnp.square(change).sum(axis=1)), axis)
    length = jnp.square(total).sum(axis=1)
    share = jnp.where(length > squares, squares / jnp.where(length > 0, length, 1), 1)
    return before + share[:, None] * total
