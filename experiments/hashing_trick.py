"""A vocabulary without a list of words: hashed into how few buckets, at what price in accuracy?

From which of eight packages is a docstring: a linear model of its first words, with a row of
weights for each word of the training documents, or for each of 2^6 … 2^16 buckets that all words
are hashed to. A seed moves the hash function and the batches, the documents are the same; the rate
of each size is chosen on validation. The first claim is about tables of at least a quarter as many
buckets as words, the second about the smallest.

    python -m experiments.hashing_trick --workdir=runs/hashing_trick  # 0.6 minutes on 2 cores
"""

from collections.abc import Callable, Sequence

import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.launch import setting
from jaxdl.models import bag_of_words
from jaxdl.models.bag_of_words import BagOfWords
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task
from jaxdl.word_vectors import indexing

COST = "test accuracy with the list of words minus that with the hash"
CLAIMS = CHEAP, DEAR = (
    Claim("E1", "hashed words cost less than a point", COST, below=0.01, unit="points"),
    Claim("E1", "hashed words cost five points or more", COST, above=0.05, unit="points"),
)
SHORTEST, LENGTH, VALIDATION, TEST = 5, 64, 100, 150
QUARTER = 0.25
Documents = list[tuple[tuple[str, ...], int]]


class Config(launch.Config):
    """How many documents, and tables of which sizes."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    bits: tuple[int, ...] = setting(
        (6, 8, 10, 12, 14, 16), "Tables of 2^bits buckets.", low=1, high=20
    )
    documents: int = setting(350, "Documents of each package to train on, at most.", low=10)
    batch_size: int = setting(64, "Documents in a step.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


def load(config: Config) -> tuple[sweep.Data, list[str], list[str]]:
    """The data as a run takes it, the words of the training documents, and the packages."""
    rng = np.random.default_rng(0)
    parts: dict[str, Documents] = {"test": [], "validation": [], "train": []}
    found = documents.docstrings_by_package()
    for label, texts in enumerate(found.values()):
        texts = [texts[place] for place in rng.permutation(len(texts))]
        split = ([w for part in indexing.paragraphs(text) for w in part] for text in texts)
        longer = (tuple(words[:LENGTH]) for words in split if len(words) >= SHORTEST)
        kept = [(words, label) for words in dict.fromkeys(longer)]
        ends = np.cumsum([0, TEST, VALIDATION, config.documents])
        for name, start, end in zip(parts, ends[:-1], ends[1:], strict=True):
            parts[name] += kept[start:end]
    words = sorted({word for document, _ in parts["train"] for word in document})
    data = splits.in_batches({name: arrays(part, words) for name, part in parts.items()}, 300)
    return data, words, list(found)


def arrays(documents: Documents, words: Sequence[str]) -> dict[str, np.ndarray]:
    """x `[N, 2, T]`, numbers to hash and places in the list of words; y, the package."""
    ids = {word: place for place, word in enumerate(words)}
    hashes = [bag_of_words.hashes(document, LENGTH) for document, _ in documents]
    places = np.full((len(documents), LENGTH), bag_of_words.NO_WORD, np.int32)
    for row, (document, _) in zip(places, documents, strict=True):
        row[: len(document)] = [ids.get(word, bag_of_words.NO_WORD) for word in document]
    labels = np.array([label for _, label in documents], np.int32)
    return {"x": np.stack([np.stack(hashes), places], axis=1), "y": labels}


def salt(seed: int) -> int:
    """The odd number that makes a seed's hash function."""
    return int(np.random.default_rng(seed).integers(2**30)) * 2 + 1


def plan(config: Config) -> sweep.Plan:
    """Two programs: the list of words, and the hash, whose size is a number inside it."""
    data, words, packages = load(config)

    def program(size: int, place: Callable[[PyTree, Array], Array]) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            model = BagOfWords(size, len(packages), lambda x: place(hparams, x))
            return tasks.classification(model), adam(hparams["learning_rate"])

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def bucket(hparams: PyTree, x: Array) -> Array:
        return bag_of_words.buckets(x[:, 0], hparams["salt"], hparams["bits"])

    listed = program(len(words), lambda hparams, x: x[:, 1])
    programs = {"listed": listed, "hashed": program(2 ** max(config.bits), bucket)}
    trials = []
    for seed in range(config.seeds):
        for name, bits in (("listed", (0,)), ("hashed", config.bits)):
            points = sweep.grid(bits=bits, learning_rate=config.learning_rates, salt=[salt(seed)])
            trials += sweep.trials([name], points, [seed])
    return sweep.Plan(programs, trials, data)


def collisions(config: Config, words: list[str]) -> dict[int, float]:
    """By bits: how many of the words find their bucket taken, mean over the seeds."""
    numbers = bag_of_words.hashes(words, len(words))

    def taken(seed: int, bits: int) -> int:
        return len(words) - len(np.unique(bag_of_words.buckets(numbers, salt(seed), bits)))

    seeds = range(config.seeds)
    return {bits: float(np.mean([taken(seed, bits) for seed in seeds])) for bits in config.bits}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What each size costs against the list of words, seed by seed."""
    _, words, packages = load(config)
    tuned, size = stats.tune(results.frame(), "bits", "learning_rate"), len(words)
    cost = {bits: tuned.gain("test_accuracy", 0, bits) for bits in sorted(config.bits)}
    where = {bits: f"{2**bits:,} buckets for {size:,} words" for bits in cost}
    enough = {where[bits]: cost[bits] for bits in cost if 2**bits >= QUARTER * size}
    least = min(config.bits)
    claims = [*CHEAP.judge_each(enough), DEAR.judge(cost[least], where[least])]
    rates = tuned.selection.set_index("bits")["learning_rate"]
    taken = collisions(config, words)
    rows = [
        {
            "table": f"2^{bits}" if bits else "list of words",
            "rows": 2**bits if bits else size,
            "words that find their row taken": round(taken.get(bits, 0)),
            "expected": round(size - 2**bits * (1 - (1 - 2.0**-bits) ** size)) if bits else 0,
            "rate": f"{rates[bits]:g}",
            "test accuracy (%)": tuned.interval("test_accuracy", bits),
            "cost (points)": cost.get(bits),
        }
        for bits in [0, *reversed(cost)]
    ]
    caption = (
        f"{len(packages)} packages, {len(plan.data['train']['y']):,} documents to train on; means "
        "over seeds with 95 % intervals, each seed with a hash function of its own."
    )
    drawn = curves(config, tuned.trials.assign(panel=f"{len(packages)} packages"))
    section = Section("Accuracy by the number of buckets", (report.table(rows, caption), *drawn))
    return launch.Conclusion(claims, [section])


def curves(config: Config, trials: pd.DataFrame) -> list[report.Picture]:
    """Accuracy along the size of the table; that of the list of words is a level."""
    hashed, listed = trials[trials["bits"] > 0], trials[trials["bits"] == 0]
    levels = (listed.assign(words="listed", buckets=2.0**bits) for bits in config.bits)
    drawn = pd.concat(
        [hashed.assign(words="hashed", buckets=2.0 ** hashed["bits"]), *levels], ignore_index=True
    )
    return report.along(
        drawn, "buckets", "test_accuracy", panel="panel", line="words",
        title="Docstrings to their packages, words hashed into buckets",
        x_label="buckets (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
