"""A sentence autoencoder: how much of a line does a context of fixed length hold?

Lines of 4 to 24 characters of English prose (docstrings) are read by a bidirectional GRU, and a GRU
decoder of 64 units says them again. It is given the encoder's last states, c, at every step; or it
attends to all of the encoder's outputs, of the same width. Accuracy of characters on test by the
length of the line, the characters before being given (teacher forcing), so that a decoder without
any context would be right sometimes too. A seed moves the initialization and the batches; the rate
is chosen on validation, by context and width. Trained for longer, a fixed context may hold more.

    python -m experiments.context_length --workdir=runs/context_length  # 2 minutes on 2 cores
"""

import re
from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import decoding, launch, losses, metrics, report, stats, sweep
from jaxdl.data import splits
from jaxdl.data.sources import documents
from jaxdl.launch import setting
from jaxdl.layers.attention import Additive, Soft
from jaxdl.models import Attentive, Encoder, FixedContext, Seq2Seq
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section, Table
from jaxdl.tasks import sequence_to_sequence
from jaxdl.tasks._examples import ratio
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

CLAIMS = FIXED, ATTENTION, WIDER = (
    Claim("S8", "a context of fixed length loses 10 points of accuracy or more with length",
          "test accuracy at 24 characters minus that at 4", below=-0.1, unit="points"),
    Claim("S8", "attention loses 2 points of accuracy at most with length",
          "test accuracy at 24 characters minus that at 4", above=-0.02, unit="points"),
    Claim("S8", "a wider context of fixed length holds more of a long line",
          "test accuracy at 24 characters, widest minus narrowest fixed context",
          above=0.05, unit="points"),
)  # fmt: skip
LENGTHS = (4, 8, 12, 16, 20, 24)
EXAMPLES = {"train": 20000, "validation": 600, "test": 1200}
LETTERS = " abcdefghijklmnopqrstuvwxyz"
PAD, START, END, FIRST = 0, 1, 2, 3
DOCUMENTS = 4000
KINDS = ("fixed", "attention")


class Config(launch.Config):
    """The widths of the contexts, the decoder, and the training."""

    steps: int = setting(800, "Training steps of each trial.", low=1)
    seeds: int = setting(3, "Seeds of each setting.", low=1)
    batch_size: int = setting(32, "Lines in a step.", low=1)
    contexts: tuple[int, ...] = setting((16, 64), "Widths of the context, ascending.", low=2)
    width: int = setting(64, "Units of the decoder.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2)


def plan(config: Config) -> sweep.Plan:
    """One program a kind of context and width."""
    rng = np.random.default_rng(0)
    found = documents.docstrings()
    few = rng.choice(len(found), min(DOCUMENTS, len(found)), replace=False)
    parts = documents.split([found[place] for place in few])._asdict()
    data = {name: lines(rng, parts[name], count) for name, count in EXAMPLES.items()}
    conditions = {f"{kind} {width}": (kind, width) for kind in KINDS for width in config.contexts}

    def run(kind: str, context: int) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return by_length(network(config, kind, context)), adam(rate)

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    points = sweep.grid(learning_rate=config.learning_rates)
    labels = {
        name: {"kind": kind, "context": str(width)} for name, (kind, width) in conditions.items()
    }
    return sweep.plan(
        {name: (run(*condition), points) for name, condition in conditions.items()},
        splits.in_batches(data, 300),
        seeds=config.seeds,
        labels=labels,
        keep_states=True,
    )


def lines(rng: np.random.Generator, texts: Sequence[str], count: int) -> dict[str, np.ndarray]:
    """`count` lines of the texts from the beginning of a word on, all lengths equally often."""
    text = re.sub("[^a-z]+", " ", " ".join(texts).lower()).strip()
    length = np.resize(LENGTHS, count)
    words = np.array([match.start() for match in re.finditer("[a-z]+", text)])
    first = rng.choice(words[words < len(text) - LENGTHS[-1]], count)
    letters = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
    ids = FIRST + np.where(letters == ord(" "), 0, letters - ord("a") + 1)
    step = np.arange(LENGTHS[-1])
    x = np.where(step < length[:, None], ids[first[:, None] + step], PAD).astype(np.int32)
    y = np.zeros((count, LENGTHS[-1] + 2), np.int32)
    y[:, 0], y[:, 1:-1] = START, x
    y[np.arange(count), length + 1] = END
    return {"x": x, "y": y, "length": length.astype(np.int32)}


def network(config: Config, kind: str, context: int) -> Seq2Seq:
    """Encoder with outputs of the context's width, and the decoder."""
    ids, width = FIRST + len(LETTERS), config.width
    # Flax's orthogonal default costs seconds of compilation, and the lines are short.
    init = nn.initializers.lecun_normal()
    decoder = (
        FixedContext(width, recurrent_init=init)
        if kind == "fixed"
        else Attentive(width, recurrent_init=init, attention=Soft(Additive(32)))
    )
    return Seq2Seq(Encoder(ids, 32, context // 2, recurrent_init=init), decoder, ids, 32)


def by_length(model: Seq2Seq) -> Task:
    """The task; after training it also reports the accuracy of each length."""
    task = sequence_to_sequence(model, PAD)

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        if train:
            return task.loss(params, model_state, batch, key, train=True)
        logits, _ = task.predict(params, model_state, batch)
        y = jnp.asarray(batch["y"])[:, 1:]
        real = (y != PAD) * batch["mask"][:, None]
        nats = metrics.mean(losses.softmax_cross_entropy(logits, y), real)
        reported = {"loss": nats, "accuracy": metrics.accuracy(logits, y, real)}
        for length in LENGTHS:
            of_it = real * (batch["length"] == length)[:, None]
            reported[f"accuracy_{length}"] = metrics.accuracy(logits, y, of_it)
        return ratio(*nats), (model_state, reported)

    return task._replace(loss=loss)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy by length at the rate of each context, differences paired over seeds."""
    frame = results.frame()
    tuned = stats.tune(frame, ("kind", "context"), "learning_rate")
    short, long = (tuned.scores(f"test_accuracy_{n}") for n in (LENGTHS[0], LENGTHS[-1]))

    def lost(kind: str) -> dict[str, stats.Interval]:
        after, before = long[kind], short[kind]
        widths = map(str, config.contexts)
        return {f"width {w}": stats.paired_interval(after[w], before[w]) for w in widths}

    claims = [*FIXED.judge_each(lost("fixed")), *ATTENTION.judge_each(lost("attention"))]
    narrow, wide = str(min(config.contexts)), str(max(config.contexts))
    if narrow != wide:
        gain = stats.paired_interval(long["fixed", wide], long["fixed", narrow])
        claims.append(WIDER.judge(gain))
    table = report.table(
        (
            {"context": kind, "width": width, "rate": report.distinct(trials["learning_rate"])}
            | {f"{n} (%)": float(trials[f"test_accuracy_{n}"].mean(skipna=False)) for n in LENGTHS}
            for (kind, width), trials in tuned.trials.groupby(list(tuned.by), sort=False)
        ),
        "Characters right on test, by the characters of the line: means over seeds, "
        f"{report.CHOSEN}.",
    )
    row = stats.example(frame, tuned, ("fixed", wide))
    again = [] if row is None else [said_again(config, plan, row)]
    return launch.Conclusion(claims, [Section("By length", [curves(tuned), table, *again])])


def curves(tuned: stats.Tuned) -> Picture:
    """Accuracy against the length of the line."""
    names = {f"test_accuracy_{length}": length for length in LENGTHS}
    long = tuned.trials.melt(["kind", "context", "seed"], list(names), "length", "accuracy")
    return report.profile(
        long.assign(length=long["length"].map(names)),
        "length",
        "accuracy",
        panel="kind",
        line="context",
        title="Characters said again, by the length of the line",
        x_label="length of the line (characters)",
        y_label="accuracy on test (%)",
    )


def said_again(config: Config, plan: sweep.Plan, row: PyTree) -> Table:
    """A test line of each length, as the widest fixed context of this row has it said again."""
    wide = max(config.contexts)
    model = network(config, "fixed", wide)
    x = plan.data["test"]["x"][0][: len(LENGTHS)]

    @jax.jit
    def again(params: PyTree, x: Array) -> Array:
        def step(carry: PyTree, tokens: Array) -> PyTree:
            return model.apply({"params": params}, carry, tokens, method="step")

        real = (x != PAD).astype("float32")
        carry = model.apply({"params": params}, x, real, method="begin")
        return decoding.greedy(step, carry, jnp.full(len(x), START), LENGTHS[-1] + 1, END)

    def text(ids: np.ndarray) -> str:
        said = ids[: np.argmax(ids == END)] if END in ids else ids
        return "".join(LETTERS[i - FIRST] if i >= FIRST else "·" for i in said if i != PAD)

    said = np.asarray(again(plan.replay(row).params, x))
    rows = [{"line": text(a), "said_again": text(b)} for a, b in zip(x, said, strict=True)]
    return report.table(rows, f"Greedily, from a fixed context of {wide} numbers, first seed.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
