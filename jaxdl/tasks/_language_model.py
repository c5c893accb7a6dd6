"""The next token of each sequence, by cross-entropy; over chunks of a long text, with its state.

Truncated back-propagation through time: Williams & Peng 1990, https://doi.org/10.1162/neco.1990.2.4.490
"""

import jax
import jax.numpy as jnp

from jaxdl import losses, metrics
from jaxdl.tasks._examples import ratio, weights
from jaxdl.tasks.networks import Model, network, pair
from jaxdl.types import Array, Batch, LossOfOutputs, Metrics, PyTree, Task

CARRY, START, SEGMENTS = "carry", "start", "segments"
GIVEN = "(carry, logits [B, T, V])"


def language_model(model: Model, *, padding: int | None = None, carried: bool = False) -> Task:
    """The mean over tokens of −log p(token | those before it), in nats.

    model: `(x [B, T], carry, train=...) -> (carry, logits [B, T, V])`, with `segments=` where the
        batches have them.
    padding: the id in y that counts for nothing; None: all count.
    carried: in training the carry goes on from one batch to the next, and no gradient crosses: row
        b continues row b of the batch before, but begins with zeros where `start` is not 0. It is
        model state. An evaluation always begins at the model's own start, at any batch size.
    Batches are `{"x": [B, T], "y": [B, T], "mask": [B] or [B, T] (optional)}`, y being what follows
    x, and with `carried` `"start": [B]`; `data.text.streams.chunks` makes such. Of packed rows
    (`data.text.bucketing.next_ids_packed`) `"segments": [B, T]` says which sequence each x is of, 0
    on padding: no sequence sees another, and the first token of one is no target of the last of
    another. Whether the last token of a row has a target only `padding` tells. Reports `loss` and
    `accuracy`, per token; the perplexity is exp(loss).
    ValueError for a batch without `start`, or of another number of rows than the one before, where
    the carry is needed, and with `carried` for a model that gives none, such as GPT; TypeError for
    segments that the model does not take, and a model that gives anything but that pair.
    """

    net = network(model)

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        params, model_state = net.init(key, batch["x"])
        if carried:
            outputs = jax.eval_shape(
                lambda x: net.apply(params, model_state, x, None, train=False)[0],
                jnp.asarray(batch["x"]),
            )
            carry, _ = pair(net, outputs, GIVEN)
            if not jax.tree.leaves(carry):
                raise ValueError(
                    f"{net.name} gives no carry of what it has read, so none goes on "
                    "to the next batch: carried=False"
                )
            zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), carry)
            model_state = {**model_state, CARRY: zeros}
        return params, model_state

    def given(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, PyTree]:
        own = {name: value for name, value in model_state.items() if name != CARRY}
        going_on = carried and train
        carry = _begun(model_state[CARRY], batch) if going_on else None
        outputs, own = net.apply(
            params, own, batch["x"], carry, key=key, train=train, named=_packed(batch)
        )
        after, logits = pair(net, outputs, GIVEN)
        if carried:
            own = {**own, CARRY: jax.lax.stop_gradient(after) if train else model_state[CARRY]}
        return logits, own

    def judge(logits: Array, params: PyTree, batch: Batch) -> tuple[Array, Metrics]:
        y = batch["y"]
        of_rows = weights(batch)
        real = of_rows if of_rows.ndim == 2 else jnp.broadcast_to(of_rows[:, None], y.shape)
        if padding is not None:
            real = real * (y != padding)
        if SEGMENTS in batch:
            real = real * _within(batch[SEGMENTS])
        nats = metrics.mean(losses.softmax_cross_entropy(logits, y), real)
        reported = {"loss": nats, "accuracy": metrics.accuracy(logits, y, real)}
        return ratio(*nats), reported

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        own = {name: value for name, value in model_state.items() if name != CARRY}
        named = _packed(batch)
        outputs, _ = net.apply(params, own, batch["x"], None, train=False, named=named)
        return pair(net, outputs, GIVEN)[1]

    return Task(init, LossOfOutputs(given, judge), predict)


def _packed(batch: Batch) -> dict[str, Array]:
    return {SEGMENTS: batch[SEGMENTS]} if SEGMENTS in batch else {}


def _within(segments: Array) -> Array:
    """Where the token that follows in the row is of the same sequence: bool `[B, T]`.

    What follows the row is taken to be.
    """
    after = jnp.concatenate([segments[:, 1:], segments[:, -1:]], axis=1)
    return (segments == after) & (segments != 0)


def _begun(carry: PyTree, batch: Batch) -> PyTree:
    """The carry `[B, ...]`, zeros for the sequences that start."""
    if START not in batch:
        raise ValueError("a batch of carried streams needs `start` [B]: 1 where a stream begins")
    start, rows = jnp.asarray(batch[START]), len(jax.tree.leaves(carry)[0])
    if len(batch["x"]) != rows:
        raise ValueError(f"a batch of {len(batch['x'])} streams cannot go on from one of {rows}")

    def begin(leaf: Array) -> Array:
        return jnp.where(start.reshape(-1, *[1] * (leaf.ndim - 1)) != 0, 0, leaf)

    return jax.tree.map(begin, carry)
