"""The next character of Python's help topics, by a recurrent network and by a small GPT."""

import functools
from typing import Any

import flax.linen as nn

from jaxdl import tasks
from jaxdl.data import batches
from jaxdl.data.sources import documents
from jaxdl.data.text import streams, vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.initializers import Initializer, lecun_normal
from jaxdl.layers.recurrent import RNN
from jaxdl.models import GPT, LanguageModel
from jaxdl.types import Task
from jaxdl.workloads._workload import RULE, Workload

BATCH, LENGTH, WIDTH = 16, 32, 64
RNN_TARGET, GPT_TARGET = 1.8, 2.14
"""Nats a character; by `RULE` at the rates 0.01 and 0.003 (2026-11-29, jax 0.10.2, x86-64)."""


def char_rnn() -> Workload:
    """An LSTM of 128 units over 16 streams in chunks of 32, its state carried on.

    A seed moves the initialization; the chunks come in the order of the text. An initializer draws
    the input and recurrent weights of each gate; the workload's own are `lecun_normal` and
    orthogonal ones.
    """
    return Workload(
        name="char_rnn",
        task=_rnn,
        data=_data,
        batch_size=BATCH,
        steps=600,
        metric="loss",
        target=RNN_TARGET,
        source=RULE,
        order=batches.ordered_indices,
    )


def char_gpt() -> Workload:
    """A GPT of two layers, 64 wide, over 16 chunks of 32 characters in any order."""
    return Workload(
        name="char_gpt",
        task=_gpt,
        data=_data,
        batch_size=BATCH,
        steps=600,
        metric="loss",
        target=GPT_TARGET,
        source=RULE,
    )


@functools.cache
def texts() -> dict[str, str]:
    """Distinct paragraphs: 90 % to train on, 5 % for each of validation and test."""
    found = [part for text in documents.topics() for part in documents.paragraphs(text)]
    parts = documents.split(list(dict.fromkeys(found)))
    return {name: "\n\n".join(part) + "\n" for name, part in parts._asdict().items()}


@functools.cache
def known() -> Vocabulary:
    """The characters of the training text."""
    return vocabulary.build(texts()["train"])


@functools.cache
def _data() -> dict[str, Any]:
    data: dict[str, Any] = {}
    for name, text in texts().items():
        train = name == "train"
        ids = vocabulary.encode(known(), text)
        chunks = streams.chunks(streams.streams(ids, BATCH if train else 1), LENGTH)
        # A last chunk that is not full is left out.
        whole = chunks["mask"].all(axis=(1, 2))
        flat = {part: chunks[part][whole].reshape(-1, LENGTH) for part in ("x", "y")}
        start = {"start": chunks["start"][whole].ravel()}
        data[name] = flat | start if train else batches.padded_batches(flat, BATCH)
    return data


def _rnn(kernel_init: Initializer | None = None) -> Task:
    body = RNN(
        2 * WIDTH,
        kernel_init=kernel_init or lecun_normal,
        recurrent_init=kernel_init or nn.initializers.orthogonal(),
    )
    return tasks.language_model(LanguageModel(len(known()), WIDTH, body), carried=True)


def _gpt(kernel_init: Initializer | None = None) -> Task:
    init = kernel_init or nn.initializers.normal(0.02)
    model = GPT(len(known()), WIDTH, 2, 4, LENGTH, kernel_init=init)
    return tasks.language_model(model)
