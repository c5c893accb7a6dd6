"""A small BERT of docstrings: its network, words and data, and what a trained one is used for."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import launch, report, tasks
from jaxdl.data import batches
from jaxdl.data.sources import documents, sentences
from jaxdl.data.text import bucketing, masking, tokenizers, vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.launch.best import Loaded
from jaxdl.models import BERT, BERTPretraining
from jaxdl.report.alignments import Alignment, alignments

SIZES, MASK, LENGTH, LIKELIEST = {"test": 150, "validation": 75, "train": 40}, "<mask>", 32, 5
PACKAGES = 1 + len(documents.PACKAGES)


def network(vocabulary: int, width: int, depth: int, heads: int) -> BERT:
    """The model, from plain numbers."""
    # The usual 0.02 is of a width of 768.
    return BERT(vocabulary, width, depth, heads, LENGTH, kernel_init=nn.initializers.normal(0.1))


def symbols(known: Vocabulary) -> masking.Symbols:
    """The ids that are no words."""
    return masking.symbols({word: i for i, word in enumerate(known.words)}, masking.HOUSE)


def framed(known: Vocabulary, words: Sequence[str]) -> np.ndarray:
    """Ids as BERT reads a text, the last words cut off where it is too long."""
    return vocabulary.framed(vocabulary.encode(known, words)[: LENGTH - 2])


def paired(known: Vocabulary, found: Sequence[Sequence[list[str]]]) -> dict[str, np.ndarray]:
    """Pairs of neighbours and of strangers, of `masking.pairs`, with their class as y."""
    ids = [[vocabulary.encode(known, words) for words in document] for document in found]
    made = masking.pairs(ids, symbols(known), LENGTH, seed=0)
    return made | {"y": made["pair"]}


def load(count: int, size: int) -> tuple[dict[str, Any], Vocabulary]:
    """`{split: {task: arrays}}`, each document in one of them, and the words.

    count: of documents to pretrain on, at most. size: of the vocabulary.
    """
    rng = np.random.default_rng(0)
    parts: dict[str, list[tuple[list[list[str]], int]]] = {name: [] for name in (*SIZES, "text")}
    for label, found in enumerate(documents.docstrings_by_package().values()):
        texts = filter(None, map(sentences.prose, documents.sample(found, len(found), rng)))
        counts = (*SIZES.values(), count // PACKAGES)
        for name, most in zip(parts, counts, strict=True):
            for text in itertools.islice(texts, most):
                parts[name].append(([tokenizers.words(each) for each in text], label))
    counted = (word for text, _ in parts["text"] for words in text for word in words)
    words = vocabulary.build(counted, size - 1).words[len(vocabulary.SPECIAL) :]
    known = Vocabulary((*vocabulary.SPECIAL, MASK, *words))
    data: dict[str, Any] = {"train": {"text": paired(known, [text for text, _ in parts["text"]])}}
    for name in SIZES:
        ids = [framed(known, [word for words in text for word in words]) for text, _ in parts[name]]
        y = np.array([label for _, label in parts[name]], np.int32)
        # Of every second sentence, so that those of a pair were no neighbours.
        arrays = {
            "packages": {"x": bucketing.pad(ids, LENGTH)["x"], "y": y},
            "pairs": paired(known, [text[::2] for text, _ in parts[name]]),
        }
        held_out = {key: batches.padded_batches(each, 100) for key, each in arrays.items()}
        data[name] = data["train"] | arrays if name == "train" else held_out
    return data, known


def loaded(workdir: Path) -> tuple[Loaded, Vocabulary]:
    """The pretrained network that a run has kept, and its words."""
    found = launch.load(
        workdir,
        lambda saved: tasks.masked_language_model(BERTPretraining(network(**saved["options"]))),
    )
    return found, Vocabulary(tuple(found.description["words"]))


def whole(known: Vocabulary, words: Sequence[str]) -> np.ndarray:
    """`framed`, of a user's words. ValueError where there are none, or more than are read."""
    if not 1 <= len(words) <= LENGTH - 2:
        raise ValueError(f"a text of {len(words)} words; 1 to {LENGTH - 2} are read")
    return framed(known, words)


def fill(workdir: Path, text: str) -> str:
    """The likeliest words in the place of each [MASK]."""
    first, *others = (tokenizers.words(part) for part in text.split("[MASK]"))
    if not others:
        raise ValueError("there is no [MASK] in it")
    model, known = loaded(workdir)
    ids = whole(known, [*first, *(word for part in others for word in (MASK, *part))])
    logits = model.task.predict(model.params, {}, {"x": jnp.asarray(ids)[None]})["tokens"][0]
    lines = []
    for shares in np.asarray(jax.nn.softmax(logits))[ids == known.ids[MASK]]:
        best = np.argsort(-shares)[:LIKELIEST]
        lines.append(", ".join(f"{known.words[i]} {shares[i]:.2f}" for i in best))
    return "\n".join(lines)


def attend(workdir: Path, text: str) -> str:
    """A picture of what each word of a sentence looks at in the last layer, by head."""
    model, known = loaded(workdir)
    ids = whole(known, tokenizers.words(text))
    body = network(**model.description["options"])
    _, kept = body.apply(
        {"params": model.params["body"]}, jnp.asarray(ids)[None], mutable=["intermediates"]
    )
    last = kept["intermediates"]["stack"][f"layers_{body.depth - 1}"]
    # Words side by side would not be read: columns have the numbers of the rows.
    rows = [f"{word}  {i}" for i, word in enumerate(vocabulary.decode(known, ids))]
    columns = [str(i) for i in range(len(rows))]
    figure = alignments(
        [Alignment(head, rows, columns) for head in np.asarray(last["attention"]["weights"][0][0])],
        title="Attention of the last layer, by head", output_label="word", input_label="looks at",
    )  # fmt: skip
    path = workdir / "attend.png"
    path.write_bytes(report.to_png(figure))
    return str(path)
