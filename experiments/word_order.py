"""Does the order of words reach a network? Concatenated embeddings against sums and means.

Windows of five successive frequent words of the docstrings, each with a twin: the same words in
another order, drawn once. Which one is genuine is learned from the embeddings of the words:
concatenated, summed, their mean (CBOW), their mean with weights 1 … 5 (weighted CBOW), or the inner
three concatenated with the mean of the outer two behind them (hybrid), with the same hidden layer
on top. The test has windows of other documents, each with its twin, so that chance is one half. A
seed moves the initialization and the batches; the rate of each combination is chosen on validation.

    python -m experiments.word_order --workdir=runs/word_order  # 0.5 minutes on 2 cores
"""

import functools
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.launch import setting
from jaxdl.layers import embedding
from jaxdl.models import WindowNetwork
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array
from jaxdl.word_vectors import indexing

WINDOW, EVALUATED, HALF_A_POINT = 5, 2000, 0.005
CLAIMS = LEARNED, GUESSED, IN_PART = (
    Claim("E3", "concatenation learns the order of words, which the sum cannot",
          "test accuracy with concatenation minus that with the sum", above=0.1, unit="points"),
    Claim("E3", "the order of words is a guess in most seeds",
          f"share of seeds whose test accuracy is within {HALF_A_POINT:g} of one half", above=0.5,
          unit="%"),
    Claim("E3", "a hybrid window learns of the order of words what the sum cannot",
          "test accuracy with the hybrid minus that with the sum", above=0.1, unit="points"),
)  # fmt: skip
Combination = Callable[[Array, Array], Array]


class Config(launch.Config):
    """How many windows, of which words, and the network on top."""

    steps: int = setting(3000, "Training steps of each trial.", low=1)
    seeds: int = setting(6, "Seeds of each setting.", low=1)
    documents: int = setting(4000, "Docstrings to take windows from.", low=100)
    words: int = setting(2000, "Most frequent words; a window has no others.", low=10)
    features: int = setting(16, "Numbers in an embedding.", low=1)
    hidden: int = setting(64, "Units of the hidden layer.", low=1)
    batch_size: int = setting(64, "Windows and twins in a step.", low=2)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, help="Rates of Adam to try.")


def combinations() -> dict[str, Combination]:
    """`(vectors, mask) -> one vector`, by name."""
    weights = jnp.arange(1.0, WINDOW + 1)
    return {
        "concatenation": embedding.concatenation,
        "sum": embedding.total,
        "mean": embedding.mean,
        "weighted mean": functools.partial(embedding.weighted_mean, weights=weights),
        "hybrid": functools.partial(embedding.hybrid, near=range(1, WINDOW - 1)),
    }


def load(config: Config) -> tuple[sweep.Data, int]:
    """Windows and twins, side by side, and of how many words; y is 1 for the genuine one."""
    rng = np.random.default_rng(0)
    texts = documents.sample(documents.docstrings(), config.documents, rng)
    parts = documents.split(texts)._asdict()
    words = indexing.index(parts["train"]).words[: config.words]
    known = set(words)
    data = {}
    for name, part in parts.items():
        spelled = [
            run[start : start + WINDOW]
            for text in part
            for run in indexing.paragraphs(text)
            for start in range(0, len(run) - WINDOW + 1, WINDOW)
            if known.issuperset(run[start : start + WINDOW])
        ]
        windows = np.stack(indexing.encode(spelled, words))
        windows = windows[rng.permutation(len(windows))]
        if name != "train":
            windows = windows[:EVALUATED]
        twins = rng.permuted(windows, axis=1)
        both = np.stack([windows, twins], axis=1)[(windows != twins).any(axis=1)]
        y = np.tile(np.array([1, 0], np.int32), len(both))
        data[name] = {"x": both.reshape(-1, WINDOW), "y": y}
    return splits.in_batches(data, 500), len(words)


def plan(config: Config) -> sweep.Plan:
    """One program a combination; the rate is a number inside it."""
    data, words = load(config)

    def program(combine: Combination) -> sweep.Run:
        model = WindowNetwork(words, config.features, config.hidden, 2, combine)
        build = sweep.by_rate(tasks.classification(model), adam)
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (program(combine), points) for name, combine in combinations().items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="combination")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Test accuracy by combination, at the rates that other seeds chose."""
    tuned = stats.tune(results.frame(), "combination", "learning_rate")
    seeds = tuned.scores("test_accuracy")
    guessed = abs(seeds - 0.5) <= HALF_A_POINT
    claims = [LEARNED.judge(tuned.gain("test_accuracy", "concatenation", "sum"))]
    for name in ("sum", "mean"):
        claims.append(GUESSED.judge(stats.proportion_of(guessed[name]), f"by the {name}"))
    claims.append(IN_PART.judge(tuned.gain("test_accuracy", "hybrid", "sum")))
    picture, table = report.shares(
        {"test accuracy": {name: seeds[name] for name in plan.programs}},
        title="Five words in their order, or shuffled: who can tell?",
        caption=f"{len(plan.data['train']['y']) // 2:,} windows and their twins to train on; means "
        f"over seeds and 95 % intervals, {report.CHOSEN}: {report.chosen_values(tuned)}.",
        row="combination",
        examples={"test accuracy": int(plan.data["test"]["mask"].sum())},
        chance=0.5,
    )
    return launch.Conclusion(claims, [Section("Genuine or shuffled", (table, picture))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
