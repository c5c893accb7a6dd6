"""Soft, hard and monotonic attention, where the order is kept and where it is reversed.

A sequence of 4 to 10 symbols of 16 is to be said in other symbols, one for one, in its order or
backwards, so that the position a step should look at is known. The same bidirectional GRU encoder
and GRU decoder with each kind: soft (Bahdanau's scores, of a small network), soft with biaffine
scores, hard (Bahdanau's scores, one position drawn, REINFORCE), monotonic (a head that only moves
forward). A seed moves the initialization, the batches and the draws. Chosen by the token accuracy
on validation, for each kind and order: the rate, and for the monotonic head the noise that is to
make its training, on expected positions, like its use. In the reversed order that head stays at the
first position, where the backward GRU has read the whole line.

    python -m experiments.attention_kinds --workdir=runs/attention_kinds  # 2.2 minutes on 2 cores
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd
from jax.typing import ArrayLike

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.launch import setting
from jaxdl.layers.attention import Additive, Biaffine, Soft
from jaxdl.layers.hard_attention import Hard
from jaxdl.layers.monotonic_attention import Energy, Monotonic
from jaxdl.models import Attentive, Encoder, Seq2Seq
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import drawn_attention, sequence_to_sequence
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

CLAIMS = AS_GOOD_AS_HARD, AS_GOOD_AS_SOFT, LOSES, BIAFFINE_DOES = (
    Claim("S9", "soft attention is as good as hard",
          "test accuracy of tokens, soft minus hard attention", above=-0.02, unit="points"),
    Claim("S9", "monotonic attention is as good as soft where the order is kept",
          "test accuracy of tokens, monotonic minus soft attention", above=-0.02, unit="points"),
    Claim("S9", "monotonic attention loses to soft where the order is reversed",
          "test accuracy of tokens, monotonic minus soft attention", below=-0.1, unit="points"),
    Claim("S9", "biaffine scores are as good as those of a small network",
          "test accuracy of tokens, biaffine minus Bahdanau's scores", above=-0.02, unit="points"),
)  # fmt: skip
SYMBOLS, SHORTEST, LONGEST = 16, 4, 10
PAD, START, END, FIRST = 0, 1, 2, 3
EXAMPLES = {"train": 8000, "validation": 500, "test": 500}
KINDS = ("soft", "biaffine", "hard", "monotonic")
ORDERS = {0.0: "kept", 1.0: "reversed"}
FAR = 3


class Config(launch.Config):
    """The size of the networks, and what is searched."""

    steps: int = setting(800, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=1)
    batch_size: int = setting(32, "Sequences in a step.", low=1)
    width: int = setting(32, "Units of the decoder, and of the encoder in both directions.", low=2)
    learning_rates: tuple[float, ...] = launch.rates(5e-3, 1.5e-2)
    noises: tuple[float, ...] = setting((1.0, 3.0), "Noises of the monotonic head.", low=0)


def plan(config: Config) -> sweep.Plan:
    """One program a kind; the order is a number inside it."""
    rng = np.random.default_rng(0)
    said = FIRST + rng.permutation(SYMBOLS)
    parts = {name: pairs(rng, said, count) for name, count in EXAMPLES.items()}

    def program(kind: str) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            task = task_of(config, kind, hparams["noise"])
            return in_order(hparams["reversed"], task), adam(rate)

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def points(kind: str) -> list[sweep.Point]:
        noises = config.noises if kind == "monotonic" else (0.0,)
        return sweep.grid(reversed=tuple(ORDERS), learning_rate=config.learning_rates, noise=noises)

    programs = {kind: (program(kind), points(kind)) for kind in KINDS}
    return sweep.plan(programs, splits.in_batches(parts, 250), seeds=config.seeds, column="kind")


def pairs(rng: np.random.Generator, said: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """x `[N, 10]`, what is said of it in both orders, `[N, 12]`, and the position to look at."""
    length = rng.integers(SHORTEST, LONGEST + 1, (count, 1))
    step = np.arange(LONGEST + 2)
    x = np.where(step < length, rng.integers(SYMBOLS, size=(count, len(step))), 0)
    known = np.where(step < length, FIRST + x, PAD)[:, :LONGEST]
    data: dict[str, np.ndarray] = {"x": known.astype(np.int32), "length": length[:, 0]}
    for name, place in (("kept", step - 1), ("reversed", length - step)):
        at = np.clip(np.broadcast_to(place, x.shape), 0, length - 1)
        symbols = said[np.take_along_axis(x, at, axis=1)]
        ends = np.where(step == length + 1, END, PAD)
        y = np.where(step == 0, START, np.where(step <= length, symbols, ends))
        data |= {f"y_{name}": y.astype(np.int32), f"at_{name}": at[:, 1:].astype(np.int32)}
    return data


def in_order(reversed_: Array, task: Task) -> Task:
    """The task on one of the two orders, 0 or 1; may be traced."""

    def chosen(batch: Batch) -> Batch:
        y, at = (
            jnp.where(reversed_ > 0, batch[f"{name}_reversed"], batch[f"{name}_kept"])
            for name in ("y", "at")
        )
        return {**batch, "y": y, "at": at}

    return tasks.on(chosen, task)


def task_of(config: Config, kind: str, noise: ArrayLike) -> Task:
    """Encoder and decoder with one kind of attention; the noise is that of monotonic attention."""
    width, ids = config.width, FIRST + SYMBOLS
    attention = {
        "soft": Soft(Additive(width)),
        "biaffine": Soft(Biaffine(width)),
        "hard": Hard(Additive(width)),
        "monotonic": Monotonic(Energy(width), noise),
    }[kind]
    # Flax's orthogonal default costs seconds of compilation, and the lines are short.
    init = nn.initializers.lecun_normal()
    encoder = Encoder(ids, width, width // 2, recurrent_init=init)
    model = Seq2Seq(encoder, Attentive(width, recurrent_init=init, attention=attention), ids, width)
    task = drawn_attention if kind == "hard" else sequence_to_sequence
    return task(model, PAD, looks)


def looks(attention: Array, batch: Batch, weights: Array) -> Metrics:
    """Attention by distance from the position of the symbol that a step is to say."""
    symbols = (jnp.arange(LONGEST + 1)[None] < batch["length"][:, None]) * weights[:, None]
    beyond = jnp.arange(LONGEST)[None, None] - batch["at"][..., None]
    beyond = jnp.clip(beyond, -FAR, FAR)
    seen = attention * symbols[..., None]
    return {
        f"at_{far}": (jnp.where(beyond == far, seen, 0).sum(), symbols.sum())
        for far in range(-FAR, FAR + 1)
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Differences of token accuracy on test, paired over seeds."""
    frame = results.frame()
    frame["order"] = frame["reversed"].map(ORDERS)
    tuned = stats.tune(frame, ("order", "kind"), ("learning_rate", "noise"))
    orders = tuned.groups("order")
    hard, soft, biaffine = (
        {f"order {order}": group.gain("test_accuracy", *pair) for order, group in orders.items()}
        for pair in (("soft", "hard"), ("monotonic", "soft"), ("biaffine", "soft"))
    )
    claims = [
        *AS_GOOD_AS_HARD.judge_each(hard),
        AS_GOOD_AS_SOFT.judge(soft["order kept"]),
        LOSES.judge(soft["order reversed"]),
        *BIAFFINE_DOES.judge_each(biaffine),
    ]
    examples = int(plan.data["test"]["mask"].sum())
    blocks = table(tuned.trials, examples), heat_map(tuned.trials)
    return launch.Conclusion(claims, [Section("By kind and order", blocks)])


def table(chosen: pd.DataFrame, examples: int) -> report.Table:
    """What is right on test, and the attention on the symbol to say."""

    def share(values: pd.Series, examples: int | None) -> stats.Interval:
        return stats.mean_interval(values, "share", examples=examples)

    # The symbols of a sequence are not independent; attention is no share of examples.
    rows = [
        {
            "attention": kind,
            "order": order,
            "rate": report.distinct(trials["learning_rate"]),
            "noise": report.distinct(trials["noise"]),
            "tokens right (%)": share(trials["test_accuracy"], examples),
            "sequences right (%)": share(trials["test_exact"], examples),
            "attention on the symbol to say (%)": share(trials["test_at_0"], None),
        }
        for (kind, order), trials in chosen.groupby(["kind", "order"], sort=False)
    ]
    return report.table(rows, f"On test, {report.CHOSEN}: mean over seeds and its 95 % interval.")


def heat_map(chosen: pd.DataFrame) -> Picture:
    """Attention by distance from the right position, means over test and seeds."""
    names = {f"test_at_{far}": f"{far:+d}" if far else "0" for far in range(-FAR, FAR + 1)}
    names |= {f"test_at_{-FAR}": f"≤ −{FAR}", f"test_at_{FAR}": f"≥ +{FAR}"}
    shares = 100 * chosen[list(names)].rename(columns=names)
    means = shares.groupby(chosen["kind"] + ", " + chosen["order"], sort=False).agg(
        lambda group: group.mean(skipna=False)
    )
    means = means.rename_axis("attention, order").rename_axis("distance (positions)", axis=1)
    title = "Attention by distance from the symbol to say"
    figure = report.heat_map(means, title=title, label="attention (%)", limits=(0, 100))
    caption = (
        "Mean over steps, test sequences and seeds. A row adds up to less than 100 % where the "
        "monotonic head has gone past the end."
    )
    return Picture("attention", figure, title, caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
