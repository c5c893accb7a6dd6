"""Token error rate of sequences that a model decodes.

The edits that a decoded sequence needs, over the tokens of the right one: the word error rate of
speech recognition, for any tokens.
"""

import functools
from collections.abc import Mapping
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxdl import decoding
from jaxdl.data.text.vocabulary import END, PAD, START
from jaxdl.metrics import edit_distance, mean
from jaxdl.tasks._examples import weights
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def with_token_errors(
    task: Task, model: nn.Module, length: int, groups: Mapping[str, range]
) -> Task:
    """A task of `tasks.sequence_to_sequence` that reports token error rates in evaluation.

    length: tokens that are decoded at most. groups: names of metrics, and the lengths of x whose
    sequences each is of. In training nothing is decoded.
    """

    def objective(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        loss, (after, metrics) = task.loss(params, model_state, batch, key, train=train)
        if not train:
            variables = {"params": params, **model_state}
            metrics = {**metrics, **_errors(model, variables, batch, length, groups)}
        return loss, (after, metrics)

    return task._replace(loss=objective)


def greedy(model: nn.Module, variables: PyTree, x: Array, length: int) -> Array:
    """The sequences `[B, length]` that greedy decoding gives for x `[B, N]`, `END` after each.

    model: with the `begin` and `step` of `models.seq2seq.Seq2Seq`.
    """
    x = jnp.asarray(x)
    carry = model.apply(variables, x, (x != PAD).astype(jnp.float32), method="begin")
    step = cast(decoding.Step, functools.partial(model.apply, variables, method="step"))
    return decoding.greedy(step, carry, jnp.full(len(x), START, jnp.int32), length, END)


def beam(
    model: nn.Module, variables: PyTree, x: Array, length: int, width: int
) -> tuple[Array, Array]:
    """The likeliest sequences by `decoding.beam`, `[B, width, length]`, and their log p.

    model: as in `greedy`.
    """
    x = jnp.asarray(x)
    carry = model.apply(variables, x, (x != PAD).astype(jnp.float32), method="begin")
    step = cast(decoding.Step, functools.partial(model.apply, variables, method="step"))
    start = jnp.full(len(x), START, jnp.int32)
    return decoding.beam(step, carry, start, length, width=width, end=END)


def attended(model: nn.Module, variables: PyTree, x: Array, length: int) -> tuple[Array, Array]:
    """What `greedy` gives, and the weights `[B, length, N]` of what it looks at for each token."""
    said = greedy(model, variables, x, length)
    before = jnp.pad(said, [(0, 0), (1, 0)], constant_values=START)[:, :-1]
    return said, cast(PyTree, model.apply(variables, x, x != PAD, before))[1]


def _errors(
    model: nn.Module, variables: PyTree, batch: Batch, length: int, groups: Mapping[str, range]
) -> Metrics:
    found, right = greedy(model, variables, batch["x"], length), batch["y"][:, 1:]
    said = (jnp.cumsum(found == END, axis=1) == 0).sum(axis=1)
    tokens = (right != PAD).sum(axis=1) - 1  # without the end
    wrong = jax.vmap(edit_distance)(found, right, said, tokens)
    read, examples = (batch["x"] != PAD).sum(axis=1), weights(batch)
    reported = {}
    for name, group in groups.items():
        inside = examples * ((read >= group.start) & (read < group.stop))
        # A sum over tokens: every sequence weighs as much as it is long.
        reported[name] = mean(wrong / jnp.maximum(tokens, 1), inside * tokens)
    return reported
