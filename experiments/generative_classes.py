"""To classify by generation: which class's language model finds a sentence likeliest?

In which of six sections of a docstring does a sentence stand? A language model of words (an LSTM)
for each section; Bayes' rule with the sections' shares chooses. The same six models, trained
together, learn to generate the sentences of their own section, or to tell sections apart; and one
LSTM as large as the six reads the sentence and answers at its end. With 60, 600 or 6000 labelled
sentences, which the seed draws; a seed moves initialization and batches too. Rates, and after how
many of four parts of the steps training is to stop, are chosen on validation.

    # 4 minutes on 2 cores
    python -m experiments.generative_classes --workdir=runs/generative_classes
"""

import math

import numpy as np
import pandas as pd

from experiments import text_cnn
from experiments.text_cnn import LONGEST, SECTIONS
from jaxdl import launch, losses, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.data.text import bucketing, vocabulary
from jaxdl.data.text.vocabulary import PAD
from jaxdl.launch import setting
from jaxdl.layers import RNN, Embedding
from jaxdl.models import Acceptor, ByClass, LanguageModel
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section

LABELS = (60, 600, 6000)
CLAIMS = FEW, MANY, SAME_MODEL = (
    Claim("S15", "with the fewest labels, classifying by generation is better than an LSTM that "
          "answers", "paired difference in test accuracy", above=0.02, unit="points"),
    Claim("S15", "with the most labels, an LSTM that answers is better than classifying by "
          "generation", "paired difference in test accuracy", above=0.02, unit="points"),
    Claim("S15", "with the most labels, the same models are better at classes where they learned "
          "to tell them apart", "paired difference in test accuracy", above=0.02, unit="points"),
)  # fmt: skip
GENERATIVE, DISCRIMINATIVE, ANSWERS = "generation", "the same, discriminative", "an LSTM answers"
PARTS = 4


class Config(launch.Config):
    """The sentences, the models, and their training."""

    steps: int = setting(60, "Training steps of each of four parts.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=2)
    documents: int = setting(25000, "Docstrings to take, of all splits.", low=500)
    vocabulary: int = setting(400, "Words that are known, the most frequent ones.", low=10)
    batch_size: int = setting(32, "Sentences in a step.", low=1, high=60)
    width: int = setting(32, "Units of each language model, and numbers of a word's vector.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2)


def load(config: Config) -> tuple[sweep.Data, list[float], int]:
    """The data as a run takes it, the share of each section, and how many words there are."""
    placed, rng = text_cnn.placed(config.documents), np.random.default_rng(0)
    placed["train"] = documents.sample(placed["train"], max(LABELS), rng)
    words = (word for one in placed["train"] for word in one.words)
    known = vocabulary.build(words, config.vocabulary)
    data = {}
    for name, part in placed.items():
        x = [vocabulary.framed(vocabulary.encode(known, one.words)) for one in part]
        y = np.array([SECTIONS.index(one.section) for one in part], np.int32)
        data[name] = {"x": bucketing.pad(x, LONGEST + 2)["x"], "y": y}
    shares = np.bincount(data["train"]["y"], minlength=len(SECTIONS)) + 1.0
    return splits.in_batches(data, 100), list(shares / shares.sum()), len(known)


def plan(config: Config) -> sweep.Plan:
    """One program per model and loss; labels, rate and seed are numbers inside it."""
    data, prior, size = load(config)
    each = LanguageModel(size, config.width, RNN(config.width))
    by_class = ByClass(prior, each)
    wide = RNN(round(config.width * math.sqrt(len(SECTIONS))))
    answers = Acceptor(len(SECTIONS), wide, Embedding(size, config.width), PAD)
    compared = {
        GENERATIVE: tasks.classification(by_class, loss=losses.negative_log_likelihood),
        DISCRIMINATIVE: tasks.classification(by_class),
        ANSWERS: tasks.classification(answers),
    }
    points = sweep.grid(labels=LABELS, learning_rate=config.learning_rates)
    cosine = schedules.cosine(PARTS * config.steps)
    programs = {
        name: (
            sweep.few_labels(
                sweep.make_run(
                    sweep.by_rate(task, adam, cosine),
                    steps=config.steps,
                    batch_size=config.batch_size,
                )
            ),
            points,
        )
        for name, task in compared.items()
    }
    return sweep.plan(programs, data, seeds=config.seeds, segments=PARTS, column="model")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by number of labels, paired over seeds, at what other seeds chose."""
    frame = stopped(results)
    tuned = stats.tune(frame, ("labels", "model"), ("learning_rate", "parts"))
    few, many = LABELS[0], LABELS[-1]

    def gain(count: int, name: str, against: str) -> stats.Interval:
        return tuned.gain("test_accuracy", (count, name), (count, against))

    claims = [
        FEW.judge(gain(few, GENERATIVE, ANSWERS)),
        MANY.judge(gain(many, ANSWERS, GENERATIVE)),
        SAME_MODEL.judge(gain(many, DISCRIMINATIVE, GENERATIVE)),
    ]
    pictures = report.along(
        tuned.trials, "labels", "test_accuracy", line="model", title="Sections rightly told",
        x_label="labelled sentences (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=ANSWERS)
    return launch.Conclusion(claims, [Section("By number of labels", (*pictures, table))])


def stopped(results: sweep.Results) -> pd.DataFrame:
    """A row for each trial and each of its evaluations, `parts` of the steps being done."""
    frame, metrics = results.frame(), ("validation_accuracy", "test_accuracy")
    frame = frame.assign(labels=frame["labels"].astype(int))
    rows = frame.drop(columns=list(metrics))
    found = [results.curve_frame(name, rows).rename(columns={"step": "parts"}) for name in metrics]
    both = found[0].assign(**{metrics[1]: found[1][metrics[1]]})
    return both.sort_values("labels", kind="stable", ignore_index=True)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
