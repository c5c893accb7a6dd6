"""Text on a topic: does a language model that is told one write about it?

Sentences of the installed packages' docstrings, in words, by the section that they stand in. An
LSTM is told the section as the first token, in START's place, and learns to go on; or it is told
nothing. Each then writes sentences, some for each section; a naive Bayes classifier of words,
learned from other sentences and frozen, says of which section each is, as it does for real ones. A
seed moves initialization, batches and what is drawn; the rate is chosen by validation loss.

    python -m experiments.topics --workdir=runs/topics  # 2 minutes on 2 cores
    python -m experiments.topics --workdir=runs/topics --write=Parameters
"""

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import Pipeline, make_pipeline

from experiments import text_cnn
from experiments.text_cnn import LONGEST, SECTIONS
from jaxdl import decoding, keys, launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import sections
from jaxdl.data.text import bucketing, vocabulary
from jaxdl.data.text.vocabulary import END, PAD, START, Vocabulary
from jaxdl.launch import setting
from jaxdl.layers import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section, Table
from jaxdl.report.tables import Cell
from jaxdl.types import Array, PyTree

CLAIMS = SHOWS, AS_REAL = (
    Claim("S16", "the topic that a language model is told shows in what it writes",
          "share of its sentences that a frozen classifier gives to their topic, minus that of a "
          "model told none", above=0.2, unit="points"),
    Claim("S16", "what is written on a topic is told from others as well as real sentences are",
          "share given to their topic, written minus real", above=-0.05, unit="points"),
)  # fmt: skip
TOLD, UNTOLD = "told the topic", "told nothing"
EACH, SHOWN, KNOWN = 100, 2, 1500
GIVEN = "given to their topic (%)"


class Config(launch.Config):
    """The sentences, the model, and its training."""

    steps: int = setting(1200, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=2)
    documents: int = setting(25000, "Docstrings to take, of all splits.", low=500)
    batch_size: int = setting(32, "Sentences in a step.", low=1, high=100)
    width: int = setting(96, "Units of the LSTM, and numbers of a word's vector.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2)


def first_token(known: Vocabulary, section: str, told: bool) -> int:
    """What a sentence begins with: a topic's id stands behind those of the words."""
    return len(known) + SECTIONS.index(section) if told else START


def encoded(part: Sequence[sections.Placed], known: Vocabulary, told: bool) -> PyTree:
    """Tokens before and behind, `[N, T]`, of sentences with their first token and END."""
    rows = [vocabulary.framed(vocabulary.encode(known, one.words)) for one in part]
    for row, one in zip(rows, part, strict=True):
        row[0] = first_token(known, one.section, told)
    ids = bucketing.pad(rows, LONGEST + 2)["x"]
    return {"x": ids[:, :-1], "y": ids[:, 1:]}


def network(words: int, width: int) -> LanguageModel:
    """The model, from plain numbers; there are as many topics as sections."""
    return LanguageModel(words + len(SECTIONS), width, RNN(width))


def load(config: Config) -> tuple[dict[str, list[sections.Placed]], Vocabulary]:
    """Sentences by split, and the words that are known."""
    placed = text_cnn.placed(config.documents)
    return placed, vocabulary.build((w for one in placed["train"] for w in one.words), KNOWN)


def plan(config: Config) -> sweep.Plan:
    """A program told the topic and one told nothing; rate and seed are numbers inside them."""
    placed, known = load(config)
    data = {
        name: splits.in_batches(
            {part: encoded(found, known, name == TOLD) for part, found in placed.items()}, 100
        )
        for name in (TOLD, UNTOLD)
    }
    task = tasks.language_model(network(len(known), config.width), padding=PAD)
    build = sweep.by_rate(task, adam, schedules.cosine(config.steps))
    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (sweep.on_part(name, run), points) for name in data}
    return sweep.plan(programs, data, seeds=config.seeds, column="model", keep_states=True)


def written(model: nn.Module, params: PyTree, starts: Array, key: Array) -> Array:
    """Tokens `[B, LONGEST]` drawn behind first tokens `[B]`."""
    step = cast(decoding.Step, functools.partial(model.apply, {"params": params}, method="step"))
    blank = jnp.zeros((len(starts), 1), jnp.int32)
    carry, _ = jax.eval_shape(lambda x: model.apply({"params": params}, x), blank)
    carry = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), carry)
    return decoding.sample(step, carry, starts, LONGEST, key=key, end=END)


def judge(placed: Sequence[sections.Placed]) -> Pipeline:
    """The frozen classifier of sentences, words joined by blanks."""
    found = make_pipeline(CountVectorizer(token_pattern=r"\S+"), MultinomialNB())
    return found.fit([" ".join(one.words) for one in placed], [one.section for one in placed])


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What each seed's models write, as a frozen classifier sees it."""
    placed, known = load(config)
    frame = results.frame()
    tuned = stats.tune(frame, "model", "learning_rate", "validation_loss")
    # The judge has read what the models have not.
    reader = judge(placed["validation"])
    real = [" ".join(one.words) for one in placed["test"]]
    truth = np.array([one.section for one in placed["test"]])
    of_real = float((reader.predict(real) == truth).mean())
    shares: dict[str, dict[int, float]] = {}
    examples: list[dict[str, str]] = []
    for name in (TOLD, UNTOLD):
        for row in tuned.of(name).to_dict("records"):
            if row["status"] != "ok":
                continue
            texts = told_texts(config, plan, row, known, name == TOLD)
            said = {topic: reader.predict(found) for topic, found in texts.items()}
            right = [np.mean(found == topic) for topic, found in said.items()]
            shares.setdefault(name, {})[row["seed"]] = float(np.mean(right))
            if not examples and name == TOLD:
                examples = [
                    {"topic": topic, "written": text}
                    for topic, found in texts.items() for text in found[:SHOWN]
                ]  # fmt: skip
                keep(config, plan, row, known)
    both = pd.DataFrame(shares, columns=[TOLD, UNTOLD]).dropna()
    claims = [
        SHOWS.judge(stats.paired_interval(both[TOLD], both[UNTOLD])),
        AS_REAL.judge(stats.mean_interval(both[TOLD] - of_real)),
    ]
    rows: list[dict[str, Cell]] = [
        {"sentences": f"written, {name}", GIVEN: stats.mean_interval(both[name], "share")}
        for name in both
    ]
    rows.append({"sentences": "real ones, on test", GIVEN: of_real})
    given = report.table(
        rows, f"{EACH} sentences of each topic and seed; six topics, means over seeds."
    )
    table = report.tuned_table(tuned, "test_loss", against=UNTOLD)
    shown: Table = report.table(examples, "Drawn by one seed's model, the first of each topic.")
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats a word)")
    return launch.Conclusion(claims, [Section("Topics", (given, shown, table, *curves))])


def told_texts(
    config: Config, plan: sweep.Plan, row: PyTree, known: Vocabulary, told: bool
) -> dict[str, list[str]]:
    """What a trained model writes on each topic."""
    starts = np.array([first_token(known, topic, told) for topic in SECTIONS for _ in range(EACH)])
    model, params = network(len(known), config.width), plan.replay(row).params
    key = keys.named(jax.random.key(int(row["seed"])), "written")
    ids = jax.jit(lambda starts: written(model, params, starts, key))(starts.astype(np.int32))
    texts = [text(known, row) for row in np.asarray(ids)]
    return {topic: texts[n * EACH : (n + 1) * EACH] for n, topic in enumerate(SECTIONS)}


def text(known: Vocabulary, ids: np.ndarray) -> str:
    """The words up to END; a topic in their midst is no word."""
    ids = ids[ids < len(known)]
    return " ".join(vocabulary.decode(known, vocabulary.content(ids)))


def keep(config: Config, plan: sweep.Plan, row: PyTree, known: Vocabulary) -> None:
    """Keeps a trained model for `--write`."""
    assert plan.workdir is not None
    launch.save_best(
        plan.workdir, plan.replay(row).params, task="language_model", model="topics",
        options={"words": len(known), "width": config.width}, words=known.words,
        trial=row["trial"], seed=row["seed"],
    )  # fmt: skip


def write(workdir: Path, topic: str) -> str:
    """Three sentences on a topic."""
    if topic not in SECTIONS:
        raise ValueError(f"{topic!r} is no topic: choose from {', '.join(SECTIONS)}")
    loaded = launch.load(workdir, lambda found: tasks.language_model(network(**found["options"])))
    known = Vocabulary(tuple(loaded.description["words"]))
    starts = np.full(3, first_token(known, topic, True), np.int32)
    model = network(**loaded.description["options"])
    ids = written(model, loaded.params, jnp.asarray(starts), jax.random.key(0))
    return "\n".join(text(known, row) for row in np.asarray(ids))


USES = {"write": launch.Use("A topic to write on with what the run has trained.", write)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
