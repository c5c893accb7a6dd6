"""Which of Python's help topics a paragraph is from, by the words in it: sparse gradients.

The setting for which Adagrad was made: Duchi, Hazan & Singer 2011,
https://jmlr.org/papers/v12/duchi11a.html, section 6.
"""

import functools
from collections import Counter
from typing import Any, NamedTuple

import flax.linen as nn
import numpy as np

from jaxdl import tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.data.text import tokenizers, vocabulary
from jaxdl.data.text.vocabulary import PAD, Vocabulary
from jaxdl.initializers import Initializer
from jaxdl.models import BagOfWords
from jaxdl.models.bag_of_words import NO_WORD
from jaxdl.types import Task
from jaxdl.workloads._workload import CROSS_ENTROPY, RULE, Loss, Workload

SHORTEST, LENGTH, FEWEST = 5, 64, 20
"""Words of a paragraph, at least and at most; paragraphs of a topic, at least."""

TARGET = 0.763
"""Of 250 paragraphs; by `RULE` at the rate 0.03 (2026-11-29, jax 0.10.2, x86-64)."""


class Paragraphs(NamedTuple):
    """parts: the data as a run takes it; known: words of the training paragraphs; topics: how many
    there are."""

    parts: dict[str, Any]
    known: Vocabulary
    topics: int


def topics() -> Workload:
    """A linear model from zeros: some 2,000 words, most of them rare, × 15 topics.

    Distinct paragraphs that stand in one topic only, of the topics that have 20 such, some 1,200 in
    all; three fifths of each topic for training, a fifth for each of validation and test. The
    topics are those of the Python that runs: 3.11 in the numbers here.
    """
    return Workload(
        name="topics",
        task=_task,
        data=lambda: paragraphs().parts,
        batch_size=32,
        steps=600,
        metric="accuracy",
        target=TARGET,
        source=RULE,
    )


@functools.cache
def paragraphs() -> Paragraphs:
    """The paragraphs as bags of words."""
    found = [
        dict.fromkeys(tuple(tokenizers.words(part)[:LENGTH]) for part in documents.paragraphs(text))
        for text in documents.topics()
    ]
    often = Counter(words for topic in found for words in topic)
    own = [
        [words for words in topic if often[words] == 1 and len(words) >= SHORTEST]
        for topic in found
    ]
    kept = [topic for topic in own if len(topic) >= FEWEST]
    rng, ends = np.random.default_rng(0), {"train": 0.6, "validation": 0.8, "test": 1.0}
    parts: dict[str, list[tuple[tuple[str, ...], int]]] = {name: [] for name in ends}
    for label, topic in enumerate(kept):
        order, begin = documents.sample(topic, len(topic), rng), 0
        for name, share in ends.items():
            end = round(share * len(topic))
            parts[name] += [(words, label) for words in order[begin:end]]
            begin = end
    known = vocabulary.build(word for words, _ in parts["train"] for word in words)
    arrays = {name: _arrays(part, known) for name, part in parts.items()}
    return Paragraphs(splits.in_batches(arrays), known, len(kept))


def _arrays(part: list[tuple[tuple[str, ...], int]], known: Vocabulary) -> dict[str, np.ndarray]:
    rows = vocabulary.rows(known, (words for words, _ in part), LENGTH)
    labels = np.array([label for _, label in part], np.int32)
    return {"x": np.where(rows == PAD, NO_WORD, rows), "y": labels}


def _task(kernel_init: Initializer | None = None, loss: Loss = CROSS_ENTROPY) -> Task:
    found = paragraphs()
    init = kernel_init or nn.initializers.zeros
    model = BagOfWords(len(found.known), found.topics, kernel_init=init)
    return tasks.classification(model, loss=loss)
