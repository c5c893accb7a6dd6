"""Vectors for words that were never seen: fastText on inflected forms kept out of its text.

Skip-gram with 5 negatives over words and their n-grams, on a part of the docstrings from which some
inflected forms (-s, -ed, -ing) of frequent words are taken out. An unseen form's vector is the mean
of its n-grams'. Judged: is its base form among the 10 nearest frequent words; and, as spelling does
that, of its 10 nearest with another beginning (four letters): the share that are with it in one
document 4 times more often than by chance, in documents kept out of training. Against: the model
untrained (spelling alone), and the mean of all word vectors. A seed moves first vectors, noise and
order; half of the forms choose the rate, the other half, the same for all seeds, are reported: the
intervals hold no chance of these 160 words.

Claims: the base form is among the 10 nearest for a share of the unseen words that is 0.2 or more
above that of the mean vector, and 0.2 above chance; their other neighbours share documents with
them more often than by spelling alone, by 5 points or more.

Command: python -m experiments.unseen_words --workdir=runs/unseen_words
Then: python -m experiments.unseen_words --workdir=runs/unseen_words --nearest=multiplications
Minutes: 0.6 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 36 s), jax 0.10.2: the base form of 94 % [93, 94], of
none by the mean vector, chance 0.4 %; both hold, but spelling alone finds 95 %. What training adds:
35 % of the other neighbours share documents, 11 points [9, 13] above spelling alone: holds. The
highest rate was chosen.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field
from jaxdl.word_vectors import word2vec

FIELDS = {
    "steps": Field(2200, "Steps of an epoch, each with 128 words as centres.", low=1),
    "epochs": Field(3, "Times that the words are gone through.", low=1),
    "seeds": Field(4, "Seeds of each rate.", low=1),
    "documents": Field(5000, "Docstrings to train on; as many others judge.", low=50),
    "dimensions": Field(48, "Numbers in a vector.", low=1),
    "buckets": Field(30_000, "Rows that n-grams are hashed to.", low=1),
    "learning_rates": Field((0.025, 0.05), "Rates at the start to try.", low=1e-12),
}
FREQUENT, NEIGHBOURS, OFTEN, BEGINNING = 2500, 10, 4.0, 4
SHORTEST, LONGEST, LETTERS = 3, 5, 16
MOST, OCCURRENCES = 400, 10
MARGIN, POINTS = 0.2, 0.05
METHODS = {"trained": "fastText", "spelling": "spelling alone", "mean": "mean vector"}
MEASURES = {"base": "base form among the 10 nearest", "documents": "others in the same documents"}
SPLITS = ("validation", "test")


def text(config: Any) -> tuple[Any, dict[str, str], list[str]]:
    """Paragraphs without the unseen forms, each one's base and the form, documents that judge."""
    import numpy as np

    from jaxdl.data.sources import documents, inflections
    from jaxdl.word_vectors import indexing

    rng = np.random.default_rng(0)
    found = documents.docstrings()
    texts = [found[place] for place in rng.permutation(len(found))[: 2 * config.documents]]
    train, held_out = texts[: config.documents], texts[config.documents :]
    whole = indexing.index(train)
    often = [w for w, n in zip(whole.words, whole.counts, strict=True) if n >= OCCURRENCES]
    forms = map(str, rng.permutation(often))
    pairs = inflections.pairs(forms, set(whole.words[: FREQUENT // 2]))
    pairs = dict(list(pairs.items())[:MOST])
    long = {word for word in whole.words if len(word) > LETTERS}
    return indexing.index(train, without=frozenset(pairs.values()) | long), pairs, held_out


def load(config: Any) -> tuple[dict[str, Any], Any]:
    """The data as a run takes it: the words, and what is known of the unseen forms."""
    import numpy as np

    from jaxdl import word_vectors
    from jaxdl.word_vectors import cooccurrence, indexing, windows

    read, pairs, held_out = text(config)
    frequent, unseen = read.words[:FREQUENT], list(pairs.values())
    others = [[w for part in indexing.paragraphs(t) for w in part] for t in held_out]
    known = indexing.encode(others, [*frequent, *unseen])
    lifts = cooccurrence.lifts(known, len(frequent) + len(unseen))[len(frequent) :]
    ids, mask = word_vectors.ngrams.ngram_ids(unseen, config.buckets, SHORTEST, LONGEST)
    beginnings = np.array([word[:BEGINNING] for word in frequent])
    forms = {
        "ngrams": ids,
        "mask": mask,
        "base": np.array([frequent.index(base) for base in pairs], np.int32),
        "together": lifts[:, : len(frequent)] >= OFTEN,
        "akin": beginnings[None] == np.array([w[:BEGINNING] for w in unseen])[:, None],
    }
    data = {
        "train": windows.corpus(read.ids, len(read.words))._asdict(),
        "keep": windows.keep_probabilities(read.counts),
    } | {
        split: {name: array[start::2] for name, array in forms.items()}
        for start, split in enumerate(SPLITS)
    }
    return data, read


def plan(config: Any) -> launch.Plan:
    """One program; the rate is a number inside it."""
    from jaxdl import sweep

    data, read = load(config)
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(["fastText"], settings, range(config.seeds))
    return launch.Plan({"fastText": _run(config, read)}, trials, data, segments=config.epochs)


def _run(config: Any, read: Any) -> Any:
    import jax.numpy as jnp

    from jaxdl.keys import named
    from jaxdl.word_vectors import fasttext, windows
    from jaxdl.word_vectors.ngrams import ngram_ids
    from jaxdl.word_vectors.training import word_vectors

    words, size = len(read.words), len(read.words) + config.buckets
    spelled = ngram_ids(read.words, config.buckets, SHORTEST, LONGEST)
    frequent = [array[:FREQUENT] for array in spelled]
    objective = word2vec.negative_sampling(windows.noise_probabilities(read.counts))
    method = fasttext.skip_gram(objective, *spelled, config.buckets)

    def evaluate(state: Any, data: Any) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for split in SPLITS:
            forms = data[split]
            rows, queries = vectors(state.params, words, frequent, forms)
            mean = jnp.broadcast_to(rows.mean(axis=0), queries.shape)
            fresh = word2vec.vectors(named(state.key, "untrained"), method, size, config.dimensions)
            found |= measures(f"{split}_trained", rows, queries, forms)
            found |= measures(f"{split}_mean", rows, mean, forms)
            found |= measures(f"{split}_spelling", *vectors(fresh, words, frequent, forms), forms)
        return found

    return word_vectors(
        method, word2vec.Plan(), evaluate, size=size, dimensions=config.dimensions, steps=config.steps,
        epochs=config.epochs,
    )  # fmt: skip


def vectors(params: Any, words: int, frequent: Any, forms: Any) -> tuple[Any, Any]:
    """Vectors of the frequent words, and of forms that are none."""
    import jax.numpy as jnp

    from jaxdl.word_vectors import fasttext
    from jaxdl.word_vectors.ngrams import UNSEEN, FastText

    table = jnp.asarray(params["input"])
    variables = fasttext.variables({"input": table}, words)
    model = FastText(words, len(table) - words, table.shape[1])
    unseen = jnp.full(len(forms["ngrams"]), UNSEEN)
    return (
        model.apply(variables, jnp.arange(len(frequent[0])), *map(jnp.asarray, frequent)),
        model.apply(variables, unseen, forms["ngrams"], forms["mask"]),
    )


def measures(name: str, rows: Any, queries: Any, forms: Any) -> dict[str, Any]:
    """Share of the bases among the nearest, and of the other nearest that share documents."""
    import jax
    import jax.numpy as jnp

    from jaxdl import similarity

    _, near = similarity.nearest(rows, queries, NEIGHBOURS)
    cosines = similarity.unit(queries) @ similarity.unit(rows).T
    _, others = jax.lax.top_k(jnp.where(forms["akin"], -jnp.inf, cosines), NEIGHBOURS)
    together = jnp.take_along_axis(forms["together"], others, axis=1)
    return {
        f"{name}_base": (near == forms["base"][:, None]).any(axis=1).mean(),
        f"{name}_documents": together.mean(),
    }


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Both measures of the test forms at the rates that other forms and seeds chose."""
    from jaxdl import report, stats

    frame = results.to_pandas().assign(model="fastText")
    over, measure = "learning_rate", "validation_trained_base"
    best = stats.select(frame, ["model"], over, measure, "max")
    chosen = stats.chosen_trials(frame, best, ["model", over]).sort_values("seed")

    def of(method: str, measure: str) -> Any:
        return chosen[f"test_{method}_{measure}"].astype(float)

    chance = NEIGHBOURS / plan.data["test"]["akin"].shape[1]
    words = len(plan.data["test"]["base"])
    base = "share of unseen words with their base form among the 10 nearest"
    documents = "share of other neighbours in the same documents, difference"
    claims = [
        report.judge(
            "E7", "unseen words are nearer to their base form than the mean vector is",
            f"{base}, difference", "1", MARGIN,
            stats.paired_interval(of("trained", "base"), of("mean", "base")), "above",
        ),
        report.judge(
            "E7", "unseen words are near to their base form more often than by chance",
            base, "1", chance + MARGIN,
            stats.mean_interval(of("trained", "base"), "share", examples=words),
            "above",
        ),
        report.judge(
            "E7", "training gives unseen words neighbours of their topic, beyond their spelling",
            documents, "1", POINTS,
            stats.paired_interval(of("trained", "documents"), of("spelling", "documents")),
            "above",
        ),
    ]  # fmt: skip
    table = _table(of, plan, chance, report.distinct(chosen[over]))
    report.show(table)
    sections = [report.Section("Unseen words", (_picture(of), table))]
    shown = frame.merge(best[["model", over]]).sort_values("seed")
    for _, row in shown[shown["status"] == "ok"].head(1).iterrows():
        nearest = _save(config, plan, row, workdir)
        report.show(nearest)
        sections.append(report.Section("Their nearest words", (nearest,)))
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _table(of: Any, plan: launch.Plan, chance: float, rates: str) -> Any:
    from jaxdl import report, stats

    rows, words = [], len(plan.data["test"]["base"])
    for method, name in METHODS.items():
        shares = [
            stats.mean_interval(of(method, measure), "share", examples=examples)
            for measure, examples in (("base", words), ("documents", None))
        ]
        cells = [(report.number(s.mean), report.between(s.low, s.high)) for s in shares]
        rows.append((name, *cells[0], *cells[1]))
    test = plan.data["test"]
    any_word = test["together"].mean()
    rows.append(("any word", report.number(chance), "", report.number(any_word), ""))
    base, documents = MEASURES.values()
    header = ("vector", base, "95 % interval", documents, "95 % interval")
    caption = f"{words} unseen words; means over seeds, {report.CHOSEN}: {rates}."
    return report.Table(header, tuple(rows), frozenset({1, 3}), caption)


def _save(config: Any, plan: launch.Plan, row: Any, workdir: Path) -> Any:
    """Keeps the vectors of one seed; the nearest words of some unseen forms."""
    from jaxdl import report

    (read, pairs, _), state = text(config), plan.replay(row)
    launch.save_best(
        workdir, {"input": state.params["input"]}, {}, None, task="word2vec", model="unseen_words",
        options={}, input_shape=None, words=read.words,
    )  # fmt: skip
    rows = [
        (form, ", ".join(nearest_words(state.params, read.words, form)))
        for form in list(pairs.values())[1:20:2]
    ]
    return report.Table(("unseen word", "nearest frequent words"), tuple(rows))


def nearest_words(params: Any, words: list[str], word: str) -> list[str]:
    """The frequent words nearest to a word by its n-grams alone, the nearest first."""
    from jaxdl import similarity
    from jaxdl.word_vectors.ngrams import ngram_ids

    buckets = len(params["input"]) - len(words)
    frequent = ngram_ids(words[:FREQUENT], buckets, SHORTEST, LONGEST)
    ids, mask = ngram_ids([word], buckets, SHORTEST, LONGEST)
    rows, queries = vectors(params, len(words), frequent, {"ngrams": ids, "mask": mask})
    _, near = similarity.nearest(rows, queries, min(NEIGHBOURS, len(rows)))
    return [words[place] for place in near[0]]


def nearest(workdir: Path, word: str) -> str:
    """The frequent words nearest to any word of the user's, by its spelling."""
    import numpy as np

    if not word.strip():
        raise ValueError("an empty word has no n-grams")
    task = word2vec.word2vec(word2vec.skip_gram(word2vec.negative_sampling(np.ones(1))), 1, 1)
    loaded = launch.load(workdir, lambda description: task)
    return ", ".join(nearest_words(loaded.params, loaded.description["words"], word.lower()))


def _picture(of: Any) -> Any:
    from jaxdl import report
    from jaxdl.report import style

    with style.house_style():
        figure = style.new_figure(2.6, "Words never seen in training")
        looks = style.line_styles(list(METHODS.values()))
        for place, (measure, title) in enumerate(MEASURES.items()):
            axes = figure.add_subplot(1, 2, place + 1)
            for row, (method, name) in enumerate(METHODS.items()):
                shares = of(method, measure)
                axes.plot(shares, [row] * len(shares), **looks[name] | {"linestyle": "none"})
            axes.set_yticks(range(len(METHODS)), METHODS.values() if not place else [])
            axes.set_ylim(len(METHODS) - 0.5, -0.5)
            axes.set_xlim(0, 1)
            axes.set_title(title, loc="left")
            axes.set_xlabel("share (1)")
    return report.Picture("unseen", report.to_png(figure), "Unseen words", "A point is a seed.")


USES = {"nearest": launch.Use("Any word, to print the nearest of, by its spelling.", nearest)}

if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude, uses=USES), __file__, __doc__ or "")
