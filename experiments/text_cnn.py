"""Where does a convolution over words look, and does it beat a bag of words?

Sentences of the installed packages' docstrings: which part of a docstring (description, parameters,
returns, attributes, notes, examples) does one stand in? A sentence's vector is the mean of its
words, the largest responses to 2 to 5 consecutive words, or those of a dilated or a hierarchical
stack; the embedding is equally wide. Whole documents are held out. A seed moves initialization and
batches; the rate is chosen by validation loss. In each test sentence the n-gram with the largest
contribution to the predicted class is blanked, and, instead, as many consecutive words at a random
place (it may overlap the former): how many nats does the predicted class lose?

    python -m experiments.text_cnn --workdir=runs/text_cnn  # 3 minutes on 2 cores
"""

import itertools
from collections import Counter
from collections.abc import Sequence

import jax
import numpy as np

from jaxdl import launch, models, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents, sections
from jaxdl.data.sources.sections import SECTIONS
from jaxdl.data.text import vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.launch import setting
from jaxdl.layers.embedding import Embedding
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section, Table
from jaxdl.types import PyTree

CLAIMS = CONVOLUTIONS, ARGMAX = (
    Claim("E9", "a convolution is better than a bag of words",
          "paired difference in test accuracy", above=0.02, unit="points"),
    Claim("E9", "informative n-grams are at the argmax: blanking them costs more than others",
          "paired difference in the predicted class's log-probability lost",
          above=0.2, unit="nats"),
)  # fmt: skip
SHORTEST, LONGEST = 6, 32
OF_A_SECTION = {"train": 2500, "validation": 250, "test": 250}
BAG, KIM = "bag of words", "n-grams"
SHOWN, LOST = 8, "lost by the predicted class (nats)"


class Config(launch.Config):
    """The sentences, what is compared, and the training."""

    steps: int = setting(1200, "Training steps of each trial.", low=1)
    seeds: int = setting(5, "Seeds of each setting.", low=2)
    documents: int = setting(25000, "Docstrings to take, of all splits.", low=500)
    batch_size: int = setting(64, "Sentences in a step.", low=1, high=100)
    features: int = setting(48, "Numbers that a word is embedded in.", low=1)
    channels: int = setting(32, "Features of each width and of each layer.", low=1)
    bodies: tuple[str, ...] = setting(
        ("bag of words", "n-grams", "dilated", "hierarchical"),
        "What to compare; there is 'n-grams, summed' besides, which adds up responses.",
    )
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2)


def placed(documents_taken: int) -> dict[str, list[sections.Placed]]:
    """Sentences by split, at most so many of a section; whole documents are in one split."""
    found = documents.sample(documents.docstrings(), documents_taken, np.random.default_rng(0))
    cuts = [0, int(0.7 * len(found)), int(0.85 * len(found)), len(found)]
    parts = sections.split(found[a:b] for a, b in itertools.pairwise(cuts))
    kept: dict[str, list[sections.Placed]] = {}
    for (name, most), part in zip(OF_A_SECTION.items(), parts, strict=True):
        fit = [one for one in part if SHORTEST <= len(one.words) <= LONGEST]
        of = {section: [one for one in fit if one.section == section] for section in SECTIONS}
        kept[name] = [one for mine in of.values() for one in mine[:most]]
    return kept


def encoded(part: Sequence[sections.Placed], known: Vocabulary) -> dict[str, np.ndarray]:
    """Ids of words `[N, LONGEST]`, and the number of the section each stands in."""
    return {
        "x": vocabulary.rows(known, (one.words for one in part), LONGEST),
        "y": np.array([SECTIONS.index(one.section) for one in part], np.int32),
    }


def load(config: Config) -> tuple[sweep.Data, Vocabulary]:
    """The data as a run takes it, and the vocabulary."""
    kept = placed(config.documents)
    known = vocabulary.build((word for one in kept["train"] for word in one.words), None, 2)
    return splits.in_batches(
        {name: encoded(part, known) for name, part in kept.items()}, 100
    ), known


def classifier(config: Config, words: int, name: str) -> models.TextClassifier:
    """The embedding of so many words, the body of that name, and a layer for the sections."""
    bodies = {
        BAG: models.Bag(),
        KIM: models.NGrams(config.channels),
        "n-grams, summed": models.SummedNGrams(config.channels),
        "dilated": models.Dilated(config.channels),
        "hierarchical": models.Hierarchical(config.channels),
    }
    body = launch.choose("bodies", name, bodies)
    return models.TextClassifier(Embedding(words, config.features), body, len(SECTIONS))


def plan(config: Config) -> sweep.Plan:
    """A program for each body; rate and seed are numbers inside it."""
    if {BAG, KIM} - set(config.bodies):
        raise launch.UserError(f"config.bodies: {BAG} and {KIM} are to be among them")
    data, known = load(config)
    points = sweep.grid(learning_rate=config.learning_rates)

    def run(name: str) -> sweep.Run:
        model = classifier(config, len(known), name)
        task = tasks.classification(model)
        task = tasks.blanking(task, model) if name == KIM else task
        build = sweep.by_rate(task, adam, schedules.cosine(config.steps))
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {name: (run(name), points) for name in config.bodies}
    return sweep.plan(programs, data, seeds=config.seeds, column="model", keep_states=True)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy paired over seeds, each body at its own rate; what blanking costs; the n-grams."""
    frame = results.frame()
    tuned = stats.tune(frame, "model", "learning_rate", "validation_loss")
    gains = tuned.gains("test_accuracy", BAG)
    accuracy = CONVOLUTIONS.judge_each(gains)
    lost = {
        f"at {place}": tuned.scores(f"test_at_{name}")[KIM]
        for place, name in (("the argmax", "argmax"), ("a random place", "random"))
    }
    argmax = ARGMAX.judge(stats.paired_interval(*lost.values()))
    blanked = report.table(
        (
            {"n-gram that is blanked": place, LOST: stats.mean_interval(nats)}
            for place, nats in lost.items()
        ),
        "Means over test sentences and seeds, and 95 % intervals over seeds.",
    )
    scores = (
        report.picture(
            report.intervals(accuracy, list(gains), title="Accuracy above a bag of words")
        ),
        report.tuned_table(tuned, "test_accuracy", against=BAG),
        report.tuned_table(tuned, "test_loss", against=BAG),
    )
    row = stats.example(frame, tuned, KIM)
    grams = [] if row is None else [loudest(config, plan, row)]
    return launch.Conclusion(
        [*accuracy, argmax],
        [
            Section("On sentences of held-out documents", scores),
            Section("Where the largest responses are", (blanked, *grams)),
        ],
    )


def loudest(config: Config, plan: sweep.Plan, row: PyTree) -> Table:
    """The n-grams that speak loudest most often, in test sentences rightly classified."""
    _, known = load(config)
    params, test = plan.replay(row).params, plan.data["test"]
    model = classifier(config, len(known), KIM)
    found = jax.jit(lambda words: jax.lax.map(lambda x: tasks.loudest(model, params, x), words))
    starts, widths, best = (np.asarray(part).ravel() for part in found(test["x"]))
    words = test["x"].reshape(-1, LONGEST)
    right = (best == test["y"].ravel()) & (test["mask"].ravel() > 0)
    rows: list[dict[str, str]] = []
    for number, section in enumerate(SECTIONS):
        counts = Counter(
            " ".join(known.words[i] for i in words[place, starts[place] :][: widths[place]])
            for place in np.flatnonzero(right & (best == number))
        )
        grams = "; ".join(f"{gram} ({n})" for gram, n in counts.most_common(SHOWN))
        sentences = str(counts.total())
        rows.append(
            {"section": section, "sentences": sentences, "most frequent loudest n-grams": grams}
        )
    return report.table(rows, "One seed; in brackets, in how many sentences.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
