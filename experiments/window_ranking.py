"""Are windows of text told from corrupted ones, and what vectors do the words get from it?

Collobert and Weston's ranking, without probabilities: a small network scores 5 words in a row above
the same with any other word in the middle. On the docstrings of `word_windows`; the accuracy is
that on windows of documents kept out of training, half of which choose the rate, from a grid that
was extended upwards after a look at two seeds. Most words are rarer than those that texts are made
of: by the frequencies of the two words alone nine of ten windows are told. That is what the network
is compared with, at a threshold set when its accuracy was known. The vectors of its words are
judged as there, beside those by skip-gram with the same window, by the share of the 10 nearest of
the 2000 most frequent words that have the same ending. Only the network sees which word stands
where. A seed moves the first vectors and all that is drawn.

    python -m experiments.window_ranking --workdir=runs/window_ranking  # 2.5 minutes on 2 cores
    python -m experiments.window_ranking --workdir=runs/window_ranking --nearest=array
"""

import jax
import numpy as np
import pandas as pd

from experiments import word_windows
from experiments.word_windows import nearest
from jaxdl import launch, report, stats, sweep
from jaxdl.data import splits
from jaxdl.launch import setting
from jaxdl.models import WindowNetwork
from jaxdl.optimizers import adagrad
from jaxdl.report import Claim, Section
from jaxdl.tasks import window_ranking
from jaxdl.types import Array, Batch, PyTree, Task, TrainState
from jaxdl.word_vectors import indexing, training, windows, word2vec

RANKING, SKIP_GRAM = "window ranking", "skip-gram"
END = "share of neighbours with the same ending"
CLAIMS = TOLD, ALIKE, SYNTACTIC = (
    Claim("E5", "windows of new text are told from those with another word in the middle, more of "
          "them than by how frequent the two words are",
          "share of windows told by their scores, minus that by frequency", above=0.02,
          unit="points"),
    Claim("E5", "the nearest words by window ranking have the same ending more often than any two",
          f"{END}, minus that of any two words", above=0.05, unit="points"),
    Claim("E5", "neighbours by window ranking are more syntactic than those by skip-gram",
          f"{END}, difference", above=0.02, unit="points"),
)  # fmt: skip
SIDE, BATCH, HELD_OUT, SPREAD = 2, 256, 4000, 0.1
"""Words on either side of the middle; windows of a step, and of each held-out part; the deviation
of vectors at the start, from which training is to lead away."""


class Config(launch.Config):
    """The text, the vectors, and how they are trained."""

    steps: int = setting(5000, "Steps of a part, each of 256 windows, or of 128 centres.", low=1)
    parts: int = setting(4, "Parts of the training, after each of which vectors are judged.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=1)
    documents: int = setting(8000, "Docstrings to train on; as many others judge.", low=50)
    dimensions: int = setting(64, "Numbers in a vector.", low=1)
    hidden: int = setting(64, "Hidden units of the network that scores windows.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(
        0.03, 0.1, 0.3, help="Of AdaGrad, for ranking."
    )
    skip_gram_rate: float = setting(0.025, "Of skip-gram at the start; it falls to 0.", low=1e-12)


def load(config: Config) -> tuple[sweep.Data, indexing.Indexed]:
    """The data as both runs take it, and the words that are trained."""
    data, read = word_windows.load(word_windows.Config(documents=config.documents))
    _, held_out = word_windows.halves(config.documents)
    split = [words for text in held_out for words in indexing.paragraphs(text)]
    new = np.random.default_rng(0).permutation(middles(indexing.encode(split, read.words)))
    half = min(HELD_OUT, len(new) // 2)
    parts = {"train": middles(read.ids), "validation": new[:half], "test": new[-half:]}
    ranked = splits.in_batches({name: {"x": rows} for name, rows in parts.items()}, 1000)
    return {**data, "windows": ranked}, read


def middles(paragraphs: list[np.ndarray]) -> np.ndarray:
    """All windows of words that stand in a row, int32 `[N, 5]`; none spans two paragraphs."""
    size = 2 * SIDE + 1
    long = [ids for ids in paragraphs if len(ids) >= size]
    return np.concatenate([np.lib.stride_tricks.sliding_window_view(ids, size) for ids in long])


def plan(config: Config) -> sweep.Plan:
    """One program a method."""
    data, read = load(config)
    size, noise = len(read.words), windows.noise_probabilities(read.counts)
    model = WindowNetwork(size, config.dimensions, config.hidden, outputs=1)
    task = beginning_small(window_ranking(model, size))
    ranked = sweep.on(
        lambda hparams, key, data: data["windows"],
        sweep.make_run(sweep.by_rate(task, adagrad), steps=config.steps, batch_size=BATCH),
    )

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        vectors = state._replace(params=tables(state.params))
        return ranked.evaluate(hparams, state, data) | word_windows.evaluate(vectors, data)

    of_text = training.word_vectors(
        word2vec.skip_gram(word2vec.negative_sampling(noise)), word2vec.Plan(SIDE),
        word_windows.evaluate, size=size, dimensions=config.dimensions, steps=config.steps,
        epochs=config.parts,
    )  # fmt: skip
    return sweep.plan(
        {
            RANKING: (
                ranked._replace(evaluate=evaluate),
                sweep.grid(learning_rate=config.learning_rates),
            ),
            SKIP_GRAM: (of_text, sweep.grid(learning_rate=[config.skip_gram_rate])),
        },
        data, seeds=config.seeds, segments=config.parts, keep_states=True,
    )  # fmt: skip


def beginning_small(task: Task) -> Task:
    """The task whose word vectors are short at first."""

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        params, model_state = task.init(key, batch)
        short = jax.tree.map(lambda table: SPREAD * table, params["embedding"])
        return {**params, "embedding": short}, model_state

    return task._replace(init=init)


def tables(params: PyTree) -> dict[str, Array]:
    """The word vectors of either method, as `input`."""
    return {"input": params["embedding"]["embedding"] if "embedding" in params else params["input"]}


def told_by_frequency(windows: Batch, read: indexing.Indexed) -> float:
    """Share of windows whose middle word is more frequent in training than another word.

    Expected over all other words, each as likely; half of one that is as frequent.
    """
    counts, real = np.asarray(read.counts), windows["mask"] > 0
    middle = counts[windows["x"][real][:, SIDE]]
    ranked = np.sort(counts)
    rarer, not_more = (np.searchsorted(ranked, middle, side) for side in ("left", "right"))
    return float(((rarer + (not_more - rarer - 1) / 2) / (len(counts) - 1)).mean())


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """The accuracy of the ranking, and both methods' shares, seed by seed."""
    frame = results.frame()
    is_ranked = frame["program"] == RANKING
    tuned = stats.tune(frame[is_ranked], "program", "learning_rate")
    found = pd.concat([tuned.trials, frame[~is_ranked]], ignore_index=True)
    shared = word_windows.in_common(found, plan.data)
    _, read = load(config)
    endings, by_frequency = shared.syntactic, told_by_frequency(plan.data["windows"]["test"], read)
    claims = [
        TOLD.judge(stats.mean_interval(tuned.scores("test_accuracy")[RANKING] - by_frequency)),
        ALIKE.judge(stats.mean_interval(endings[RANKING] - shared.by_chance[0])),
        SYNTACTIC.judge(stats.paired_interval(endings[RANKING], endings[SKIP_GRAM])),
    ]
    words, of_trials = read.words, word_windows.of_first_seeds(plan, found)
    vectors = {name: tables(params)["input"] for name, params in of_trials.items()}
    launch.save_best(
        results.workdir, vectors, task="word vectors", model="window_ranking", words=words
    )
    told, curves = report.tuned_table(tuned, "test_accuracy"), report.tuned_curves(results, tuned)
    frequency = f"By frequency {report.percent(by_frequency, 1)} % of the test windows are told."
    sections = [
        Section("Windows told from corrupted ones", (told, frequency, *curves)),
        Section(
            "Shares of the nearest words", word_windows.shares(shared, plan.programs, "method")
        ),
        Section("Nearest words", (word_windows.neighbours(vectors, words, "method"),)),
    ]
    return launch.Conclusion(claims, sections)


USES = {"nearest": launch.Use("Word whose nearest to print, by what the run has trained.", nearest)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, uses=USES))
