"""Counting or learning: n-gram models against a neural network that sees the same words before.

Documentation in words: of the n − 1 words before, the next one is predicted by an interpolated
n-gram model with Kneser–Ney smoothing, its discount chosen on validation for every n, and by
Bengio's network, its rate chosen there too. Both see the same training documents, and a word
outside the vocabulary is one and the same unknown word to both. Then by a mixture of the two, λ of
the network and 1 − λ of the counts, λ chosen on validation. A seed moves the network's
initialization and batches. It passes over the text five times; of 180,000 words seven passes were
hardly better than two, by a look at seeds 0 and 1, which are judged too. Equal documents are in one
part only, but passages of documentation repeat each other word for word across documents; how many
is in the report.

    python -m experiments.ngram_vs_neural --workdir=runs/ngram_vs_neural  # 4 minutes on 2 cores
    # Four times the text and five times the steps, 20 minutes:
    python -m experiments.ngram_vs_neural --config.full=true --workdir=runs/ngram_vs_neural_full
"""

import math

import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from flax import linen as nn

from jaxdl import launch, losses, metrics, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.data.text import tokenizers, vocabulary
from jaxdl.launch import setting
from jaxdl.models import WindowNetwork, ngram
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.report.tables import Cell
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

CLAIMS = NETWORK, MIXTURE = (
    Claim("E4", "the network beats the n-gram model",
          "bits of the n-gram model minus those of the network", above=0.05, unit="bit a word"),
    Claim("E4", "the mixture beats the n-gram model",
          "bits of the n-gram model minus those of the mixture", above=0.05, unit="bit a word"),
)  # fmt: skip
DISCOUNTS = (0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


class Config(launch.Config):
    """How many words before are seen, and the text and the network."""

    steps: int = setting(9000, "Training steps of each trial.", low=1)
    seeds: int = setting(3, "Seeds of each setting.", low=1)
    batch_size: int = setting(256, "Words predicted in a step.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 6e-3)
    orders: tuple[int, ...] = setting(
        (2, 3, 5), "n of the n-grams; the network sees n − 1 words.", low=2, high=5
    )
    vocabulary: int = setting(2000, "Words, the special ones among them.", low=10)
    words: int = setting(500_000, "Words of documentation to use.", low=10_000)
    full: bool = setting(False, "A long run: four times the words and five times the steps.")
    features: int = setting(32, "Numbers in a word's vector.", low=1)
    hidden: int = setting(128, "Units of the hidden layer.", low=1)


Counted = tuple[float, dict[str, np.ndarray]]
"""Of an n-gram model: the discount, and log p in nats of every word of validation and test."""


def trained(config: Config) -> int:
    """Steps of a trial."""
    return config.steps * (5 if config.full else 1)


def texts(config: Config) -> documents.Documents:
    """Train, validation and test: whole documents in an order that mixes the packages."""
    found = documents.docstrings()
    kept, size = [], 0
    for text in documents.sample(found, len(found), np.random.default_rng(0)):
        if (size := size + len(tokenizers.words(text))) > config.words * (4 if config.full else 1):
            break
        kept.append(text)
    return documents.split(kept)


def windows(config: Config) -> tuple[dict[str, np.ndarray], int]:
    """Every word behind as many as the longest context has, `[M, n]` a part, and the vocabulary's
    size; documents begin with <start> and end with <end>.
    """
    parts = {
        name: [tokenizers.words(text) for text in part]
        for name, part in texts(config)._asdict().items()
    }
    known = vocabulary.build((w for text in parts["train"] for w in text), config.vocabulary)
    ids = {
        name: [vocabulary.framed(vocabulary.encode(known, text))[1:] for text in part]
        for name, part in parts.items()
    }
    order, start = max(config.orders), vocabulary.START
    return {name: ngram.windows_of(part, order, start) for name, part in ids.items()}, len(known)


def n_grams(config: Config, parts: dict[str, np.ndarray], size: int) -> dict[int, Counted]:
    """The model of each n, at the discount best on validation."""
    found = {}
    for n in config.orders:
        own = {name: windows[:, -n:] for name, windows in parts.items()}
        counts = ngram.fit(own.pop("train"), size)
        best = ngram.best_discount(counts, own["validation"], DISCOUNTS)
        found[n] = best, {name: ngram.kneser_ney(counts, own[name], best) for name in own}
    return found


def plan(config: Config) -> sweep.Plan:
    """One program; n, rate and seed are numbers inside it."""
    parts, size = windows(config)
    arrays: dict[str, dict[str, np.ndarray]] = {
        name: {"x": rows[:, :-1].astype(np.int32), "y": rows[:, -1].astype(np.int32)}
        for name, rows in parts.items()
    }
    counted = n_grams(config, parts, size)
    for name in ("validation", "test"):
        columns = np.zeros((len(parts[name]), max(config.orders)), np.float32)
        for n, (_, model) in counted.items():
            columns[:, n - 1] = model[name]
        arrays[name]["counted"] = columns
    network, steps = WindowNetwork(size, config.features, config.hidden, size), trained(config)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(steps))
        return shortened(network, hparams["n"] - 1), adam(rate)

    run = sweep.make_run(build, steps=steps, batch_size=config.batch_size)
    points = sweep.grid(n=config.orders, learning_rate=config.learning_rates)
    data = splits.in_batches(arrays, config.batch_size)
    return sweep.plan({"network": (run, points)}, data, seeds=config.seeds)


def shortened(model: nn.Module, context: Array) -> Task:
    """Classification of the next word from the last words alone, with the losses of mixtures.

    What stands further away is <start> in every example: a constant, which adds to the biases.
    Evaluation batches have `counted [B, n]`, log p of the word by counts of 1 … n words.
    """

    def cut(batch: Batch) -> Batch:
        x = batch["x"]
        far = x.shape[1] - jnp.arange(x.shape[1]) > context
        return {**batch, "x": jnp.where(far[None], vocabulary.START, x)}

    task = tasks.on(cut, tasks.classification(model))

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        value, (after, found) = task.loss(params, model_state, batch, key, train=train)
        if not train:
            logits = task.predict(params, model_state, batch)
            learned = -losses.softmax_cross_entropy(logits, batch["y"])
            counted = batch["counted"][:, jnp.asarray(context, jnp.int32)]
            for share in SHARES:
                mixed = jnp.logaddexp(jnp.log(share) + learned, jnp.log1p(-share) + counted)
                found = {**found, f"mixture_{share}": metrics.mean(-mixed, batch["mask"])}
        return value, (after, found)

    return task._replace(loss=loss)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Bits a word on test of counts, network and mixture, everything chosen on validation."""
    tuned = stats.tune(results.frame(), "n", "learning_rate", "validation_loss")
    parts, size = windows(config)
    bits: dict[int, pd.DataFrame] = {}
    rows: list[dict[str, Cell]] = []
    for n, (discount, model) in n_grams(config, parts, size).items():
        mine = tuned.of(n).set_index("seed").sort_index()
        tried = mine[[f"validation_mixture_{share}" for share in SHARES]].mean()
        share = SHARES[int(tried.fillna(math.inf).to_numpy().argmin())]
        nats = {"network": mine["test_loss"], "mixture": mine[f"test_mixture_{share}"]}
        bits[n] = pd.DataFrame(nats) / math.log(2)
        bits[n].insert(0, "counts", ngram.bits(model["test"]))
        means = {str(name): report.number(bits[n][name].mean(skipna=False), 4) for name in bits[n]}
        chosen: dict[str, Cell] = {
            "discount": discount,
            "rate": report.distinct(mine["learning_rate"]),
        }
        rows.append({"n": n, **means, **chosen, "λ of the network": share})

    def gains(name: str) -> dict[str, stats.Interval]:
        differences = {n: own["counts"] - own[name] for n, own in bits.items()}
        return {f"n = {n}": stats.mean_interval(found) for n, found in differences.items()}

    claims = [*NETWORK.judge_each(gains("network")), *MIXTURE.judge_each(gains("mixture"))]
    blocks = (curves(bits), report.table(rows, caption(config, parts)))
    return launch.Conclusion(claims, [Section("By the words before", blocks)])


def caption(config: Config, parts: dict[str, np.ndarray]) -> str:
    """What the table shows, of how many words, how many unknown and in repeated paragraphs."""
    found = texts(config)
    seen = {paragraph for text in found.train for paragraph in documents.paragraphs(text)}
    tested = [paragraph for text in found.test for paragraph in documents.paragraphs(text)]
    repeated = sum(len(text) for text in tested if text in seen) / sum(map(len, tested))
    unknown = float((parts["test"][:, -1] == vocabulary.UNKNOWN).mean())
    words = len(parts["train"])
    return (
        f"Test bits a word, of the network means over {config.seeds} seeds, {report.CHOSEN}; "
        f"discount and λ chosen there too. {words:,} words to train on, which the network passes "
        f"over {trained(config) * config.batch_size / words:.2g} times, {len(parts['test']):,} to "
        f"test on; {report.percent(unknown, 0)} % of these are unknown words. "
        f"{report.percent(repeated, 0)} % of the test documents' text is in paragraphs that stand "
        "word for word in training documents."
    )


def curves(bits: dict[int, pd.DataFrame]) -> Picture:
    """Bits a word of all models against n; of each n a row per seed, a column per model."""
    long = pd.concat(bits, names=["n"]).melt(
        var_name="model", value_name="bits", ignore_index=False
    )
    return report.profile(
        long.reset_index(),
        "n",
        "bits",
        line="model",
        title="Prediction of the next word from n − 1 words",
        x_label="n",
        y_label="test cross-entropy (bits a word)",
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
