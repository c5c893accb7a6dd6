"""What the window decides: word vectors of near neighbours and of far ones, skip-gram.

Vectors with 5 negatives on a part of the docstrings, with a small and a large window, all else
equal, by the authors' falling rate. Judged on the 10 nearest among the 2000 most frequent words.
Syntactic: the share with the same ending as the word (-ing, -ed, -ly or a plural -s), over words
that have one. Topical: the share of neighbours that are in the same documents as the word 4 times
more often than by chance or more, in documents kept out of training. Analogies: what is to `shape`
as `arrays` is to `array`, among the 10 best, over pairs of inflected words of these that a rule of
spelling finds; against the 10 nearest to `shape` alone, which answer as well where vectors have no
offsets in common (Linzen 2016). All is asked of the output matrix too, and of both rows' sum;
that was added when the verdicts on the input rows were known, its threshold before any of its own.
A seed moves the first vectors, the noise, the order and what subsampling drops; it is shared by
both windows.

    python -m experiments.word_windows --workdir=runs/word_windows  # 0.5 minutes on 2 cores
    python -m experiments.word_windows --workdir=runs/word_windows --nearest=array
"""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import launch, report, similarity, stats, sweep
from jaxdl.data.sources import documents, inflections
from jaxdl.launch import setting
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState
from jaxdl.word_vectors import cooccurrence, indexing, training, windows, word2vec

CLAIMS = SYNTACTIC, TOPICAL, ALIKE, ANSWERS, OUTPUTS = (
    Claim("E6", "neighbours by a small window are more syntactic than those by a large one",
          "share of neighbours with the same ending, difference", above=0.02, unit="points"),
    Claim("E6", "neighbours by a large window are more topical than those by a small one",
          "share of neighbours in the same documents, difference", above=0.02, unit="points"),
    Claim("E1", "the nearest words share documents more often than any two, which are all that "
          "one-hot words know", "share of neighbours in the same documents, minus that of any two",
          above=0.05, unit="points"),
    Claim("E8", "analogies of inflected words are answered more often than by the nearest words",
          "share of analogies answered among 10 words, minus that by those nearest to the third",
          above=0.02, unit="points"),
    Claim("E6", "the nearest by rows of the output matrix have more in common than any two words",
          "share of neighbours by output rows, minus that of any two words", above=0.05,
          unit="points"),
)  # fmt: skip
FREQUENT, NEIGHBOURS, OFTEN = 2000, 10, 4.0
SHOWN = ("array", "plotting", "computed", "thread", "keys", "probability")
MEASURES = {"syntactic": "with the same ending", "topical": "in the same documents"}
ROWS = {"input": "", "output": "_by_output", "sum of both": "_by_sum"}
"""Which rows are asked, and what the names of their metrics end with."""


class Config(launch.Config):
    """Which windows, on how much text."""

    steps: int = setting(4000, "Steps of an epoch, each with 128 words as centres.", low=1)
    epochs: int = setting(4, "Times that the words are gone through.", low=1)
    seeds: int = setting(20, "Seeds of each window.", low=1)
    windows: tuple[int, ...] = setting((2, 10), "Largest distances of a neighbour.", low=1)
    documents: int = setting(8000, "Docstrings to train on; as many others judge.", low=50)
    dimensions: int = setting(64, "Numbers in a vector.", low=1)
    learning_rate: float = setting(0.025, "Rate at the start; it falls to zero.", low=1e-12)


def load(config: Config) -> tuple[sweep.Data, indexing.Indexed]:
    """The data as a run takes it, and the words that are trained."""
    texts, held_out = halves(config.documents)
    read = indexing.index(texts)
    frequent = read.words[:FREQUENT]
    lifts = cooccurrence.lifts_in(held_out, frequent)
    endings = np.array([inflections.ending(word) for word in frequent])
    same = (endings[:, None] == endings[None]) & (endings != "")[:, None]
    np.fill_diagonal(same, False)
    np.fill_diagonal(lifts, 0)
    has_ending = (endings != "").astype(np.float32)
    judged = {"has_ending": has_ending, "syntactic": same, "topical": lifts >= OFTEN}
    asked = inflections.analogies(frequent)
    if not len(asked):
        raise launch.UserError("config.documents: too few for two inflected words, take more")
    return training.data_of(read) | judged | {"analogies": asked}, read


def halves(count: int) -> tuple[list[str], list[str]]:
    """So many docstrings to train on, and as many others that judge."""
    texts = documents.sample(documents.docstrings(), 2 * count, np.random.default_rng(0))
    return texts[:count], texts[count:]


def plan(config: Config) -> sweep.Plan:
    """One program a window."""
    data, read = load(config)
    noise = windows.noise_probabilities(read.counts)
    points = sweep.grid(learning_rate=[config.learning_rate])

    def program(window: int) -> sweep.Run:
        return training.word_vectors(
            word2vec.skip_gram(word2vec.negative_sampling(noise)), word2vec.Plan(window),
            evaluate_all, size=len(read.words), dimensions=config.dimensions, steps=config.steps,
            epochs=config.epochs,
        )  # fmt: skip

    return sweep.plan(
        {f"window {size}": (program(size), points) for size in config.windows},
        data,
        seeds=config.seeds,
        segments=config.epochs,
        labels={f"window {size}": {"window": str(size)} for size in config.windows},
        keep_states=True,
    )


def evaluate(state: TrainState, data: sweep.Data) -> dict[str, Array]:
    """Shares of the nearest words that have the ending of a word, and that share documents; shares
    of analogies that are answered by their offset, and by the nearest word alone."""
    rows = state.params["input"][: len(data["topical"])]
    count = min(NEIGHBOURS, len(rows) - 1)
    _, nearest = similarity.nearest(rows, rows, count, jnp.arange(len(rows))[:, None])
    related = {
        name: jnp.take_along_axis(data[name], nearest, axis=1).mean(axis=1) for name in MEASURES
    }
    has, (a, b, c, right) = data["has_ending"], data["analogies"].T
    _, by_offset = similarity.analogy(rows, a, b, c, count)
    _, alone = similarity.nearest(rows, rows[c], count, data["analogies"][:, :3])
    return {
        "test_analogies": (by_offset == right[:, None]).any(axis=1).mean(),
        "test_nearest": (alone == right[:, None]).any(axis=1).mean(),
        "test_syntactic": (related["syntactic"] * has).sum() / jnp.maximum(has.sum(), 1),
        "test_topical": related["topical"].mean(),
    }


def evaluate_all(state: TrainState, data: sweep.Data) -> dict[str, Array]:
    """`evaluate` by the input rows, by the output rows and by their sum, named as `ROWS` has it."""
    inputs, outputs = state.params["input"], state.params["output"]
    return {
        f"{name}{ending}": value
        for ending, rows in zip(ROWS.values(), (inputs, outputs, inputs + outputs), strict=True)
        for name, value in evaluate(state._replace(params={"input": rows}), data).items()
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Both shares, small window against large, seed by seed; the vectors of the first seed."""
    frame, found = results.frame(), in_common(results.frame(), plan.data)
    small, large = (f"window {size}" for size in (min(config.windows), max(config.windows)))
    syntactic = f"neighbours by {small} are more syntactic than those by {large}"
    topical = f"neighbours by {large} are more topical than those by {small}"
    ending_gain = stats.paired_interval(found.syntactic[small], found.syntactic[large])
    topic_gain = stats.paired_interval(found.topical[large], found.topical[small])
    claims = [
        dataclasses.replace(SYNTACTIC, text=syntactic).judge(ending_gain),
        dataclasses.replace(TOPICAL, text=topical).judge(topic_gain),
        ALIKE.judge(stats.mean_interval(found.topical[large] - found.by_chance[1])),
    ]
    answers = {
        name: frame.pivot(index="seed", columns="program", values=f"test_{column}")
        for name, column in (("by the offset", "analogies"), ("by the nearest words", "nearest"))
    }
    offset, alone = answers.values()
    claims += ANSWERS.judge_each(
        {name: stats.paired_interval(offset[name], alone[name]) for name in plan.programs}
    )
    outputs = in_common(frame, plan.data, ROWS["output"])
    measured = zip(MEASURES.values(), outputs[:2], outputs.by_chance, strict=True)
    claims += OUTPUTS.judge_each(
        {
            f"{what}, {name}": stats.mean_interval(seeds[name] - chance)
            for what, seeds, chance in measured
            for name in plan.programs
        }
    )
    words = load(config)[1].words
    tables = {name: params["input"] for name, params in of_first_seeds(plan, frame).items()}
    launch.save_best(results.workdir, tables, task="word2vec", model="word_windows", words=words)
    sections = [
        Section("Shares of the nearest words", shares(found, plan.programs, "window")),
        Section("Analogies of inflected words", (answered(answers, len(plan.data["analogies"])),)),
        Section("By the rows of either matrix", (by_rows(frame, plan.programs),)),
        Section("Nearest words", (neighbours(tables, words, "window"),)),
    ]
    return launch.Conclusion(claims, sections)


class InCommon(NamedTuple):
    """What a number of words has in common with the nearest: shares, a row a seed, a column a
    program; by_chance: those of any two words."""

    syntactic: pd.DataFrame
    topical: pd.DataFrame
    by_chance: tuple[float, float]
    words: int


def in_common(frame: pd.DataFrame, data: sweep.Data, ending: str = "") -> InCommon:
    """Of the trials of a frame, one a program and seed, which `evaluate` has judged; the names of
    the metrics have this `ending`."""
    syntactic, topical = (
        frame.pivot(index="seed", columns="program", values=f"test_{measure}{ending}").astype(float)
        for measure in MEASURES
    )
    has = data["has_ending"] > 0
    by_chance = (data["syntactic"][has].mean(), data["topical"].mean())
    return InCommon(syntactic, topical, by_chance, len(has))


def shares(
    found: InCommon, programs: Iterable[str], row: str
) -> tuple[report.Table, report.Picture]:
    """Table and picture of these programs, each a `row`, "window" say, beside any two words."""
    measured = zip(MEASURES.values(), found[:2], found.by_chance, strict=True)
    picture, table = report.shares(
        {
            name: {program: seeds[program] for program in programs} | {"any word": share}
            for name, seeds, share in measured
        },
        title=f"What the nearest words have in common, by {row}",
        caption=f"Shares of the {NEIGHBOURS} nearest of {found.words} frequent words, endings over "
        "words that have one; means over seeds with 95 % intervals.",
        row="neighbours",
    )
    return table, picture


def of_first_seeds(plan: sweep.Plan, frame: pd.DataFrame) -> dict[str, PyTree]:
    """The parameters of each program's first trial that came to its end."""
    rows = frame[frame["status"] == "ok"].drop_duplicates("program").to_dict("records")
    return {row["program"]: plan.replay(row).params for row in rows}


def neighbours(tables: Mapping[str, Array], words: list[str], row: str) -> report.Table:
    """The frequent words nearest to those of `SHOWN`, by each table, called a `row`."""
    return report.table(
        {
            "word": word,
            row: name.removeprefix(f"{row} "),
            "nearest frequent words": ", ".join(near),
        }
        for word in SHOWN
        if word in words
        for name, near in nearest_words(tables, words, word).items()
    )


def answered(answers: Mapping[str, pd.DataFrame], questions: int) -> report.Table:
    """Shares of the analogies that are answered in each way, by window."""
    rows = (
        {"window": window.removeprefix("window ")}
        | {f"answered {way} (%)": stats.mean_interval(of[window], "share")
           for way, of in answers.items()}
        for window in next(iter(answers.values()))
    )  # fmt: skip
    return report.table(
        rows, f"Of {questions:,} analogies; means over seeds with their 95 % intervals."
    )


def by_rows(frame: pd.DataFrame, programs: Iterable[str]) -> report.Table:
    """What the nearest have in common, and analogies that are answered, by window and rows."""
    measured = MEASURES | {"analogies": "analogies answered"}
    found = (
        {"window": program.removeprefix("window "), "rows": rows}
        | {f"{what} (%)": stats.mean_interval(trials[f"test_{name}{ending}"], "share")
           for name, what in measured.items()}
        for program in programs
        for trials in [frame[frame["program"] == program]]
        for rows, ending in ROWS.items()
    )  # fmt: skip
    return report.table(found, "Means over seeds with their 95 % intervals.")


def nearest_words(
    tables: Mapping[str, Array | np.ndarray], words: list[str], word: str
) -> dict[str, list[str]]:
    """By window: the frequent words nearest to a word, the nearest first."""
    place = jnp.array([words.index(word)])
    count = min(NEIGHBOURS, len(words) - 1, FREQUENT - 1)
    found = {}
    for window, table in tables.items():
        rows = jnp.asarray(table)
        # A rare word may be asked for, but is no answer.
        _, ids = similarity.nearest(rows[:FREQUENT], rows[place], count + 1)
        found[window] = [words[i] for i in ids[0] if words[i] != word][:count]
    return found


def nearest(workdir: Path, word: str) -> str:
    """The words nearest to one of the user's, a line a window."""
    description, tree = launch.read_best(workdir)
    words = description["words"]
    if word not in words:
        raise ValueError(f"{word!r} is none of the {len(words)} words that the run has trained")
    found = nearest_words(tree["params"], words, word)
    return "\n".join(f"{window}: {', '.join(near)}" for window, near in found.items())


USES = {"nearest": launch.Use("Word whose nearest to print, by what the run has trained.", nearest)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, uses=USES))
