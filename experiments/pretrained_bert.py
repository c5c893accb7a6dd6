"""What is a BERT that others have trained worth, by the number of labels?

Two things to tell of a sentence of documentation: in which part of a docstring it stands (as in
`text_cnn`), which is a matter of style, and which of eight packages it is of, a matter of topic;
with 8 to 512 labels, which the seed draws and all share. MiniLM, 6 layers of 384 numbers, is taken
from the package index as it is: a vector of each sentence, and a linear layer on it, which alone
is trained. Against a linear layer on the words that occur, and on their tf-idf, and a small
convolution over words from scratch. The rate is chosen on validation in each cell. With `full`
MiniLM is tuned too, in all its layers, from 64 and 512 labels. It may have read the documentation
of these packages, not their labels. Packages came as a second task after a short run on parts of
docstrings had shown its test accuracy; the claims stayed.

    # 3 minutes on 2 cores, a third of it for the vectors
    python -m experiments.pretrained_bert --workdir=runs/pretrained_bert
    python -m experiments.pretrained_bert --workdir=runs/pretrained_bert \\
        --similar="The fitted model is returned."
    # MiniLM tuned too, half an hour:
    python -m experiments.pretrained_bert --config.full=true --workdir=runs/pretrained_bert_full
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.feature_extraction.text import TfidfTransformer

from experiments import _costs
from jaxdl import launch, params, report, similarity, stats, sweep, tasks
from jaxdl.data import batches
from jaxdl.data.sources import documents, sections, sentences
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
CLASSES = {"sections": SECTIONS, "packages": ("python", *sorted(documents.PACKAGES))}
SHARES = {"train": 1.0, "validation": 0.4, "test": 1.0}


class Config(launch.Config):
    """The sentences, and the training with labels."""

    steps: int = setting(200, "Training steps of each trial; of MiniLM tuned half.", low=2)
    seeds: int = setting(6, "Seeds of each setting.", low=1)
    full: bool = setting(False, "A long run: MiniLM is tuned, too.")
    labels: tuple[int, ...] = setting((8, 64, 512), "Labelled sentences.", low=1, high=512)
    sentences: int = setting(600, "Sentences in training, and in test, of each task.", low=16)
    length: int = setting(48, "Word pieces, or words, of a sentence that are read.", low=4)
    documents: int = setting(25_000, "Docstrings to take, of all splits.", low=500)
    batch_size: int = setting(32, "Sentences in a step; to tune MiniLM, half of them.", low=2)
    learning_rates: tuple[float, ...] = setting(
        (3e-4, 3e-3, 3e-2, 3e-1), "Peak rates of Adam to try.", low=1e-12
    )
    tuning_rate: float = setting(1e-4, "Peak rate of Adam for MiniLM.", low=1e-12)


def read(config: Config) -> dict[str, dict[str, list[tuple[str, str]]]]:
    """`{task: {split: [(sentence, label)]}}`, as many of each label; a document is of one split."""
    rng = np.random.default_rng(0)
    found: dict[str, dict[str, list[tuple[str, str]]]] = {
        task: {name: [] for name in SHARES} for task in CLASSES
    }
    docstrings = documents.sample(documents.docstrings(), config.documents, rng)
    cuts = [0, int(0.5 * len(docstrings)), int(0.7 * len(docstrings)), len(docstrings)]
    parts = sections.split(docstrings[a:b] for a, b in itertools.pairwise(cuts))
    for (name, share), part in zip(SHARES.items(), parts, strict=True):
        fit = [one for one in part if SHORTEST <= len(one.words) <= LONGEST]
        for label in SECTIONS:
            own = (" ".join(one.words) for one in fit if one.section == label)
            most = math.ceil(share * config.sentences / len(SECTIONS))
            found["sections"][name] += [(text, label) for text in itertools.islice(own, most)]
    packages = documents.docstrings_by_package()
    for label, texts in packages.items():
        spoken = map(sentences.prose, documents.sample(texts, len(texts), rng))
        firsts = (each[0] for each in spoken if each)
        distinct = iter(dict.fromkeys(one for one in firsts if fits(one)))
        for name, share in SHARES.items():
            most = math.ceil(share * config.sentences / len(packages))
            found["packages"][name] += [(one, label) for one in itertools.islice(distinct, most)]
    return found


def fits(text: str) -> bool:
    """Whether a sentence is neither short nor long."""
    return SHORTEST <= len(tokenizers.words(text)) <= LONGEST


def load(config: Config) -> dict[str, Any]:
    """`{split: {task: {method: what it sees of the sentences}}}`, and what else runs need."""
    model = pretrained.minilm()
    data: dict[str, Any] = {name: {} for name in SHARES} | {"scale": {}}
    for task, parts in read(config).items():
        found, data["scale"][task] = seen(model, parts, CLASSES[task], config.length)
        for name, arrays in found.items():
            data[name][task] = arrays if name == "train" else batches.padded_batches(arrays, 60)
    return data | ({"body": model.body.params} if config.full else {})


def seen(
    model: pretrained.Pretrained,
    parts: Mapping[str, Sequence[tuple[str, str]]],
    classes: Sequence[str],
    length: int,
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """`{split: {method: what it sees of the sentences}}` of a task, and the scale of vectors."""
    assert model.tokenizer is not None
    found = {}
    for name, pairs in parts.items():
        texts = [text for text, _ in pairs]
        words = [tokenizers.words(text)[:length] for text in texts]
        vectors = pretrained.encode(model, texts, length=length)
        if name == "train":
            known = vocabulary.build((word for each in words for word in each), None, 2)
            mean, spread = vectors.mean(axis=0), vectors.std(axis=0).mean()
        x = bucketing.pad([vocabulary.encode(known, each) for each in words], length)["x"]
        counts = vocabulary.bag_of_words(x, len(known))
        if name == "train":
            weigher = TfidfTransformer().fit(counts)
        pieces = pretrained.tokenized(model.tokenizer, texts, length)["x"]
        found[name] = {
            "y": np.array([classes.index(label) for _, label in pairs], np.int32),
            SCRATCH: x,
            TUNED: np.pad(pieces, ((0, 0), (0, length - pieces.shape[1]))),
            BAG: (counts > 0).astype(np.float32),
            TFIDF: weigher.transform(counts).toarray().astype(np.float32),
            FROZEN: (vectors - mean) / spread,
        }
    return found, {"mean": mean, "spread": spread}


def plan(config: Config) -> sweep.Plan:
    """A program for each task and method; rate and number of labels are numbers inside it."""
    data = load(config)
    points = sweep.grid(labels=config.labels, learning_rate=config.learning_rates)
    tuning = sweep.grid(labels=many(config), learning_rate=[config.tuning_rate])

    def run(task: str, name: str, model: nn.Module) -> sweep.Run:
        fewer = 2 if name == TUNED else 1
        steps, warm_up = config.steps // fewer, config.steps // 10
        shape = schedules.warmup_then(warm_up, schedules.cosine(steps - warm_up))

        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = schedules.scaled(hparams["learning_rate"], shape)
            return tasks.classification(model), adam(rate)

        plain = sweep.make_run(build, steps=steps, batch_size=config.batch_size // fewer)
        return seeing(task, name, sweep.few_labels(plain))

    programs, labels = {}, {}
    for task, classes in CLASSES.items():
        words = max(data[name][task][SCRATCH].max() for name in SHARES) + 1
        for name, model in models(int(words), len(classes), config.full).items():
            own = tuning if name == TUNED else points
            programs[f"{task}, {name}"] = run(task, name, model), own
            labels[f"{task}, {name}"] = {"task": task, "model": name}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels)


def many(config: Config) -> list[int]:
    """The numbers of labels from which MiniLM is tuned."""
    return [count for count in config.labels if count >= MANY] or [max(config.labels)]


def models(words: int, classes: int, full: bool) -> dict[str, nn.Module]:
    """What is trained in each method."""
    linear = nn.Dense(classes, kernel_init=nn.initializers.zeros)
    text_cnn = TextClassifier(Embedding(words, 48), NGrams(32), classes)
    found: dict[str, nn.Module] = {BAG: linear, TFIDF: linear, FROZEN: linear, SCRATCH: text_cnn}
    if full:
        body: Any = pretrained.minilm().model
        found[TUNED] = pretrained.SentenceClassifier(body, classes)
    return found


def seeing(task: str, name: str, run: sweep.Run) -> sweep.Run:
    """The run on what a method sees of a task, begun with trained weights if it has any."""

    def view(data: sweep.Data) -> sweep.Data:
        own = {split: data[split][task] for split in SHARES}
        return {
            split: {key: each[key] for key in ("y", "mask") if key in each} | {"x": each[name]}
            for split, each in own.items()
        }

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state = run.init(hparams, key, view(data))
        if name != TUNED:
            return state
        return state._replace(
            params=params.transplant(state.params, {"body": data["body"]}, "^body/")
        )

    return sweep.Run(
        init,
        lambda hparams, state, data: run.advance(hparams, state, view(data)),
        lambda hparams, state, data: run.evaluate(hparams, state, view(data)),
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by method and number of labels, at the rates that other seeds chose."""
    frame = results.frame()
    frame = frame.assign(labels=frame["labels"].astype(int))
    frame = frame.sort_values(["task", "labels"], kind="stable", ignore_index=True)
    tuned = stats.tune(frame, ("task", "labels", "model"), "learning_rate")
    chosen = tuned.selection.set_index(["task", "labels", "model"])["validation_accuracy"].fillna(0)
    cells = list(itertools.product(CLASSES, config.labels))

    def bag(task: str, count: int) -> tuple:
        return (task, count, max((BAG, TFIDF), key=lambda name: chosen[task, count, name]))

    def gains(found: dict[str, tuple[tuple, tuple]]) -> dict[str, stats.Interval]:
        return {name: tuned.gain("test_accuracy", *pair) for name, pair in found.items()}

    claims = [
        *WORDS.judge_each(
            gains({f"{task}, {n} labels": ((task, n, FROZEN), bag(task, n)) for task, n in cells})
        ),
        *NETWORK.judge_each(
            gains({f"{task}, {n} labels": ((task, n, FROZEN), (task, n, SCRATCH))
                   for task, n in cells})
        ),
        *EIGHTH.judge_each(
            gains({f"{task}, {n} against {8 * n}": ((task, n, FROZEN), bag(task, 8 * n))
                   for task, n in cells if 8 * n in config.labels})
        ),
    ]  # fmt: skip
    if config.full:
        pairs = {f"{task}, {n} labels": ((task, n, TUNED), (task, n, FROZEN))
                for task, n in cells if n in many(config)}  # fmt: skip
        claims += TUNED_WINS.judge_each(gains(pairs))
    pictures = report.along(
        tuned.trials, "labels", "test_accuracy", panel="task", line="model",
        title="Sentences of documentation by the number of labels",
        x_label="labelled sentences (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=FROZEN)
    if row := stats.example(frame, tuned, ("sections", max(config.labels), FROZEN)):
        keep(config, plan, plan.replay(row).params, row["trial"], results.workdir)
    costly = Section("What it costs", (costs(config, plan),))
    return launch.Conclusion(
        claims, [Section("By the number of labels", (*pictures, table)), costly]
    )


def costs(config: Config, plan: sweep.Plan) -> report.Table:
    """Operations and joules of MiniLM's vectors, once, and of a trial on packages by method."""
    own, classes = plan.data["train"]["packages"], len(CLASSES["packages"])
    parts = [plan.data[split][task] for split in SHARES for task in CLASSES]
    count = sum(int(np.sum(part.get("mask", np.ones_like(part["y"])))) for part in parts)
    body: Any = pretrained.minilm().model
    reader = tasks.classification(pretrained.SentenceClassifier(body, classes))

    def phase(task: Task, name: str, steps: int, size: int) -> _costs.Phase:
        return _costs.Phase(task, {"x": own[name][:size], "y": own["y"][:size]}, steps)

    size = config.batch_size
    once = phase(_costs.frozen(reader, "^body/"), TUNED, math.ceil(count / size), size)
    phases = {"MiniLM's vectors": once}
    for name, model in models(int(own[SCRATCH].max()) + 1, classes, config.full).items():
        fewer = 2 if name == TUNED else 1
        task = tasks.classification(model)
        phases[name] = phase(task, name, config.steps // fewer, size // fewer)
    return _costs.table(
        phases,
        note=f"Vectors: there alone, of all {count:,} sentences, as if each had {config.length} "
        "word pieces. Others: of one trial. MiniLM's pretraining, by others, is not known here.",
    )


def keep(config: Config, plan: sweep.Plan, head: PyTree, trial: str, workdir: Path) -> None:
    """A linear layer for sections with the sentences that it learned from, for `similar`."""
    vectors, scale = plan.data["train"]["sections"][FROZEN], plan.data["scale"]["sections"]
    launch.save_best(
        workdir, {"head": head, "vectors": vectors, **scale}, {}, None, task="classification",
        model="pretrained_bert", options={"length": config.length}, input_shape=None, trial=trial,
        sentences=[f"{label}: {text}" for text, label in read(config)["sections"]["train"]],
    )  # fmt: skip


def similar(workdir: Path, text: str) -> str:
    """The sentences nearest to one of the user's, and the section that it is taken for."""
    found = launch.load(workdir, lambda _: tasks.classification(nn.Dense(len(SECTIONS))))
    params, known = found.params, found.description
    vector = pretrained.encode(pretrained.minilm(), [text], length=known["options"]["length"])
    x = (vector - params["mean"]) / params["spread"]
    logits = found.task.predict(params["head"], {}, {"x": x})
    shares = nn.softmax(logits[0])
    cosines, rows = similarity.nearest(params["vectors"], jnp.asarray(x), NEAREST)
    best = int(shares.argmax())
    lines = [f"taken for {SECTIONS[best]}, {100 * float(shares[best]):.0f} %"]
    for cosine, row in zip(cosines[0], rows[0], strict=True):
        lines.append(f"{cosine:.2f}  {known['sentences'][row]}")
    return "\n".join(lines)


USES = {"similar": launch.Use("A sentence, to see the nearest ones and their sections.", similar)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
