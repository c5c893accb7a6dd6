"""Vectors for words that were never seen: fastText on inflected forms kept out of its text.

Skip-gram with 5 negatives over words and their n-grams, on a part of the docstrings from which some
inflected forms (-s, -ed, -ing) of frequent words are taken out. An unseen form's vector is the mean
of its n-grams'. Judged: is its base form among the 10 nearest frequent words; and, as spelling does
that, of its 10 nearest with another beginning (four letters): the share that are with it in one
document 4 times more often than by chance, in documents kept out of training. Against: the model
untrained (spelling alone), and the mean of all word vectors. A seed moves first vectors, noise and
order; half of the forms choose the rate, the other half, the same for all seeds, are reported: the
intervals hold no chance of these 160 words.

    python -m experiments.unseen_words --workdir=runs/unseen_words  # 0.6 minutes on 2 cores
    python -m experiments.unseen_words --workdir=runs/unseen_words --nearest=multiplications
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import launch, report, similarity, stats, sweep
from jaxdl.data.sources import documents, inflections
from jaxdl.keys import named
from jaxdl.launch import setting
from jaxdl.report import Claim, Section
from jaxdl.types import Array, Batch, PyTree, TrainState
from jaxdl.word_vectors import cooccurrence, fasttext, indexing, training, windows, word2vec
from jaxdl.word_vectors.ngrams import UNSEEN, ngram_ids

FREQUENT, NEIGHBOURS, OFTEN, BEGINNING = 2500, 10, 4.0, 4
SHORTEST, LONGEST, LETTERS = 3, 5, 16
MOST, OCCURRENCES, MARGIN = 400, 10, 0.2
BASE = "share of unseen words with their base form among the 10 nearest"
CLAIMS = ABOVE_MEAN, ABOVE_CHANCE, ABOVE_SPELLING = (
    Claim("E7", "unseen words are nearer to their base form than the mean vector is",
          f"{BASE}, difference", above=MARGIN, unit="points"),
    Claim("E7", "unseen words are near to their base form more often than by chance",
          BASE, above=NEIGHBOURS / FREQUENT + MARGIN, unit="%"),
    Claim("E7", "training gives unseen words neighbours of their topic, beyond their spelling",
          "share of other neighbours in the same documents, difference", above=0.05, unit="points"),
)  # fmt: skip
METHODS = {"trained": "fastText", "spelling": "spelling alone", "mean": "mean vector"}
SPLITS = ("validation", "test")


class Config(launch.Config):
    """How much is read, and into how many numbers."""

    steps: int = setting(2200, "Steps of an epoch, each with 128 words as centres.", low=1)
    epochs: int = setting(3, "Times that the words are gone through.", low=1)
    seeds: int = setting(4, "Seeds of each rate.", low=1)
    documents: int = setting(5000, "Docstrings to train on; as many others judge.", low=50)
    dimensions: int = setting(48, "Numbers in a vector.", low=1)
    buckets: int = setting(30_000, "Rows that n-grams are hashed to.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(0.025, 0.05, help="Rates at the start to try.")


def text(config: Config) -> tuple[indexing.Indexed, dict[str, str], list[str]]:
    """Paragraphs without the unseen forms, each one's base and the form, documents that judge."""
    rng = np.random.default_rng(0)
    texts = documents.sample(documents.docstrings(), 2 * config.documents, rng)
    train, held_out = texts[: config.documents], texts[config.documents :]
    whole = indexing.index(train)
    often = [w for w, n in zip(whole.words, whole.counts, strict=True) if n >= OCCURRENCES]
    forms = map(str, rng.permutation(often))
    pairs = inflections.pairs(forms, set(whole.words[: FREQUENT // 2]))
    pairs = dict(list(pairs.items())[:MOST])
    long = {word for word in whole.words if len(word) > LETTERS}
    return indexing.index(train, without=frozenset(pairs.values()) | long), pairs, held_out


def load(config: Config) -> tuple[sweep.Data, indexing.Indexed]:
    """The data as a run takes it: the words, and what is known of the unseen forms."""
    read, pairs, held_out = text(config)
    frequent, unseen = read.words[:FREQUENT], list(pairs.values())
    lifts = cooccurrence.lifts_in(held_out, [*frequent, *unseen])[len(frequent) :]
    ids, mask = ngram_ids(unseen, config.buckets, SHORTEST, LONGEST)
    beginnings = np.array([word[:BEGINNING] for word in frequent])
    forms = {
        "ngrams": ids,
        "mask": mask,
        "base": np.array([frequent.index(base) for base in pairs], np.int32),
        "together": lifts[:, : len(frequent)] >= OFTEN,
        "akin": beginnings[None] == np.array([w[:BEGINNING] for w in unseen])[:, None],
    }
    halves = {
        split: {name: array[start::2] for name, array in forms.items()}
        for start, split in enumerate(SPLITS)
    }
    return training.data_of(read) | halves, read


def plan(config: Config) -> sweep.Plan:
    """One program; the rate is a number inside it."""
    data, read = load(config)
    words, size = len(read.words), len(read.words) + config.buckets
    spelled = ngram_ids(read.words, config.buckets, SHORTEST, LONGEST)
    frequent = [array[:FREQUENT] for array in spelled]
    objective = word2vec.negative_sampling(windows.noise_probabilities(read.counts))
    method = fasttext.skip_gram(objective, *spelled, config.buckets)

    def evaluate(state: TrainState, data: sweep.Data) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for split in SPLITS:
            forms = data[split]
            rows, queries = vectors(state.params, words, frequent, forms)
            mean = jnp.broadcast_to(rows.mean(axis=0), queries.shape)
            fresh = word2vec.vectors(named(state.key, "untrained"), method, size, config.dimensions)
            found |= measures(f"{split}_trained", rows, queries, forms)
            found |= measures(f"{split}_mean", rows, mean, forms)
            found |= measures(f"{split}_spelling", *vectors(fresh, words, frequent, forms), forms)
        return found

    run = training.word_vectors(
        method, word2vec.Plan(), evaluate, size=size, dimensions=config.dimensions,
        steps=config.steps, epochs=config.epochs,
    )  # fmt: skip
    programs = {"fastText": (run, sweep.grid(learning_rate=config.learning_rates))}
    return sweep.plan(programs, data, seeds=config.seeds, segments=config.epochs)


def vectors(
    params: PyTree, words: int, frequent: Sequence[np.ndarray], forms: Batch
) -> tuple[Array, Array]:
    """Vectors of the frequent words, and of forms that are none."""
    read = fasttext.reader(params, words)
    unseen = jnp.full(len(forms["ngrams"]), UNSEEN)
    known = read(jnp.arange(len(frequent[0])), *map(jnp.asarray, frequent))
    return known, read(unseen, forms["ngrams"], forms["mask"])


def measures(name: str, rows: Array, queries: Array, forms: Batch) -> dict[str, Array]:
    """Share of the bases among the nearest, and of the other nearest that share documents."""
    _, near = similarity.nearest(rows, queries, NEIGHBOURS)
    cosines = similarity.unit(queries) @ similarity.unit(rows).T
    _, others = jax.lax.top_k(jnp.where(forms["akin"], -jnp.inf, cosines), NEIGHBOURS)
    together = jnp.take_along_axis(forms["together"], others, axis=1)
    return {
        f"{name}_base": (near == forms["base"][:, None]).any(axis=1).mean(),
        f"{name}_documents": together.mean(),
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Both measures of the test forms at the rates that other forms and seeds chose."""
    frame, test = results.frame(), plan.data["test"]
    tuned = stats.tune(frame, "program", "learning_rate", "validation_trained_base", "max")
    trials = tuned.trials.sort_values("seed")
    base, others = (
        {name: trials[f"test_{method}_{measure}"] for method, name in METHODS.items()}
        for measure in ("base", "documents")
    )
    words, chance = len(test["base"]), NEIGHBOURS / test["akin"].shape[1]
    found = stats.mean_interval(base["fastText"], "share", examples=words)
    claims = [
        ABOVE_MEAN.judge(stats.paired_interval(base["fastText"], base["mean vector"])),
        dataclasses.replace(ABOVE_CHANCE, above=chance + MARGIN).judge(found),
        ABOVE_SPELLING.judge(stats.paired_interval(others["fastText"], others["spelling alone"])),
    ]
    picture, table = report.shares(
        {
            "base form among the 10 nearest": base | {"any word": chance},
            "others in the same documents": others | {"any word": test["together"].mean()},
        },
        title="Words never seen in training",
        caption=f"{words} unseen words; means over seeds with 95 % intervals, {report.CHOSEN}: "
        f"{report.distinct(trials['learning_rate'])}.",
        row="vector",
        examples={"base form among the 10 nearest": words},
    )
    sections = [Section("Unseen words", (table, picture))]
    if row := stats.example(frame, tuned, "fastText"):
        neighbours = save(config, plan, row, results.workdir)
        sections.append(Section("Their nearest words", (neighbours,)))
    return launch.Conclusion(claims, sections)


def save(config: Config, plan: sweep.Plan, row: PyTree, workdir: Path) -> report.Table:
    """Keeps the vectors of one seed; the nearest words of some unseen forms."""
    (read, pairs, _), params = text(config), plan.replay(row).params
    table = {"input": params["input"]}
    launch.save_best(workdir, table, task="word2vec", model="unseen_words", words=read.words)
    return report.table(
        {
            "unseen word": form,
            "nearest frequent words": ", ".join(nearest_words(params, read.words, form)),
        }
        for form in list(pairs.values())[1:20:2]
    )


def nearest_words(params: PyTree, words: list[str], word: str) -> list[str]:
    """The frequent words nearest to a word by its n-grams alone, the nearest first."""
    buckets = len(params["input"]) - len(words)
    frequent = ngram_ids(words[:FREQUENT], buckets, SHORTEST, LONGEST)
    ids, mask = ngram_ids([word], buckets, SHORTEST, LONGEST)
    rows, queries = vectors(params, len(words), frequent, {"ngrams": ids, "mask": mask})
    _, near = similarity.nearest(rows, queries, min(NEIGHBOURS, len(rows)))
    return [words[place] for place in near[0]]


def nearest(workdir: Path, word: str) -> str:
    """The frequent words nearest to any word of the user's, by its spelling."""
    if not word.strip():
        raise ValueError("an empty word has no n-grams")
    description, tree = launch.read_best(workdir)
    return ", ".join(nearest_words(tree["params"], description["words"], word.lower()))


USES = {"nearest": launch.Use("Any word, to print the nearest of, by its spelling.", nearest)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, uses=USES))
