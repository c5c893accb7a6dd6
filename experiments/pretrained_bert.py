"""What is a BERT that others have trained worth, by the number of labels?

In which part of a docstring does a sentence stand (as in `text_cnn`), with 8 to 512 labels, which
the seed draws and all share. MiniLM, 6 layers of 384 numbers, is taken from the package index as it
is: a vector of each sentence, and a linear layer on it, which alone is trained. Against a linear
layer on the words that occur, and on their tf-idf, and a small convolution over words from scratch.
The rate is chosen on validation in each cell. With `full` MiniLM is tuned too, in all its layers,
from the same labels, on as many as 64 and 512. It may have read these packages' documentation, not
their labels.

    # 2 minutes on 2 cores, half of it for the vectors
    python -m experiments.pretrained_bert --workdir=runs/pretrained_bert
    python -m experiments.pretrained_bert --workdir=runs/pretrained_bert \\
        --similar="The fitted model is returned."
    python -m experiments.pretrained_bert --config.full=true --workdir=runs/pretrained_bert_full
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.feature_extraction.text import TfidfTransformer

from experiments.pretrained_embeddings import few_labels
from jaxdl import launch, report, similarity, stats, sweep, tasks
from jaxdl.data import batches
from jaxdl.data.sources import documents, sections
from jaxdl.data.sources.sections import SECTIONS
from jaxdl.data.text import bucketing, tokenizers, vocabulary
from jaxdl.launch import setting
from jaxdl.layers.embedding import Embedding
from jaxdl.models import NGrams, TextClassifier, pretrained
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = WORDS, NETWORK, EIGHTH, TUNED_WINS = (
    Claim("T9", "frozen, it is better than the best bag of words",
          "paired difference in test accuracy", above=0.05, unit="points"),
    Claim("T9", "frozen, it is better than a small network from scratch",
          "paired difference in test accuracy", above=0.05, unit="points"),
    Claim("T9", "an eighth of the labels with it is worth more than all of them without",
          "difference in test accuracy, frozen minus the best bag of words", above=0.0,
          unit="points"),
    Claim("T5", "tuned in all layers, it is better than frozen",
          "paired difference in test accuracy", above=0.01, unit="points"),
)  # fmt: skip
FROZEN, TUNED, SCRATCH = "MiniLM, frozen", "MiniLM, tuned", "convolution from scratch"
BAG, TFIDF = "bag of words", "bag of words, tf-idf"
SHORTEST, LONGEST, NEAREST, MANY = 6, 32, 6, 64
SHARES = {"train": 1.0, "validation": 0.4, "test": 1.0}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(launch.Config):
    """The sentences, and the training with labels."""

    steps: int = setting(200, "Training steps of each trial; of MiniLM tuned half.", low=2)
    seeds: int = setting(6, "Seeds of each setting.", low=1)
    full: bool = setting(False, "Tune MiniLM too, which takes half an hour.")
    labels: tuple[int, ...] = setting((8, 64, 512), "Labelled sentences.", low=1, high=512)
    sentences: int = setting(100, "Sentences of each section, in training and in test.", low=4)
    length: int = setting(48, "Word pieces, or words, of a sentence that are read.", low=4)
    documents: int = setting(25_000, "Docstrings to take, of all splits.", low=500)
    batch_size: int = setting(32, "Sentences in a step; to tune MiniLM, half of them.", low=2)
    learning_rates: tuple[float, ...] = setting(
        (1e-3, 1e-2, 1e-1), "Peak rates of Adam to try.", low=1e-12
    )
    tuning_rate: float = setting(1e-4, "Peak rate of Adam for MiniLM.", low=1e-12)


def read(config: Config) -> dict[str, list[sections.Placed]]:
    """Sentences with their sections, as many of each; those of a document are of one split."""
    found = documents.sample(documents.docstrings(), config.documents, np.random.default_rng(0))
    cuts = [0, int(0.5 * len(found)), int(0.7 * len(found)), len(found)]
    parts = sections.split(found[a:b] for a, b in itertools.pairwise(cuts))
    return {
        name: of_each(part, math.ceil(share * config.sentences))
        for (name, share), part in zip(SHARES.items(), parts, strict=True)
    }


def load(config: Config) -> dict[str, Any]:
    """What each method sees of the sentences, and how MiniLM's vectors were centred and scaled."""
    model, length = pretrained.minilm(), config.length
    assert model.tokenizer is not None
    data: dict[str, Any] = {"body": model.body.params} if config.full else {}
    for name, placed in read(config).items():
        texts = [" ".join(one.words) for one in placed]
        words = [tokenizers.words(text)[:length] for text in texts]
        vectors = pretrained.encode(model, texts, length=length)
        if name == "train":
            known = vocabulary.build((word for each in words for word in each), None, 2)
            scale = data["scale"] = {
                "mean": vectors.mean(axis=0),
                "spread": vectors.std(axis=0).mean(),
            }
        x = bucketing.pad([vocabulary.encode(known, each) for each in words], length)["x"]
        counts = vocabulary.bag_of_words(x, len(known))
        if name == "train":
            weigher = TfidfTransformer().fit(counts)
        pieces = pretrained.tokenized(model.tokenizer, texts, length)["x"]
        arrays = {
            "y": np.array([SECTIONS.index(one.section) for one in placed], np.int32),
            SCRATCH: x,
            TUNED: np.pad(pieces, ((0, 0), (0, length - pieces.shape[1]))),
            BAG: (counts > 0).astype(np.float32),
            TFIDF: weigher.transform(counts).toarray().astype(np.float32),
            FROZEN: (vectors - scale["mean"]) / scale["spread"],
        }
        data[name] = arrays if name == "train" else batches.padded_batches(arrays, 60)
    return data


def of_each(part: Iterable[sections.Placed], most: int) -> list[sections.Placed]:
    """At most so many sentences of each section, neither short nor long."""
    fit = [one for one in part if SHORTEST <= len(one.words) <= LONGEST]
    of_a_section = ([one for one in fit if one.section == name][:most] for name in SECTIONS)
    return list(itertools.chain(*of_a_section))


def plan(config: Config) -> sweep.Plan:
    """A program for each method; rate and number of labels are numbers inside it."""
    data = load(config)
    words = 1 + max(int(data[name][SCRATCH].max()) for name in SHARES)
    linear = nn.Dense(len(SECTIONS), kernel_init=nn.initializers.zeros)
    text_cnn = TextClassifier(Embedding(words, 48), NGrams(32), len(SECTIONS))
    models: dict[str, nn.Module] = {BAG: linear, TFIDF: linear, FROZEN: linear, SCRATCH: text_cnn}

    def run(name: str, model: nn.Module, steps: int, size: int) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            shape = schedules.warmup_then(steps // 10, schedules.cosine(steps - steps // 10))
            return tasks.classification(model), adam(
                schedules.scaled(hparams["learning_rate"], shape)
            )

        return few_labels(seeing(name, sweep.make_run(build, steps=steps, batch_size=size)))

    points = sweep.grid(labels=config.labels, learning_rate=config.learning_rates)
    programs = {
        name: (run(name, model, config.steps, config.batch_size), points)
        for name, model in models.items()
    }
    if config.full:
        body: Any = pretrained.minilm().model
        model = pretrained.SentenceClassifier(body, len(SECTIONS))
        many = [count for count in config.labels if count >= MANY]
        programs[TUNED] = (
            run(TUNED, model, config.steps // 2, config.batch_size // 2),
            sweep.grid(labels=many, learning_rate=[config.tuning_rate]),
        )
    return sweep.plan(programs, data, seeds=config.seeds, column="model")


def seeing(name: str, run: sweep.Run) -> sweep.Run:
    """The run on what a method sees of the sentences, begun with trained weights if it has any."""

    def view(data: sweep.Data) -> sweep.Data:
        return {
            split: {key: data[split][key] for key in ("y", "mask") if key in data[split]}
            | {"x": data[split][name]}
            for split in SHARES
        }

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state = run.init(hparams, key, view(data))
        if name != TUNED:
            return state
        return state._replace(params=pretrained.with_body(state.params, data["body"]))

    return sweep.Run(
        init,
        lambda hparams, state, data: run.advance(hparams, state, view(data)),
        lambda hparams, state, data: run.evaluate(hparams, state, view(data)),
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by method and number of labels, at the rates that other seeds chose."""
    frame = results.frame()
    frame = frame.assign(labels=frame["labels"].astype(int), test="sections")
    frame = frame.sort_values("labels", kind="stable", ignore_index=True)
    tuned = stats.tune(frame, ("labels", "model"), "learning_rate")

    def bag(count: int) -> str:
        rows = tuned.selection[tuned.selection["labels"] == count].set_index("model")
        return max((BAG, TFIDF), key=lambda name: rows["validation_accuracy"].fillna(0)[name])

    def gains(pairs: dict[str, tuple[tuple, tuple]]) -> dict[str, stats.Interval]:
        return {name: tuned.gain("test_accuracy", *pair) for name, pair in pairs.items()}

    labels = config.labels
    eighths = {f"{n} against {8 * n}": ((n, FROZEN), (8 * n, bag(8 * n)))
               for n in labels if 8 * n in labels}  # fmt: skip
    claims = [
        *WORDS.judge_each(gains({f"{n} labels": ((n, FROZEN), (n, bag(n))) for n in labels})),
        *NETWORK.judge_each(gains({f"{n} labels": ((n, FROZEN), (n, SCRATCH)) for n in labels})),
        *EIGHTH.judge_each(gains(eighths)),
    ]
    if config.full:
        many = {f"{n} labels": ((n, TUNED), (n, FROZEN)) for n in labels if n >= MANY}
        claims += TUNED_WINS.judge_each(gains(many))
    pictures = report.along(
        tuned.trials, "labels", "test_accuracy", panel="test", line="model",
        title="Sections of documentation by the number of labels",
        x_label="labelled sentences (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=FROZEN)
    if row := stats.example(frame, tuned, (max(labels), FROZEN)):
        keep(config, plan, plan.replay(row).params, row["trial"], results.workdir)
    return launch.Conclusion(claims, [Section("By the number of labels", (table, *pictures))])


def keep(config: Config, plan: sweep.Plan, head: PyTree, trial: str, workdir: Path) -> None:
    """A linear layer with the sentences that it learned from, for `similar`."""
    placed = read(config)["train"]
    params = {"head": head, "vectors": plan.data["train"][FROZEN], **plan.data["scale"]}
    launch.save_best(
        workdir, params, {}, None,
        task="classification", model="pretrained_bert", options={"length": config.length},
        input_shape=None,
        sentences=[" ".join(one.words) for one in placed], trial=trial,
        sections=[one.section for one in placed],
    )  # fmt: skip


def similar(workdir: Path, text: str) -> str:
    """The sentences nearest to one of the user's, and the section that it is taken for."""
    found = launch.load(workdir, lambda _: tasks.classification(nn.Dense(len(SECTIONS))))
    params, known = found.params, found.description
    vector = pretrained.encode(pretrained.minilm(), [text], length=known["options"]["length"])
    x = (vector - params["mean"]) / params["spread"]
    logits = found.task.predict(params["head"], {}, {"x": x})
    shares = nn.softmax(logits)[0]
    cosines, rows = similarity.nearest(params["vectors"], jnp.asarray(x), NEAREST)
    best = int(shares.argmax())
    lines = [f"taken for {SECTIONS[best]}, {100 * float(shares[best]):.0f} %"]
    for cosine, row in zip(cosines[0], rows[0], strict=True):
        lines.append(f"{cosine:.2f}  {known['sections'][row]}: {known['sentences'][row]}")
    return "\n".join(lines)


USES = {"similar": launch.Use("A sentence, to see the nearest ones and their sections.", similar)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
