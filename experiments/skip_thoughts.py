"""Skip-thought vectors: what predicts the sentences around a sentence, does it know its kin?

A GRU reads a sentence of the docstrings of the installed packages; from its last state two more
tell the sentences before and after it. Then sentences of held-out docstrings: how often is the one
with the nearest vector (cosine) of the same docstring? Beside it an untrained network, the
mean of the word vectors that it has learned, and tf-idf. A seed moves the initialization and the
batches, not the sentences of the test; the baselines see the same words, all others as one unknown.

Claims: the nearest sentence is of the same docstring 5 points more often than by chance; 2 points
more often than by an untrained network; more often than by tf-idf.

Command: python -m experiments.skip_thoughts --workdir=runs/skip_thoughts
Then: python -m experiments.skip_thoughts --workdir=runs/skip_thoughts --similar="Sort an array."
Minutes: 1.5 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 162 s), jax 0.10.2. The nearest sentence is of the
same docstring for 7.8 % of sentences: 7.4 points [6.5, 8.3] above chance and 3.9 [3.3, 4.4] above
an untrained network, both hold; 13.5 points [12.6, 14.4] below tf-idf (21.3 %), fails. The mean of
random word vectors has 7.1 %: words in common tell kin, and so little training adds little to them.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(700, "Training steps of each trial.", low=1),
    "seeds": Field(4, "Seeds.", low=1),
    "documents": Field(6000, "Docstrings to use, at most.", low=100),
    "batch_size": Field(64, "Sentences in a step.", low=1, high=64),
    "vocabulary": Field(1200, "Words; all others are one unknown word.", low=10),
    "length": Field(15, "Words of a sentence that are read and told.", low=1),
    "width": Field(96, "Units of the encoder and the decoders.", low=1),
    "learning_rate": Field(5e-3, "Peak rate of Adam.", low=1e-12),
    "clip": Field(1.0, "Largest norm of a step's gradient.", low=1e-6),
}
SHORTEST, SHOWN, NEAREST = 5, 6, 3
ABOVE_CHANCE, ABOVE_UNTRAINED = 0.05, 0.02


def texts(config: Any) -> dict[str, list[list[str]]]:
    """Train, validation and test: docstrings of two sentences or more, no sentence twice."""
    import numpy as np

    from jaxdl.data.sources import documents, sentences
    from jaxdl.data.text import tokenizers

    found: list[list[str]] = []
    seen: set[str] = set()
    for text in documents.docstrings():
        kept = [
            sentence
            for sentence in sentences.prose(text)
            if sentence not in seen and len(tokenizers.words(sentence)) >= SHORTEST
        ]
        seen.update(kept)
        found += [kept] if len(kept) > 1 else []
    order = np.random.default_rng(0).permutation(len(found))[: config.documents]
    joined = {"\n".join(found[place]): found[place] for place in order}
    parts = documents.split(list(joined))
    return {name: [joined[text] for text in part] for name, part in parts._asdict().items()}


def load(parts: dict[str, list[list[str]]], config: Any) -> tuple[dict[str, Any], Any]:
    """The sentences with their neighbours as a run takes them, and the vocabulary."""
    from jaxdl.data import batches
    from jaxdl.data.sources import sentences
    from jaxdl.data.text import tokenizers, vocabulary

    tokens = {
        name: [[tokenizers.words(sentence) for sentence in document] for document in part]
        for name, part in parts.items()
    }
    spoken = (word for document in tokens["train"] for words in document for word in words)
    known = vocabulary.build(spoken, config.vocabulary)
    data: dict[str, Any] = {}
    for name, part in tokens.items():
        ids = [[vocabulary.encode(known, words) for words in document] for document in part]
        arrays = sentences.neighbours(ids, config.length)
        data[name] = arrays if name == "train" else batches.padded_batches(arrays, 64)
    return data, known


def network(vocabulary: int, width: int) -> Any:
    """The model, from plain numbers."""
    from jaxdl.models import SkipThought

    return SkipThought(vocabulary, width, width)


def plan(config: Any) -> launch.Plan:
    """One program; its evaluation draws another network, which is measured untrained."""
    import optax

    from jaxdl import keys, sweep
    from jaxdl.optimizers import adam, schedules
    from jaxdl.tasks import skip_thought

    data, known = load(texts(config), config)
    task = skip_thought(network(len(known), config.width))

    def build(hparams: dict[str, Any]) -> Any:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
        return task, optax.chain(optax.clip_by_global_norm(config.clip), adam(rate))

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def evaluate(hparams: Any, state: Any, data: Any) -> dict[str, Any]:
        first = {name: array[:1] for name, array in data["train"].items()}
        fresh = task.init(keys.named(state.key, "untrained"), first)[0]
        untrained = {f"{name}_untrained": v for name, v in _kin(task, fresh, data).items()}
        return run.evaluate(hparams, state, data) | _kin(task, state.params, data) | untrained

    settings = sweep.grid(learning_rate=[config.learning_rate])
    trials = sweep.trials(["skip-thought"], settings, range(config.seeds))
    return launch.Plan(
        {"skip-thought": run._replace(evaluate=evaluate)},
        trials,
        data,
        segments=1,
        keep_states=True,
    )


def _kin(task: Any, params: Any, data: Any) -> dict[str, Any]:
    """Shares of test sentences whose nearest one is of their document, by vectors and by words."""
    import jax.numpy as jnp

    from jaxdl import similarity
    from jaxdl.data.text.vocabulary import PAD
    from jaxdl.layers import embedding

    flat = {name: array.reshape(-1, *array.shape[2:]) for name, array in data["test"].items()}
    of_words = params["encoder"]["embedding"]["embedding"][flat["x"]]
    vectors = {
        "kin": task.predict(params, {}, {"x": flat["x"]}),
        "kin_of_words": embedding.mean(of_words, jnp.asarray(flat["x"] != PAD, jnp.float32)),
    }
    found = {}
    others = (flat["mask"] > 0)[None] & ~jnp.eye(len(flat["mask"]), dtype=bool)
    for name, values in vectors.items():
        unit = similarity.unit(values)
        nearest = jnp.where(others, unit @ unit.T, -jnp.inf).argmax(axis=1)
        same = (flat["document"][nearest] == flat["document"]) * flat["mask"]
        found[f"test_{name}"] = same.sum() / flat["mask"].sum()
    return found


def baselines(data: Any, size: int) -> tuple[float, float]:
    """The share by the cosine of tf-idf vectors of the same ids, and by guessing."""
    import numpy as np
    from sklearn.feature_extraction.text import TfidfTransformer

    from jaxdl.data.text import vocabulary

    real = data["test"]["mask"].ravel() > 0
    x = data["test"]["x"].reshape(len(real), -1)[real]
    document = data["test"]["document"].ravel()[real]
    weigher = TfidfTransformer().fit(vocabulary.bag_of_words(data["train"]["x"], size))
    rows = weigher.transform(vocabulary.bag_of_words(x, size))
    cosines = (rows @ rows.T).toarray()
    np.fill_diagonal(cosines, -1)
    counted = (document[cosines.argmax(axis=1)] == document).mean()
    sizes = np.unique(document, return_counts=True)[1]
    return float(counted), (sizes * (sizes - 1)).sum() / (len(document) * (len(document) - 1))


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Shares of test sentences whose nearest one is of the same docstring."""
    from jaxdl import report, stats

    parts = texts(config)
    _, known = load(parts, config)
    frame = results.to_pandas()
    ours, untrained, of_words, of_words_untrained = (
        frame[f"test_{name}"].astype(float).to_numpy()
        for name in ("kin", "kin_untrained", "kin_of_words", "kin_of_words_untrained")
    )
    counted, guessed = baselines(plan.data, len(known))
    measured = {
        "than by chance": (ABOVE_CHANCE, stats.mean_interval(ours - guessed)),
        "than by an untrained network": (ABOVE_UNTRAINED, stats.paired_interval(ours, untrained)),
        "than by tf-idf": (0.0, stats.mean_interval(ours - counted)),
    }
    claims = [
        report.judge("S12", f"the nearest sentence is of the same docstring more often {words}",
                     f"share of test sentences, minus that {words.removeprefix('than ')}", "1",
                     threshold, interval, "above")
        for words, (threshold, interval) in measured.items()
    ]  # fmt: skip
    shares = {
        "skip-thought": ours,
        "its word vectors, mean": of_words,
        "skip-thought, untrained": untrained,
        "word vectors, untrained": of_words_untrained,
        "tf-idf": [counted],
        "chance": [guessed],
    }
    row = frame.sort_values("status", key=lambda status: status != "ok", kind="stable").iloc[0]
    save(workdir, config, plan.replay(row).params, known, parts["test"], row)
    sections = [
        report.Section(
            "Whose nearest sentence is kin",
            _comparison(shares, int(plan.data["test"]["mask"].sum())),
        ),
        report.Section("Sentences and the nearest ones", (_examples(workdir),)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _comparison(shares: dict[str, Any], sentences: int) -> tuple[Any, ...]:
    """A row a method, and the numbers."""
    from jaxdl import report, stats
    from jaxdl.report.style import COLOURS, house_style, new_figure

    rows = []
    with house_style():
        figure = new_figure(2.8, "How often the nearest sentence is of the same docstring")
        axes = figure.subplots()
        for place, (name, values) in enumerate(shares.items()):
            over = stats.mean_interval(values, "share", examples=sentences)
            axes.plot([over.low, over.high], [place, place], color=COLOURS[0], linewidth=2)
            axes.plot(over.mean, place, marker="o", color=COLOURS[0], markersize=6)
            bounds = report.between(over.low, over.high) if len(values) > 1 else "–"
            rows.append((name, report.number(over.mean), bounds))
        axes.set_yticks(range(len(shares)), list(shares))
        axes.invert_yaxis()
        axes.set(xlabel="share of held-out sentences (1)", xlim=(0, None))
    picture = report.Picture("kin", report.to_png(figure), "Share of kin by method")
    caption = "Means over seeds with their 95 % intervals."
    header = ("method", "share of sentences", "95 % interval")
    table = report.Table(header, tuple(rows), frozenset({1, 2}), caption)
    report.show(table)
    return picture, table


def save(workdir: Path, config: Any, params: Any, known: Any, test: Any, row: Any) -> None:
    """Keeps a trained network, with the test sentences that `similar` searches."""
    launch.save_best(
        workdir,
        params,
        {},
        None,
        task="skip_thought",
        model="skip_thoughts",
        options={"vocabulary": len(known), "width": config.width},
        input_shape=[config.length],
        words=list(known.words),
        sentences=[sentence for document in test for sentence in document],
        trial=row["trial"],
    )


def vectors(workdir: Path, further: list[str]) -> tuple[list[str], Any]:
    """Sentences of a run's test documents, behind further ones, and the unit vectors of all."""
    import jax
    import numpy as np

    from jaxdl import similarity
    from jaxdl.data.sources import sentences
    from jaxdl.data.text import tokenizers, vocabulary
    from jaxdl.tasks import skip_thought

    def build(description: Any) -> Any:
        return skip_thought(network(**description["options"]))

    loaded = launch.load(workdir, build)
    known = vocabulary.Vocabulary(tuple(loaded.description["words"]))
    found = further + loaded.description["sentences"]
    ids = [vocabulary.encode(known, tokenizers.words(sentence)) for sentence in found]
    x = sentences.neighbours([ids], loaded.description["input_shape"][0])["x"]
    unit = jax.jit(lambda params, x: similarity.unit(loaded.task.predict(params, {}, {"x": x})))
    return found, np.asarray(unit(loaded.params, x))


def _examples(workdir: Path) -> Any:
    import numpy as np

    from jaxdl import report

    found, unit = vectors(workdir, [])
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    rows = [
        (found[query], report.number(cosines[query, place]), found[place])
        for query in np.linspace(0, len(found) - 1, SHOWN).astype(int)
        for place in np.argsort(-cosines[query])[:NEAREST]
    ]
    header = ("sentence", "cosine", "near sentence")
    caption = "Held-out sentences at even distances, each with its nearest others; first seed."
    return report.Table(header, tuple(rows), frozenset({1}), caption)


def similar(workdir: Path, sentence: str) -> str:
    """The held-out sentences nearest to a sentence of the user's."""
    from jaxdl.data.text import tokenizers

    if not tokenizers.words(sentence):
        raise ValueError("there is no word in it")
    found, unit = vectors(workdir, [sentence])
    cosines = unit[1:] @ unit[0]
    order = (-cosines).argsort()[: 2 * NEAREST]
    return "\n".join(f"{cosines[place]:.2f}  {found[place + 1]}" for place in order)


USES = {"similar": launch.Use("A sentence, to see the nearest held-out ones.", similar)}

if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude, uses=USES), __file__, __doc__ or "")
