"""Embeddings in which what belongs together lies together: pairs and triplets of one encoder.

Hadsell, Chopra & LeCun 2006, https://doi.org/10.1109/CVPR.2006.100 (contrastive); Schroff,
Kalenichenko & Philbin 2015, https://arxiv.org/abs/1503.03832 (triplet).
"""

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl import losses, metrics
from jaxdl.numerics import wide
from jaxdl.tasks._on import on
from jaxdl.tasks._supervised import supervised
from jaxdl.tasks.networks import Model
from jaxdl.types import Array, Batch, Metrics, Task


def contrastive(model: Model, margin: ArrayLike = 1.0) -> Task:
    """Task of a model that gives embeddings `[B, 2, D]` of pairs, by the contrastive loss.

    Batches are `{"x": [B, 2, ...], "y": [B, 2]}`: the members and the class of each. Reports `loss`
    and `accuracy`, the share of pairs told to be of one class, or of two, rightly by whether they
    are nearer than half the margin.
    """

    def loss(embeddings: Array, labels: Array) -> Array:
        first, second = _members(embeddings, 2)
        return losses.contrastive(first, second, _same(labels), margin)

    def measure(embeddings: Array, labels: Array, weights: Array) -> Metrics:
        apart = squared_distance(*_members(embeddings, 2))
        near = apart < jnp.square(jnp.asarray(margin) / 2)
        # A NaN is not near, which is no proof of two classes.
        return {"accuracy": metrics.mean((near == _same(labels)) & ~jnp.isnan(apart), weights)}

    return supervised(model, loss, measure)


def contrastive_of_triplets(model: Model, margin: ArrayLike = 1.0) -> Task:
    """`contrastive` on the batches of `triplet`: each is two pairs, one alike and one not.

    `predict` gives the embeddings of what is there, triplets or pairs.
    """
    task = contrastive(model, margin)

    def pairs(batch: Batch) -> Batch:
        """Anchor and positive, anchor and negative; a mask `[B]` is that of both."""
        return {
            name: jnp.concatenate([v, v] if name == "mask" else [v[:, :2], v[:, ::2]])
            for name, v in batch.items()
        }

    return on(pairs, task)._replace(predict=task.predict)


def triplet(model: Model, margin: ArrayLike = 0.2) -> Task:
    """Task of a model that gives embeddings `[B, 3, D]` of triplets, by the triplet loss.

    Batches are `{"x": [B, 3, ...], "y": [B, 3]}`: an anchor, another of its class, one of another
    class. Reports `loss` and `accuracy`, the share of anchors that are nearer to their own class.
    """

    def loss(embeddings: Array, labels: Array) -> Array:
        anchor, positive, negative = _members(embeddings, 3)
        return losses.triplet(anchor, positive, negative, margin)

    def measure(embeddings: Array, labels: Array, weights: Array) -> Metrics:
        anchor, positive, negative = _members(embeddings, 3)
        nearer = squared_distance(anchor, positive) < squared_distance(anchor, negative)
        return {"accuracy": metrics.mean(nearer, weights)}

    return supervised(model, loss, measure)


def squared_distance(a: Array, b: Array) -> Array:
    """‖a − b‖² of embeddings `[..., D]`, in float32 at least."""
    a, b = wide(a, b)
    return jnp.square(a - b).sum(axis=-1)


def pairs(rng: np.random.Generator, labels: np.ndarray, count: int) -> np.ndarray:
    """Rows of `count` pairs `[count, 2]`: the first half of one class, the others of two.

    labels `[N]`. Raises ValueError where a class has a single example, or there is one class.
    """
    drawn = triplets(rng, labels, count)
    return np.concatenate([drawn[: count // 2, [0, 1]], drawn[count // 2 :, [0, 2]]])


def triplets(rng: np.random.Generator, labels: np.ndarray, count: int) -> np.ndarray:
    """Rows of `count` triplets `[count, 3]`: anchor, another of its class, one of another class.

    Anchors are drawn with equal chances, and so are their partners. Raises as `pairs` does.
    """
    members = {label: np.flatnonzero(labels == label) for label in np.unique(labels)}
    if len(members) < 2 or min(map(len, members.values())) < 2:
        raise ValueError("pairs need two classes, and two examples of each")
    anchors = rng.integers(len(labels), size=count)
    drawn = []
    for anchor in anchors:
        own = members[labels[anchor]]
        others = np.flatnonzero(labels != labels[anchor])
        drawn.append((anchor, rng.choice(own[own != anchor]), rng.choice(others)))
    return np.array(drawn, np.int32).reshape(-1, 3)


def _members(embeddings: Array, count: int) -> tuple[Array, ...]:
    if embeddings.ndim != 3 or embeddings.shape[1] != count:
        raise ValueError(f"expected embeddings [B, {count}, D], not {embeddings.shape}")
    return tuple(embeddings[:, member] for member in range(count))


def _same(labels: Array) -> Array:
    return labels[:, 0] == labels[:, 1]


def triplets_of_forms(
    rng: np.random.Generator, forms: np.ndarray, nearby: int
) -> dict[str, np.ndarray]:
    """Triplets `{"x": [2 N, 3, ...], "y": [2 N, 3]}` of N things in two forms `[N, 2, ...]`.

    An anchor in either form, the same in the other, and another thing in the other: half of the
    time one of the `nearby` rows on either side, which are alike where rows are sorted. Things that
    share a form, such as homophones, are no other things.
    """
    anchor, form = np.repeat(np.arange(len(forms)), 2), np.tile([0, 1], len(forms))
    near = rng.integers(1, nearby + 1, len(anchor)) * rng.choice([-1, 1], len(anchor))
    far = rng.integers(1, len(forms), len(anchor))
    other = (anchor + np.where(rng.random(len(anchor)) < 0.5, near, far)) % len(forms)
    while (alike := (forms[anchor] == forms[other]).all(axis=2).any(axis=1)).any():
        other[alike] = (other[alike] + 1) % len(forms)
    x = [forms[anchor, form], forms[anchor, 1 - form], forms[other, 1 - form]]
    return {"x": np.stack(x, axis=1), "y": np.stack([anchor, anchor, other], 1).astype(np.int32)}
