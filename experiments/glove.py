"""Is GloVe as good as skip-gram, and are both side by side better than either?

Vectors of the words of docstrings. Skip-gram with 5 negatives goes through the windows of the text,
GloVe by AdaGrad through the counts of words that stand near each other. Their steps are set so that
both train for about as long on two cores, counting not included; the report says how long they did.
Judged as in `word_windows`, on the 10 nearest of the 2000 most frequent words: the share with the
same ending, and the share in the same held-out documents. Side by side: vectors of length 1, one
behind the other. A seed moves the first vectors and what is drawn.

    python -m experiments.glove --workdir=runs/glove  # 2 minutes on 2 cores
    python -m experiments.glove --workdir=runs/glove --nearest=array
"""

import jax
import jax.numpy as jnp
import pandas as pd

from experiments import word_windows
from experiments.word_windows import MEASURES, nearest
from jaxdl import launch, report, similarity, stats, sweep
from jaxdl.launch import setting
from jaxdl.optimizers import adagrad
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState
from jaxdl.word_vectors import cooccurrence, glove, indexing, training, windows, word2vec

SKIP_GRAM, GLOVE, BOTH = "skip-gram", "GloVe", "side by side"
TOPIC = "share of neighbours in the same documents, difference"
END = "share of neighbours with the same ending, difference"
CLAIMS = TOPICAL, SYNTACTIC, BETTER = (
    Claim("E11", "neighbours by GloVe are as topical as those by skip-gram",
          TOPIC, above=-0.02, unit="points"),
    Claim("E11", "neighbours by GloVe are as syntactic as those by skip-gram",
          END, above=-0.02, unit="points"),
    Claim("E11", "neighbours by both side by side are more topical than those by skip-gram",
          TOPIC, above=0.0, unit="points"),
)  # fmt: skip


class Config(launch.Config):
    """The text, the vectors, and how they are trained."""

    steps: int = setting(20000, "Steps of skip-gram in an epoch, each of 128 centres.", low=1)
    glove_steps: int = setting(260, "Steps of GloVe in as much time as such an epoch.", low=1)
    epochs: int = setting(4, "Times that the words are gone through.", low=1)
    seeds: int = setting(16, "Seeds of each method.", low=1)
    window: int = setting(10, "Largest distance of a neighbour.", low=1)
    documents: int = setting(8000, "Docstrings to train on; as many others judge.", low=50)
    dimensions: int = setting(64, "Numbers in a vector.", low=1)
    batch_size: int = setting(8192, "Pairs of words in a step of GloVe.", low=1)
    learning_rate: float = setting(0.025, "Of skip-gram at the start; it falls to 0.", low=1e-12)
    glove_rate: float = setting(0.05, "Of GloVe's AdaGrad.", low=1e-12)


def load(config: Config) -> tuple[sweep.Data, indexing.Indexed]:
    """The data as a run takes it, and the text that is trained on."""
    data, read = word_windows.load(word_windows.Config(documents=config.documents))
    pairs = glove.pairs(cooccurrence.near(read.ids, len(read.words), config.window))
    if len(pairs["count"]) < config.batch_size:
        raise launch.UserError(
            f"config.batch_size: {len(pairs['count'])} pairs of words stand near each other"
        )
    return {**data, "pairs": pairs}, read


def plan(config: Config) -> sweep.Plan:
    """One program a method."""
    data, read = load(config)
    size, noise = len(read.words), windows.noise_probabilities(read.counts)
    task = glove.glove(size, config.dimensions)
    of_pairs = sweep.on(
        lambda hparams, key, data: {"train": data["pairs"]},
        sweep.make_run(
            sweep.by_rate(task, adagrad), steps=config.glove_steps, batch_size=config.batch_size
        ),
    )

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        return word_windows.evaluate(state._replace(params=tables(state.params)), data)

    of_text = training.word_vectors(
        word2vec.skip_gram(word2vec.negative_sampling(noise)), word2vec.Plan(config.window),
        word_windows.evaluate, size=size, dimensions=config.dimensions, steps=config.steps,
        epochs=config.epochs,
    )  # fmt: skip
    return sweep.plan(
        {
            SKIP_GRAM: (of_text, sweep.grid(learning_rate=[config.learning_rate])),
            GLOVE: (
                of_pairs._replace(evaluate=evaluate),
                sweep.grid(learning_rate=[config.glove_rate]),
            ),
        },
        data, seeds=config.seeds, segments=config.epochs, keep_states=True,
    )  # fmt: skip


def tables(params: PyTree) -> dict[str, Array]:
    """The word vectors of either method, as `input`."""
    return {"input": glove.vectors(params) if "input_bias" in params else params["input"]}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Both shares, seed by seed, of each method and of both; the vectors of the first seed."""
    frame = results.frame()
    found = pd.concat([frame, side_by_side(plan, frame)], ignore_index=True)
    shared = word_windows.in_common(found, plan.data)
    topics, endings = shared.topical, shared.syntactic
    claims = [
        TOPICAL.judge(stats.paired_interval(topics[GLOVE], topics[SKIP_GRAM])),
        SYNTACTIC.judge(stats.paired_interval(endings[GLOVE], endings[SKIP_GRAM])),
        BETTER.judge(stats.paired_interval(topics[BOTH], topics[SKIP_GRAM])),
    ]
    took = results.clock().reindex([SKIP_GRAM, GLOVE])["running"] / config.seeds
    seconds = report.table(
        [{"method": name, "seconds a seed": float(took[name])} for name in (SKIP_GRAM, GLOVE)],
        "Of the whole machine, evaluations among them; without the counting of pairs.",
    )
    words, of_trials = load(config)[1].words, word_windows.of_first_seeds(plan, frame)
    vectors = {name: tables(params)["input"] for name, params in of_trials.items()}
    launch.save_best(results.workdir, vectors, task="word vectors", model="glove", words=words)
    shares = word_windows.shares(shared, (SKIP_GRAM, GLOVE, BOTH), "method")
    sections = [
        Section("Shares of the nearest words", (*shares, seconds)),
        Section("Nearest words", (word_windows.neighbours(vectors, words, "method"),)),
    ]
    return launch.Conclusion(claims, sections)


def side_by_side(plan: sweep.Plan, frame: pd.DataFrame) -> pd.DataFrame:
    """A row a seed, of vectors of both methods one behind the other; nan where one is missing."""
    judge = jax.jit(lambda state, data: word_windows.evaluate(state, data))
    rows = []
    for seed, own in frame.groupby("seed"):
        ended = own[own["status"] == "ok"].to_dict("records")
        measured = dict.fromkeys((f"test_{name}" for name in MEASURES), float("nan"))
        if len(ended) == 2:
            states = [plan.replay(row) for row in ended]
            units = [similarity.unit(tables(state.params)["input"]) for state in states]
            both = states[0]._replace(
                params={"input": jnp.concatenate(units, axis=1)}, opt_state=()
            )
            measured = {name: float(value) for name, value in judge(both, plan.data).items()}
        rows.append({"program": BOTH, "seed": seed, "status": "ok", **measured})
    return pd.DataFrame(rows)


USES = {"nearest": launch.Use("Word whose nearest to print, by what the run has trained.", nearest)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
