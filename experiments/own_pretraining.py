"""What is pretraining of one's own worth: a BERT and a GPT of docstrings inside a classifier.

Both of two layers read docstrings that have no sections, and learn their words: masked ones, or the
next one. Then each is a part of a bigger network, which tells in which section of other docstrings
a sentence stands (as in `pretrained_bert`) from 8 to 512 labels: a linear layer reads the mean of
BERT's states, or GPT's last one. The body is frozen, tuned by layer (each a rate of 1/2.6 of that
above) or tuned as a whole; or the same network begins from scratch. Way and rate are chosen on
validation, on which the bag of words is chosen too. Beside them MiniLM, frozen, which others have
trained on a billion pairs of sentences. The bodies are of one seed; a seed moves the labelled
sentences, the head and the batches.

    python -m experiments.own_pretraining --workdir=runs/own_pretraining  # 8 minutes on 2 cores
    # Six times the steps of pretraining:
    python -m experiments.own_pretraining --config.full=true --workdir=runs/own_pretraining_full
"""

import functools
from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import _costs, _small_bert
from experiments.pretrained_bert import BAG, FROZEN, SHARES, TFIDF, read, seen
from experiments.pretrained_bert import Config as Sentences
from jaxdl import launch, optimizers, report, stats, sweep, tasks, train
from jaxdl.data import batches
from jaxdl.data.sources import documents, sentences
from jaxdl.data.sources.sections import SECTIONS
from jaxdl.data.text import bucketing, masking, streams, tokenizers, vocabulary
from jaxdl.data.text.vocabulary import END, PAD, SPECIAL, START, UNKNOWN, Vocabulary
from jaxdl.launch import setting
from jaxdl.models import BERT, GPT, BERTPretraining, GPTClassifier, pretrained
from jaxdl.models.pretrained import SentenceClassifier
from jaxdl.optimizers import adam, schedules
from jaxdl.params import transplant
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = PART, BAGS, OTHERS = (
    Claim("T4", "a GPT that has read documentation is worth more in a classifier than from scratch",
          "paired difference in test accuracy", above=0.02, unit="points"),
    Claim("T5", "a BERT of our own is better than the best bag of words",
          "paired difference in test accuracy", above=0.02, unit="points"),
    Claim("T9", "MiniLM, frozen, is better than a BERT of our own",
          "paired difference in test accuracy, MiniLM minus ours", above=0.02, unit="points"),
)  # fmt: skip
OURS = OF_BERT, OF_GPT = "our BERT", "our GPT"
WAYS = {"from scratch": 1.0, "frozen": 0.0, "tuned by layer": 1 / 2.6, "tuned": 1.0}
"""From a layer's rate to that of the one below."""
SCRATCH, *BEGUN = WAYS
LENGTH = _small_bert.LENGTH
Classifier = SentenceClassifier | GPTClassifier


class Config(launch.Config):
    """The bodies, what they read, and the training with labels."""

    steps: int = setting(120, "Training steps of each trial.", low=2)
    seeds: int = setting(10, "Seeds of each setting.", low=2)
    full: bool = setting(False, "A long run: six times the steps of pretraining.")
    labels: tuple[int, ...] = setting((8, 64, 512), "Labelled sentences.", low=1, high=512)
    sentences: int = setting(600, "Sentences in training, and in test.", low=16)
    documents: int = setting(25_000, "Docstrings to take, of all splits.", low=500)
    vocabulary: int = setting(3000, "Words that our bodies know.", low=10)
    width: int = setting(64, "Numbers that stand for a word in them.", low=4)
    depth: int = setting(2, "Layers of each.", low=1)
    heads: int = setting(4, "Heads of each layer.", low=1)
    reading_steps: int = setting(1200, "Steps of pretraining.", low=1)
    reading_batch: int = setting(32, "Windows of text in such a step.", low=1)
    reading_rate: float = setting(3e-3, "Peak rate of Adam in pretraining.", low=1e-12)
    batch_size: int = setting(16, "Sentences in a step.", low=1)
    tuning_rates: tuple[float, ...] = setting(
        (5e-4, 2e-3, 1e-2, 3e-2), "Peak rates to tune at.", low=1e-12
    )
    learning_rates: tuple[float, ...] = setting(
        (3e-3, 3e-2, 3e-1, 1.0), "Peak rates of the linear layers.", low=1e-12
    )


def load(config: Config) -> tuple[dict[str, Any], int]:
    """`{split: {method: what it sees}}` and our `bodies`, `{method: parameters}`; our words."""
    options = Sentences(sentences=config.sentences, documents=config.documents)
    parts = read(options)["sections"]
    found, _ = seen(pretrained.minilm(), parts, SECTIONS, options.length)
    lines = general(config)
    words = vocabulary.build((word for line in lines for word in line), config.vocabulary - 1)
    known = Vocabulary((*SPECIAL, _small_bert.MASK, *words.words[len(SPECIAL) :]))
    for name, pairs in parts.items():
        ids = [_small_bert.framed(known, tokenizers.words(text)) for text, _ in pairs]
        found[name] |= dict.fromkeys(OURS, bucketing.pad(ids, LENGTH)["x"])
    data: dict[str, Any] = {
        name: arrays if name == "train" else batches.padded_batches(arrays, 60)
        for name, arrays in found.items()
    }
    return data | {"bodies": read_before(config, known, lines)}, len(known)


def general(config: Config) -> list[list[str]]:
    """The words of each sentence of docstrings without sections, none of which has labels."""
    texts = documents.sample(documents.docstrings(), config.documents, np.random.default_rng(0))
    spoken = (one for text in texts if "\n---" not in text for one in sentences.prose(text))
    return [tokenizers.words(one) for one in spoken]


def classifiers(config: Config, size: int) -> dict[str, Classifier]:
    """Our bodies as part of a bigger network."""
    sizes = size, config.width, config.depth, config.heads
    gpt = GPT(*sizes, LENGTH, kernel_init=nn.initializers.normal(0.1))
    return {
        OF_BERT: SentenceClassifier(_small_bert.network(*sizes), len(SECTIONS)),
        OF_GPT: GPTClassifier(gpt, len(SECTIONS)),
    }


def reading(body: BERT | GPT, windows: np.ndarray) -> tuple[Task, dict[str, np.ndarray]]:
    """What a body learns of text, windows `[N, LENGTH]`: masked words, or the next one."""
    if isinstance(body, GPT):
        return tasks.language_model(body), {"x": windows[:, :-1], "y": windows[:, 1:]}
    symbols = masking.Symbols(PAD, UNKNOWN, START, END, mask=len(SPECIAL), size=body.vocabulary)
    guessing = tasks.masked_language_model(BERTPretraining(body, next_sentence=False))
    mask = functools.partial(masking.masked, symbols=symbols)
    return tasks.noise.in_training(guessing, mask), {"x": windows}


def read_before(config: Config, known: Vocabulary, lines: Sequence[Sequence[str]]) -> PyTree:
    """Parameters of each body that has read the lines, one behind the other."""
    ids = np.concatenate([vocabulary.framed(vocabulary.encode(known, line)) for line in lines])
    windows = streams.streams(ids, len(ids) // LENGTH)[:, :LENGTH]
    steps = reading_steps(config)
    shape = schedules.warmup_then(steps // 10, schedules.cosine(steps - steps // 10))
    tx = adam(schedules.scaled(config.reading_rate, shape))

    def learned(body: BERT | GPT) -> PyTree:
        task, arrays = reading(body, windows)
        fit = functools.partial(train.fit_scan, task, tx, steps=steps)
        run = jax.jit(lambda key, x: fit(key, x, batch_size=config.reading_batch).params)
        found = jax.device_get(run(jax.random.key(0), arrays))
        return found if isinstance(body, GPT) else found["body"]

    models = classifiers(config, len(known)).items()
    return {name: learned(model.body) for name, model in models}


def reading_steps(config: Config) -> int:
    """Steps of pretraining."""
    return config.reading_steps * (6 if config.full else 1)


def plan(config: Config) -> sweep.Plan:
    """A program each method; way, number of labels and rate are numbers inside it."""
    data, size = load(config)
    warm_up = config.steps // 10
    shape = schedules.warmup_then(warm_up, schedules.cosine(config.steps - warm_up))

    def run(name: str, model: nn.Module) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            tx = adam(schedules.scaled(hparams["learning_rate"], shape))
            if isinstance(model, Classifier):
                decay = jnp.array([*WAYS.values()])[hparams["way"]]
                factors = optimizers.by_depth(model.groups, decay)
                tx = optax.chain(tx, optimizers.scale_by_path(factors))
            return tasks.classification(model), tx

        plain = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return seeing(name, sweep.few_labels(plain))

    linear = nn.Dense(len(SECTIONS), kernel_init=nn.initializers.zeros)
    programs = {}
    for name, model in {
        **dict.fromkeys((BAG, TFIDF, FROZEN), linear),
        **classifiers(config, size),
    }.items():
        ways = list(WAYS) if name in OURS else ["frozen"]
        rates = config.tuning_rates if name in OURS else config.learning_rates
        points = sweep.grid(labels=config.labels, way=ways, learning_rate=rates)
        programs[name] = run(name, model), points
    return sweep.plan(programs, data, seeds=config.seeds, categories={"way": list(WAYS)})


def seeing(name: str, run: sweep.Run) -> sweep.Run:
    """The run on what a method sees; ours begin with what they have read, unless from scratch."""

    def view(data: sweep.Data) -> sweep.Data:
        return {
            split: {key: each[key] for key in ("y", "mask") if key in each} | {"x": each[name]}
            for split, each in data.items()
            if split in SHARES
        }

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state = run.init(hparams, key, view(data))
        if name not in OURS:
            return state
        begun = transplant(state.params, {"body": data["bodies"][name]}, "^body/")
        fresh = hparams["way"] == list(WAYS).index(SCRATCH)
        return state._replace(params=optax.tree.where(fresh, state.params, begun))

    return sweep.Run(
        init,
        lambda hparams, state, data: run.advance(hparams, state, view(data)),
        lambda hparams, state, data: run.evaluate(hparams, state, view(data)),
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by method and number of labels, at the rates and ways that others chose."""
    frame = results.frame()
    own = frame["program"].isin(OURS)
    frame["model"] = frame["program"].where(~own, frame["program"] + ", " + frame["way"])
    frame = frame.assign(labels=frame["labels"].astype(int))
    frame = frame.sort_values("labels", kind="stable", ignore_index=True)
    tuned = stats.tune(frame, ("labels", "model"), "learning_rate")
    chosen = tuned.selection.set_index(["labels", "model"])["validation_accuracy"].fillna(0)

    def best(count: int, names: Sequence[str]) -> tuple[int, str]:
        return count, max(names, key=lambda name: chosen[count, name])

    def gains(first: Sequence[str], second: Sequence[str]) -> dict[str, stats.Interval]:
        return {
            f"{n} labels": tuned.gain("test_accuracy", best(n, first), best(n, second))
            for n in config.labels
        }

    bert, gpt = ([f"{name}, {way}" for way in BEGUN] for name in OURS)
    claims = [
        *PART.judge_each(gains(gpt, [f"{OF_GPT}, {SCRATCH}"])),
        *BAGS.judge_each(gains(bert, [BAG, TFIDF])),
        *OTHERS.judge_each(gains([FROZEN], bert)),
    ]
    pictures = report.along(
        tuned.trials.assign(body=tuned.trials["program"].where(
            tuned.trials["program"].isin(OURS), "others"
        )),
        "labels", "test_accuracy", panel="body", line="model",
        title="Sections of documentation by the number of labels",
        x_label="labelled sentences (log scale)", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=FROZEN)
    return launch.Conclusion(
        claims,
        [
            Section("By the number of labels", (*pictures, table)),
            Section("What it costs", (costs(config, plan),)),
        ],
    )


def costs(config: Config, plan: sweep.Plan) -> report.Table:
    """Operations and joules of what each body reads, once, and of a trial's tuning."""
    words = len(plan.data["bodies"][OF_GPT]["words"]["embedding"])
    size = max(config.reading_batch, config.batch_size)
    windows, phases = np.ones((size, LENGTH), np.int32), {}
    for name, model in classifiers(config, words).items():
        task, read = reading(model.body, windows[: config.reading_batch])
        phases[f"{name} reads"] = _costs.Phase(task, read, reading_steps(config))
        rows = {"x": windows[: config.batch_size], "y": np.zeros(config.batch_size, np.int32)}
        phases[f"{name} is tuned"] = _costs.Phase(tasks.classification(model), rows, config.steps)
    return _costs.table(phases, note="MiniLM's pretraining, by others, is not known here.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
