"""Word vectors for a few labels: learned from scratch, taken from unlabelled text, or tuned on.

From which of eight packages is a docstring: a linear layer on the mean of the vectors of its first
words, with 100, 300 or 1000 labels. The vectors are random and trained; or learned beforehand by
skip-gram with negative sampling on other docstrings, without their labels, and then frozen, or
trained further; or there are none, and a word is one of 4000, like no other. Tables begin with one
standard deviation. A seed moves the labelled documents, the initialization and the batches; the
rate is chosen on validation in each cell. Frozen vectors need far higher rates than trained ones.

    # 1 minute on 2 cores
    python -m experiments.pretrained_embeddings --workdir=runs/pretrained_embeddings
"""

import flax.linen as nn
import numpy as np

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.data.text import tokenizers, vocabulary
from jaxdl.data.text.vocabulary import PAD, Vocabulary
from jaxdl.initializers import Initializer
from jaxdl.launch import setting
from jaxdl.layers.embedding import Embedding, FrozenEmbedding, mean, pretrained
from jaxdl.models import Bag, TextClassifier
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array
from jaxdl.word_vectors import training

CLAIMS = FROZEN_WINS, TUNED_WINS, TUNING_PAYS, LIKENESS_PAYS = (
    Claim("E2", "with 100 labels, frozen vectors are better than random ones",
          "paired difference in test accuracy, frozen minus random", above=0.05, unit="points"),
    Claim("E2", "with 100 labels, tuned vectors are better than random ones",
          "paired difference in test accuracy, tuned minus random", above=0.05, unit="points"),
    Claim("E2", "with 1000 labels, tuned vectors are better than frozen ones",
          "paired difference in test accuracy, tuned minus frozen", above=0.01, unit="points"),
    Claim("E1", "with 100 labels, frozen vectors are better than one-hot words",
          "paired difference in test accuracy, frozen minus one-hot", above=0.05, unit="points"),
)  # fmt: skip
LABELS, LENGTH, BATCH, EACH, HELD_OUT = (100, 300, 1000), 40, 50, 125, 75
SPREAD = 0.3
RANDOM, FROZEN, TUNED, ONE_HOT = "random", "frozen", "tuned", "one-hot"


class Texts(launch.Config):
    """The unlabelled words, and their vectors."""

    words: int = setting(1_500_000, "Words to learn vectors from.", low=1000)
    epochs: int = setting(3, "Times that skip-gram goes through them.", low=1)
    vocabulary: int = setting(4000, "Words that have a vector.", low=10)
    dimensions: int = setting(50, "Numbers of a vector.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2, 0.1, 0.3)


class Config(Texts):
    """The unlabelled words, their vectors, and the training with labels."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds of each setting.", low=1)


class OneHot(nn.Module):
    """Logits of the mean of the words' one-hot vectors: ids `[B, T]` to `[B, classes]`."""

    words: int
    classes: int

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        # A product with a one-hot vector is a row of the matrix.
        rows = Embedding(self.words, self.classes, nn.initializers.zeros)(x)
        bias = self.param("bias", nn.initializers.zeros, (self.classes,))
        return mean(rows, x != PAD) + bias[None]


def load(config: Texts) -> tuple[dict[str, dict[str, np.ndarray]], list[np.ndarray], Vocabulary]:
    """Labelled documents by split, ids of unlabelled ones, and the words."""
    rng = np.random.default_rng(0)
    parts: dict[str, list[tuple[str, int]]] = {
        name: [] for name in ("test", "validation", "train", "others")
    }
    for label, found in enumerate(documents.docstrings_by_package().values()):
        texts = documents.sample(found, len(found), rng)
        ends = np.cumsum([0, 2 * HELD_OUT, HELD_OUT, EACH, len(texts)])
        for name, start, end in zip(parts, ends[:-1], ends[1:], strict=True):
            parts[name] += [(text, label) for text in texts[start:end]]
    others, left, tokens = parts.pop("others"), config.words, []
    for text, _ in documents.sample(others, len(others), rng):
        tokens.append(tokenizers.words(text)[:left])
        left -= len(tokens[-1])
        if not left:
            break
    known = vocabulary.build((word for words in tokens for word in words), config.vocabulary)
    data = {}
    for name, part in parts.items():
        x = vocabulary.rows(known, (tokenizers.words(text) for text, _ in part), LENGTH)
        data[name] = {"x": x, "y": np.array([label for _, label in part], np.int32)}
    sentences = [vocabulary.encode(known, words) for words in tokens]
    return data, sentences, known


def vectors(config: Texts, sentences: list[np.ndarray], size: int) -> Initializer:
    """Of so many words, by skip-gram on sentences of ids; one standard deviation is `SPREAD`."""
    found = training.skip_gram_vectors(sentences, size, config.dimensions, epochs=config.epochs)
    return pretrained(SPREAD * found / found.std())


def plan(config: Config) -> sweep.Plan:
    """One program a kind of table; the number of labels is a number inside it."""
    parts, sentences, known = load(config)
    data, size = splits.in_batches(parts, 300), len(known)
    ready = vectors(config, sentences, size)
    tables = {
        RANDOM: Embedding(size, config.dimensions, nn.initializers.normal(SPREAD)),
        FROZEN: FrozenEmbedding(size, config.dimensions, ready),
        TUNED: Embedding(size, config.dimensions, ready),
    }
    classes = int(data["train"]["y"].max()) + 1
    points = sweep.grid(labels=LABELS, learning_rate=config.learning_rates)

    def run(model: nn.Module) -> sweep.Run:
        task = tasks.classification(model)
        run = sweep.make_run(sweep.by_rate(task, adam), steps=config.steps, batch_size=BATCH)
        return sweep.few_labels(run)

    models = {name: TextClassifier(table, Bag(), classes) for name, table in tables.items()}
    programs = {name: (run(model), points) for name, model in models.items()}
    programs[ONE_HOT] = run(OneHot(size, classes)), points
    return sweep.plan(programs, data, seeds=config.seeds)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by table and number of labels, at the rates that other seeds chose."""
    frame = results.frame().rename(columns={"program": "vectors"})
    frame = frame.assign(labels=frame["labels"].astype(int))
    frame = frame.sort_values("labels", kind="stable", ignore_index=True)
    tuned = stats.tune(frame, ("labels", "vectors"), "learning_rate")
    few, many = LABELS[0], LABELS[-1]
    claims = [
        FROZEN_WINS.judge(tuned.gain("test_accuracy", (few, FROZEN), (few, RANDOM))),
        TUNED_WINS.judge(tuned.gain("test_accuracy", (few, TUNED), (few, RANDOM))),
        TUNING_PAYS.judge(tuned.gain("test_accuracy", (many, TUNED), (many, FROZEN))),
        LIKENESS_PAYS.judge(tuned.gain("test_accuracy", (few, FROZEN), (few, ONE_HOT))),
    ]
    picture = report.along(
        tuned.trials, "labels", "test_accuracy", line="vectors",
        title="What vectors of unlabelled text are worth",
        x_label="labelled documents (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=RANDOM)
    section = Section("Accuracy by labels and vectors", (*picture, table))
    return launch.Conclusion(claims, [section])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
