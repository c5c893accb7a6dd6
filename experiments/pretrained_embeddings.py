"""Word vectors for a few labels: learned from scratch, taken from unlabelled text, or tuned on.

From which of eight packages is a docstring: a linear layer on the mean of the vectors of its first
words, with 100, 300 or 1000 labels. The vectors are random and trained; or learned beforehand by
skip-gram with negative sampling on other docstrings, without their labels, and then frozen, or
trained further. Tables begin with one standard deviation. A seed moves the labelled documents, the
initialization and the batches; the rate is chosen on validation in each cell.

Claims: with 100 labels, frozen vectors are 5 points of test accuracy or more above random ones that
are trained, and so are tuned ones; with 1000 labels, tuned ones are a point above frozen ones.

Command: python -m experiments.pretrained_embeddings --workdir=runs/pretrained_embeddings
Minutes: 0.6 on 2 cores.
Last result: 2026-11-21, 2-core Xeon, jax 0.10.2, 36 s, points of accuracy: 100 labels, frozen
above random 6.5 [5.0, 8.1], inconclusive, and tuned above random 0.6 [-0.1, 1.2], fails; 1000
labels, tuned above frozen 8.8 [7.9, 9.7], holds (62.3 %, random 60.9 %). Frozen vectors need a rate
of 0.1; a run before, whose rates ended at 0.03, had them 2.6 [0.5, 4.7] above random.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(300, "Training steps of each trial.", low=1),
    "seeds": Field(10, "Seeds of each setting.", low=1),
    "words": Field(1_500_000, "Words to learn vectors from.", low=1000),
    "epochs": Field(3, "Times that skip-gram goes through them.", low=1),
    "vocabulary": Field(4000, "Words that have a vector.", low=10),
    "dimensions": Field(50, "Numbers of a vector.", low=1),
    "learning_rates": Field((3e-3, 1e-2, 3e-2, 0.1, 0.3), "Rates of Adam to try.", low=1e-12),
}
LABELS, LENGTH, BATCH, EACH, HELD_OUT = (100, 300, 1000), 40, 50, 125, 75
SPREAD, STEP = 0.3, 0.05
RANDOM, FROZEN, TUNED = "random", "frozen", "tuned"
CLAIMS = {
    (100, FROZEN, RANDOM): 0.05,
    (100, TUNED, RANDOM): 0.05,
    (1000, TUNED, FROZEN): 0.01,
}
"""With so many labels, what should win, against what, and by how much."""


def load(config: Any) -> tuple[dict[str, Any], list[Any], Any]:
    """Labelled documents as a run takes them, the ids of unlabelled ones, the vocabulary."""
    import numpy as np

    from jaxdl.data import batches
    from jaxdl.data.sources import documents
    from jaxdl.data.text import tokenizers, vocabulary

    rng = np.random.default_rng(0)
    parts: dict[str, list[Any]] = {"test": [], "validation": [], "train": [], "others": []}
    for label, texts in enumerate(documents.docstrings_by_package().values()):
        texts = [texts[place] for place in rng.permutation(len(texts))]
        ends = np.cumsum([0, 2 * HELD_OUT, HELD_OUT, EACH, len(texts)])
        for name, start, end in zip(parts, ends[:-1], ends[1:], strict=True):
            parts[name] += [(text, label) for text in texts[start:end]]
    others = [parts["others"][place][0] for place in rng.permutation(len(parts["others"]))]
    tokens, left = [], config.words
    for text in others:
        tokens.append(tokenizers.words(text)[:left])
        left -= len(tokens[-1])
        if not left:
            break
    known = vocabulary.build((word for words in tokens for word in words), config.vocabulary)
    data: dict[str, Any] = {}
    for name in ("train", "validation", "test"):
        x = np.zeros((len(parts[name]), LENGTH), np.int32)
        for row, (text, _) in zip(x, parts[name], strict=True):
            ids = vocabulary.encode(known, tokenizers.words(text)[:LENGTH])
            row[: len(ids)] = ids
        arrays = {"x": x, "y": np.array([label for _, label in parts[name]], np.int32)}
        data[name] = arrays if name == "train" else batches.padded_batches(arrays, 300)
    return data, [vocabulary.encode(known, words) for words in tokens], known


def learned(config: Any, sentences: list[Any], size: int) -> Any:
    """Word vectors `[V, D]` by skip-gram with negative sampling, with the spread of random ones."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl.word_vectors import windows, word2vec

    counts = np.bincount(np.concatenate(sentences), minlength=size)
    keep = windows.keep_probabilities(counts)
    corpus = windows.corpus(sentences, size)
    noise = windows.noise_probabilities(counts)
    method, sizes = word2vec.skip_gram(word2vec.negative_sampling(noise)), word2vec.Plan()
    steps = sizes.steps(windows.kept_at_most(np.asarray(corpus.words), keep))

    @jax.jit
    def epoch(params: Any, corpus: Any, keep: Any, key: Any, rates: Any) -> Any:
        return word2vec.epoch(method, sizes, params, corpus, keep, key, rates)

    params: Any = word2vec.vectors(jax.random.key(0), method, size, config.dimensions)
    rates = STEP * jnp.linspace(1, 0, config.epochs * steps, endpoint=False)
    for number, some in enumerate(rates.reshape(config.epochs, steps)):
        params = epoch(params, corpus, keep, jax.random.key(number + 1), some)
    table = np.asarray(params["input"])
    return SPREAD * table / table.std()


def plan(config: Any) -> launch.Plan:
    """One program a kind of table; the number of labels is a number inside it."""
    import flax.linen as nn

    from jaxdl import sweep
    from jaxdl.layers.embedding import Embedding, FrozenEmbedding, pretrained

    data, sentences, known = load(config)
    shape = (len(known), config.dimensions)
    ready = pretrained(learned(config, sentences, len(known)))
    tables = {
        RANDOM: Embedding(*shape, nn.initializers.normal(SPREAD)),
        FROZEN: FrozenEmbedding(*shape, ready),
        TUNED: Embedding(*shape, ready),
    }
    programs = {name: _run(config, table, data) for name, table in tables.items()}
    settings = sweep.grid(labels=LABELS, learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    return launch.Plan(programs, trials, data, segments=1)


def _run(config: Any, table: Any, data: Any) -> Any:
    import jax.numpy as jnp

    from jaxdl import keys, sweep, tasks
    from jaxdl.data import batches
    from jaxdl.models import Bag, TextClassifier
    from jaxdl.optimizers import adam

    classes = int(data["train"]["y"].max()) + 1
    task = tasks.classification(TextClassifier(table, Bag(), classes))

    def build(hparams: dict[str, Any]) -> Any:
        return task, adam(hparams["learning_rate"])

    run = sweep.make_run(build, steps=config.steps, batch_size=BATCH)

    def advance(hparams: Any, state: Any, data: Any) -> Any:
        count = len(data["train"]["y"])
        drawn = batches.permutation(keys.named(state.key, "labelled"), count)
        # The labelled examples over and over, so that their number need not change the program.
        rows = drawn[jnp.arange(count) % hparams["labels"].astype(jnp.int32)]
        return run.advance(hparams, state, {**data, "train": batches.take(data["train"], rows)})

    return run._replace(advance=advance)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Accuracy by table and number of labels, at the rates that other seeds chose."""
    from jaxdl import report, stats

    frame = results.to_pandas().assign(task="eight packages")
    by = ["program", "labels"]
    best = stats.select(frame, by, "learning_rate", "validation_accuracy", "max")
    chosen = stats.chosen_trials(frame, best, [*by, "learning_rate"])
    seeds = chosen.astype({"test_accuracy": float}).pivot(
        index="seed", columns=["labels", "program"], values="test_accuracy"
    )
    claims = [
        report.judge("E2", f"with {labels} labels, {ours} vectors are better than {rival} ones",
                     f"paired difference in test accuracy, {ours} minus {rival}", "1", threshold,
                     stats.paired_interval(seeds[labels, ours], seeds[labels, rival]), "above")
        for (labels, ours, rival), threshold in CLAIMS.items()
    ]  # fmt: skip
    rows, examples = [], int(plan.data["test"]["mask"].sum())
    for (labels, program), group in chosen.groupby(["labels", "program"], sort=False):
        over = stats.mean_interval(seeds[labels, program], "share", examples=examples)
        bounds = report.between(over.low, over.high, report.percent)
        rates = report.distinct(group["learning_rate"])
        rows.append((f"{labels:g}", str(program), rates, report.percent(over.mean), bounds))
    rows.sort(key=lambda row: int(row[0]))
    header = ("labels", "vectors", "rate", "test accuracy (%)", "95 % interval")
    caption = f"Means over seeds and their 95 % intervals, {report.CHOSEN}."
    table = report.Table(header, tuple(rows), frozenset({0, 2, 3, 4}), caption)
    report.show(table)
    figure = report.training_curves(
        chosen.rename(columns={"program": "vectors"}),
        x="labels",
        y="test_accuracy",
        panel="task",
        line="vectors",
        x_label="labelled documents",
        y_label="test accuracy (1)",
        y_scale="linear",
        title="What vectors of unlabelled text are worth",
    )
    picture = report.Picture("labels", report.to_png(figure), "Test accuracy by labels")
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    section = report.Section("Accuracy by labels and vectors", (picture, table))
    return launch.Conclusion(claims, [section], headline)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
