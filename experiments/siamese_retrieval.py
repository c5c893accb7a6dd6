"""Which sound belongs to a spelling? One encoder of sequences, by its distances.

Words of the CMU pronouncing dictionary, as letters and as phonemes without stress. One recurrent
encoder (GRU, both ways, on the unit sphere) reads either, trained on triplets: a word in one form,
the same word in the other, and another word, half of the time a neighbour in the alphabet. The
triplet loss sees them as they are, the contrastive loss as two pairs. Then new words: among their
500 sounds, which is nearest to a spelling? Beside it the same encoder before training, and the
cosine of tf-idf vectors of 1- to 3-grams of characters, where a sound is written in the letters of
its phonemes ("cat" as "kaet"). A seed moves the initialization and the batches; the rate is chosen
by the mean reciprocal rank on validation words. The test words are the same for all seeds: the
intervals hold no chance of theirs.

    python -m experiments.siamese_retrieval --workdir=runs/siamese_retrieval  # 1 minute on 2 cores
"""

import jax
import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from jaxdl import launch, report, similarity, stats, sweep
from jaxdl.data import splits
from jaxdl.data.sources import documents, pronunciations
from jaxdl.launch import setting
from jaxdl.layers.cells import GRU
from jaxdl.layers.recurrent import RNN, Bidirectional
from jaxdl.metrics import retrieval
from jaxdl.models import SentenceEncoder, Siamese, last_state
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.tasks import siamese
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = (FOUND,) = (
    Claim("S11", "a trained encoder finds the sound of a word better than tf-idf",
          "share of new words whose sound is nearest, minus that of tf-idf", above=0.2,
          unit="points"),
)  # fmt: skip
NEW, LONGEST, NEARBY = 500, 12, 5
LOSSES = {"triplet": siamese.triplet, "contrastive": siamese.contrastive_of_triplets}
MEASURES = {"recall_1": "nearest", "recall_10": "among the 10 nearest", "mrr": "mean 1/rank"}
Pairs = list[tuple[str, tuple[str, ...]]]


class Config(launch.Config):
    """How many words, and the encoder's size and rates."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(3, "Seeds of each setting.", low=1)
    words: int = setting(20_000, "Words to train on.", low=100)
    batch_size: int = setting(64, "Triplets in a step.", low=1, high=100)
    width: int = setting(48, "Units of the encoder, each way.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, help="Peak rates of Adam to try.")


def words(config: Config) -> dict[str, Pairs]:
    """Words of both forms within 12 symbols; those to search have no homophones among them."""
    rng = np.random.default_rng(0)
    found = {}
    for name, part in pronunciations.load()._asdict().items():
        fitting = pronunciations.plain(part, range(3, LONGEST + 1), LONGEST)
        pairs = documents.sample(fitting, len(fitting), rng)
        if name != "train":
            pairs = list({sound: (word, sound) for word, sound in pairs}.values())
        found[name] = pairs[: config.words if name == "train" else NEW]
    return found


def load(parts: dict[str, Pairs]) -> tuple[sweep.Data, int]:
    """Triplets `[N, 3, T]` to train on, spelling and sound `[1, N, 2, T]` else; how many ids."""
    # Of all splits: which letters and phonemes there are is no secret of the test words.
    pairs = [pair for part in parts.values() for pair in part]
    symbols = sorted({symbol for pair in pairs for form in pair for symbol in form})
    ids = {symbol: place + 1 for place, symbol in enumerate(symbols)}
    forms = {}
    for name, part in parts.items():
        forms[name] = np.zeros((len(part), 2, LONGEST), np.int32)
        for row, pair in enumerate(sorted(part) if name == "train" else part):
            for form, text in enumerate(pair):
                forms[name][row, form, : len(text)] = [ids[symbol] for symbol in text]
    data = {name: {"x": x} for name, x in forms.items()} | {
        "train": siamese.triplets_of_forms(np.random.default_rng(0), forms["train"], NEARBY)
    }
    return splits.in_batches(data), len(ids) + 1


def plan(config: Config) -> sweep.Plan:
    """One program a loss; a rate of 0 leaves the encoder as it began."""
    data, size = load(words(config))

    def program(loss: str) -> sweep.Run:
        task = siamese_task(loss, size, config.width)

        def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
            found: dict[str, Array] = {}
            for split in ("validation", "test"):
                vectors = task.predict(state.params, state.model_state, {"x": data[split]["x"][0]})
                measures = retrieval.measures(retrieval.ranks(vectors[:, 0] @ vectors[:, 1].T))
                found |= {f"{split}_{name}": value for name, value in measures.items()}
            return found

        build = sweep.by_rate(task, adam, schedules.cosine(config.steps))
        run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return run._replace(evaluate=evaluate)

    rates = {"triplet": (*config.learning_rates, 0.0), "contrastive": config.learning_rates}
    programs = {loss: (program(loss), sweep.grid(learning_rate=rates[loss])) for loss in LOSSES}
    return sweep.plan(programs, data, seeds=config.seeds, keep_states=True)


def siamese_task(loss: str, size: int, width: int) -> Task:
    """The task of a loss on triplets."""

    def on_the_sphere(carry: PyTree, outputs: Array, mask: Array) -> Array:
        return similarity.unit(last_state(carry, outputs, mask))

    body = Bidirectional(RNN(width, GRU), RNN(width, GRU, reverse=True))
    return LOSSES[loss](Siamese(SentenceEncoder(size, width, body, on_the_sphere)))


def tf_idf(parts: dict[str, Pairs]) -> dict[str, float]:
    """The measures by the cosines `[N, N]` of test words and sounds."""
    written = {
        name: ([word for word, _ in pairs], ["".join(sound).lower() for _, sound in pairs])
        for name, pairs in parts.items()
    }
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 3), sublinear_tf=True)
    vectorizer.fit(written["train"][0] + written["train"][1])
    queries, candidates = (vectorizer.transform(texts) for texts in written["test"])
    measured = retrieval.measures(retrieval.ranks((queries @ candidates.T).toarray()))
    return {name: float(value) for name, value in measured.items()}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Each loss at the rates that others chose; examples of the first seed."""
    parts, frame = words(config), results.frame()
    counted = tf_idf(parts)
    trained = frame[frame["learning_rate"] > 0]
    tuned = stats.tune(trained, "program", "learning_rate", "validation_mrr")
    trials = {name: group.trials for name, group in tuned.groups("program").items()}
    trials["untrained"] = frame[frame["learning_rate"] == 0]
    picture, table = report.shares(
        {
            label: {name: part[f"test_{measure}"] for name, part in trials.items()}
            | {"tf-idf": counted[measure]}
            for measure, label in MEASURES.items()
        },
        title="Finding the sound of a spelling among 500",
        caption="Mean over seeds and its 95 % interval, "
        f"{report.CHOSEN}: {report.chosen_values(tuned)}.",
        examples={label: NEW for measure, label in MEASURES.items() if measure != "mrr"},
    )
    better = {loss: trials[loss]["test_recall_1"] - counted["recall_1"] for loss in LOSSES}
    claims = [
        FOUND.judge(stats.mean_interval(more), f"{loss} loss") for loss, more in better.items()
    ]
    first = stats.jointly_chosen(trained, tuned).query("program == 'triplet'").iloc[0]
    nearest = examples(config, plan, plan.replay(first).params, parts)
    sections = [
        Section("Among 500 sounds of new words", (table, picture)),
        Section("The sounds that are nearest", (nearest,)),
    ]
    return launch.Conclusion(claims, sections)


def examples(
    config: Config, plan: sweep.Plan, params: PyTree, parts: dict[str, Pairs]
) -> report.Table:
    """Some test words with their sound's rank, and the sounds nearest to them."""
    task = siamese_task("triplet", load(parts)[1], config.width)
    vectors = jax.jit(task.predict)(params, {}, {"x": plan.data["test"]["x"][0]})
    order = np.argsort(-np.asarray(vectors[:, 0] @ vectors[:, 1].T), axis=1)
    sounds = [" ".join(sound) for _, sound in parts["test"]]
    return report.table(
        (
            {
                "spelling": word,
                "its sound": sounds[place],
                "rank": int(np.flatnonzero(order[place] == place)[0]) + 1,
                "nearest sounds, the nearest first": "; ".join(sounds[i] for i in order[place, :3]),
            }
            for place, (word, _) in enumerate(parts["test"][:12])
        ),
        "The first 12 test words, by the triplet loss, first seed.",
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
