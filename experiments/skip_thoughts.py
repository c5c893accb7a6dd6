"""Skip-thought vectors: what predicts the sentences around a sentence, does it know its kin?

A GRU reads a sentence of the docstrings of the installed packages; from its last state two more
tell the sentences before and after it. Then sentences of held-out docstrings: how often is the one
with the nearest vector (cosine) of the same docstring? Beside it an untrained network, the mean of
the word vectors that each has, and tf-idf. A seed moves the initialization and the batches, not the
sentences of the test; the baselines see the same words, all others as one unknown. Words in common
tell kin: the mean of random word vectors is far above chance already.

    python -m experiments.skip_thoughts --workdir=runs/skip_thoughts  # 1.5 minutes on 2 cores
    python -m experiments.skip_thoughts --workdir=runs/skip_thoughts --similar="Sort an array."
"""

import itertools
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import optax
from sklearn.feature_extraction.text import TfidfTransformer

from jaxdl import keys, launch, report, similarity, stats, sweep
from jaxdl.data import splits
from jaxdl.data.sources import documents, sentences
from jaxdl.data.text import tokenizers, vocabulary
from jaxdl.data.text.vocabulary import PAD, Vocabulary
from jaxdl.launch import setting
from jaxdl.layers import embedding
from jaxdl.models import SkipThought
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.tasks import skip_thought
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = BY_CHANCE, UNTRAINED, TF_IDF = (
    Claim("S12", "the nearest sentence is of the same docstring more often than by chance",
          "share of test sentences, minus that by chance", above=0.05, unit="points"),
    Claim("S12", "the nearest sentence is of the same docstring more often than by an untrained "
          "network", "share of test sentences, minus that by an untrained network", above=0.02,
          unit="points"),
    Claim("S12", "the nearest sentence is of the same docstring more often than by tf-idf",
          "share of test sentences, minus that by tf-idf", above=0.0, unit="points"),
)  # fmt: skip
SHORTEST, SHOWN, NEAREST = 5, 6, 3
MEASURES = {
    "skip-thought": "test_kin",
    "its word vectors, mean": "test_kin_of_words",
    "skip-thought, untrained": "test_kin_untrained",
    "word vectors, untrained": "test_kin_of_words_untrained",
}
Parts = dict[str, list[list[str]]]


class Config(launch.Config):
    """How much is read, and by how large a network."""

    steps: int = setting(700, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds.", low=1)
    documents: int = setting(6000, "Docstrings to use, at most.", low=100)
    batch_size: int = setting(64, "Sentences in a step.", low=1, high=64)
    vocabulary: int = setting(1200, "Words; all others are one unknown word.", low=10)
    length: int = setting(15, "Words of a sentence that are read and told.", low=1)
    width: int = setting(96, "Units of the encoder and the decoders.", low=1)
    learning_rate: float = setting(5e-3, "Peak rate of Adam.", low=1e-12)
    clip: float = setting(1.0, "Largest norm of a step's gradient.", low=1e-6)


def texts(config: Config) -> Parts:
    """Train, validation and test: docstrings of two sentences or more, none that another has."""
    found = sentences.connected(documents.docstrings(), SHORTEST)
    sampled = documents.sample(found, config.documents, np.random.default_rng(0))
    joined = {"\n".join(sentences): sentences for sentences in sampled}
    parts = documents.split(list(joined))
    return {name: [joined[text] for text in part] for name, part in parts._asdict().items()}


def load(parts: Parts, config: Config) -> tuple[sweep.Data, Vocabulary]:
    """The sentences with their neighbours as a run takes them, and the vocabulary."""
    tokens = {
        name: [[tokenizers.words(sentence) for sentence in document] for document in part]
        for name, part in parts.items()
    }
    spoken = (word for document in tokens["train"] for words in document for word in words)
    known = vocabulary.build(spoken, config.vocabulary)
    data = {}
    for name, part in tokens.items():
        ids = [[vocabulary.encode(known, words) for words in document] for document in part]
        data[name] = sentences.neighbours(ids, config.length)
    return splits.in_batches(data, 64), known


def network(vocabulary: int, width: int) -> SkipThought:
    """The model, from plain numbers."""
    return SkipThought(vocabulary, width, width)


def plan(config: Config) -> sweep.Plan:
    """One program; its evaluation draws another network, which is measured untrained."""
    data, known = load(texts(config), config)
    task = skip_thought(network(len(known), config.width))

    def clipped(rate: schedules.Shape) -> optax.GradientTransformation:
        return optax.chain(optax.clip_by_global_norm(config.clip), adam(rate))

    build = sweep.by_rate(task, clipped, schedules.cosine(config.steps))
    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        first = {name: array[:1] for name, array in data["train"].items()}
        fresh = task.init(keys.named(state.key, "untrained"), first)[0]
        untrained = {f"{name}_untrained": v for name, v in kin(task, fresh, data).items()}
        return run.evaluate(hparams, state, data) | kin(task, state.params, data) | untrained

    points = sweep.grid(learning_rate=[config.learning_rate])
    programs = {"skip-thought": (run._replace(evaluate=evaluate), points)}
    return sweep.plan(programs, data, seeds=config.seeds, keep_states=True)


def kin(task: Task, params: PyTree, data: sweep.Data) -> dict[str, Array]:
    """Shares of test sentences whose nearest one is of their document, by vectors and by words."""
    flat = {name: array.reshape(-1, *array.shape[2:]) for name, array in data["test"].items()}
    of_words = params["encoder"]["embedding"]["embedding"][flat["x"]]
    vectors = {
        "test_kin": task.predict(params, {}, {"x": flat["x"]}),
        "test_kin_of_words": embedding.mean(of_words, jnp.asarray(flat["x"] != PAD, jnp.float32)),
    }
    return similarity.same_group(vectors, flat["document"], flat["mask"])


def baselines(data: sweep.Data, size: int) -> tuple[float, float]:
    """The share by the cosine of tf-idf vectors of the same ids, and by guessing."""
    test = {name: array.reshape(-1, *array.shape[2:]) for name, array in data["test"].items()}
    x, document = (test[name][test["mask"] > 0] for name in ("x", "document"))
    weigher = TfidfTransformer().fit(vocabulary.bag_of_words(data["train"]["x"], size))
    rows = weigher.transform(vocabulary.bag_of_words(x, size))
    cosines = (rows @ rows.T).toarray()
    np.fill_diagonal(cosines, -1)
    counted = (document[cosines.argmax(axis=1)] == document).mean()
    sizes = np.unique(document, return_counts=True)[1]
    return float(counted), (sizes * (sizes - 1)).sum() / (len(document) * (len(document) - 1))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Shares of test sentences whose nearest one is of the same docstring."""
    parts = texts(config)
    _, known = load(parts, config)
    counted, guessed = baselines(plan.data, len(known))
    frame = results.frame()
    shares = {name: frame[column] for name, column in MEASURES.items()}
    ours = shares["skip-thought"]
    picture, table = report.shares(
        {"share of held-out sentences": shares | {"tf-idf": [counted], "chance": [guessed]}},
        title="How often the nearest sentence is of the same docstring",
        caption="Means over seeds with their 95 % intervals.",
        examples={"share of held-out sentences": int(plan.data["test"]["mask"].sum())},
    )
    row = frame.sort_values("status", key=lambda status: status != "ok", kind="stable").iloc[0]
    launch.save_best(
        results.workdir, plan.replay(row).params, task="skip_thought", model="skip_thoughts",
        options={"vocabulary": len(known), "width": config.width}, input_shape=[config.length],
        words=known.words, sentences=[*itertools.chain(*parts["test"])], trial=row["trial"],
    )  # fmt: skip
    claims = [
        BY_CHANCE.judge(stats.mean_interval(ours - guessed)),
        UNTRAINED.judge(stats.paired_interval(ours, shares["skip-thought, untrained"])),
        TF_IDF.judge(stats.mean_interval(ours - counted)),
    ]
    sections = [
        Section("Whose nearest sentence is kin", (table, picture)),
        Section("Sentences and the nearest ones", (examples(results.workdir),)),
    ]
    return launch.Conclusion(claims, sections)


def vectors(workdir: Path, further: list[str]) -> tuple[list[str], np.ndarray]:
    """Sentences of a run's test documents, behind further ones, and the unit vectors of all."""
    loaded = launch.load(workdir, lambda saved: skip_thought(network(**saved["options"])))
    known = Vocabulary(tuple(loaded.description["words"]))
    found = further + loaded.description["sentences"]
    ids = [vocabulary.encode(known, tokenizers.words(sentence)) for sentence in found]
    x = sentences.neighbours([ids], loaded.description["input_shape"][0])["x"]
    return found, np.asarray(similarity.unit(loaded.predict(x)))


def examples(workdir: Path) -> report.Table:
    """A few test sentences with their nearest."""
    found, unit = vectors(workdir, [])
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -1)
    rows = [
        {"sentence": found[query], "cosine": cosines[query, place], "near sentence": found[place]}
        for query in np.linspace(0, len(found) - 1, SHOWN).astype(int)
        for place in np.argsort(-cosines[query])[:NEAREST]
    ]
    caption = "Held-out sentences at even distances, each with its nearest others; first seed."
    return report.table(rows, caption)


def similar(workdir: Path, sentence: str) -> str:
    """The held-out sentences nearest to a sentence of the user's."""
    if not tokenizers.words(sentence):
        raise ValueError("there is no word in it")
    found, unit = vectors(workdir, [sentence])
    cosines = unit[1:] @ unit[0]
    order = (-cosines).argsort()[: 2 * NEAREST]
    return "\n".join(f"{cosines[place]:.2f}  {found[place + 1]}" for place in order)


USES = {"similar": launch.Use("A sentence, to see the nearest held-out ones.", similar)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, uses=USES))
