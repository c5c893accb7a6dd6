"""Online, mini-batch and full-batch gradient descent: what it costs to reach a training loss.

One MLP on the digits, plain SGD, the same budget of examples for every batch size. The cost is
counted in examples, and in seconds: examples × seconds per example, measured on the device of the
run, in as many rounds as there are seeds. The rate of a batch size, and the batch size that stands
for mini-batches, are those with which the validation loss reaches the target soonest, for each seed
by what other seeds say. A rival that never arrives has cost the whole budget, at least.

    python -m experiments.batch_sizes --workdir=runs/batch_sizes  # 1.5 to 3 minutes on 2 cores
"""

import functools
import math
import statistics

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import clocks, launch, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Judged, Picture, Section
from jaxdl.types import Array, PyTree, TrainState

EXAMPLES, EVERY = 1024, 64
"""Training examples, and after how many of them, or of a larger batch, losses are measured."""
LEAST = math.log2(1.25)
HOW = "each seed at the size and rate that other seeds chose on validation"
TIMES = f"log2 of how many times the {{}} of mini-batches the rival needs, {HOW}"
IN_UNITS = {
    unit: Claim(
        "F14", f"mini-batches reach the target in fewer {unit}", TIMES.format(unit), above=LEAST
    )
    for unit in ("examples", "seconds")
}
CHEAPEST = Claim("F14", "a mini-batch is the cheapest way down, in examples and in seconds",
                 "the least of the four ratios, log2", above=LEAST)  # fmt: skip
CLAIMS = (*IN_UNITS.values(), CHEAPEST)
Prices = dict[str, list[float]]
"""What a pass over the training set costs at each batch size, one number a seed."""


class Config(launch.Config):
    """Which batch sizes and rates are tried, and how far down they have to come."""

    steps: int = setting(100, "Passes over the training set, steps of full-batch descent.", low=1)
    seeds: int = setting(8, "Seeds; one moves initialization and order of the data.", low=1)
    batch_sizes: tuple[int, ...] = setting((8, 32, 128), "Divisors of 1024.", low=2, high=512)
    learning_rates: tuple[float, ...] = launch.rates(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
    target: float = setting(0.1, "Loss to be reached, in nats.", low=1e-12)
    hidden: tuple[int, ...] = launch.widths(64)


def plan(config: Config) -> sweep.Plan:
    """One program per batch size; each measures its losses on the way."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    train = {name: array[:EXAMPLES] for name, array in data["train"].items()}
    whole = batches.padded_batches(train, EXAMPLES)
    segments = sweep.segments(config.steps, 10)
    points = sweep.grid(learning_rate=config.learning_rates)
    return sweep.plan(
        {str(size): (measuring(config, size, segments), points) for size in sizes(config)},
        {"train": train, "whole": whole, "validation": data["validation"]},
        seeds=config.seeds,
        column="batch_size",
        segments=segments,
    )


def sizes(config: Config) -> list[int]:
    """All batch sizes: one example, the mini-batches, the whole set."""
    return [1, *sorted(config.batch_sizes), EXAMPLES]


def trainer(config: Config, batch_size: int, examples: int) -> sweep.Run:
    """The run whose segment sees so many examples."""

    task = tasks.classification(MLP(config.hidden, 10))
    return sweep.make_run(
        lambda hparams: (task, sgd(hparams["learning_rate"])),
        steps=examples // batch_size,
        batch_size=batch_size,
    )


def measuring(config: Config, batch_size: int, segments: int) -> sweep.Run:
    """The run whose curves are the losses on whole sets, after each block of examples."""
    if EXAMPLES % batch_size:
        raise launch.UserError(f"config.batch_sizes: {batch_size} does not divide {EXAMPLES}")
    block = max(batch_size, EVERY)
    inner = trainer(config, batch_size, block)

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        def body(state: TrainState, _: None) -> tuple[TrainState, dict[str, Array]]:
            state = inner.advance(hparams, state, data)[0]
            found = inner.evaluate(hparams, state, data)
            return state, {"loss": found["whole_loss"], "validation": found["validation_loss"]}

        state, curves = jax.lax.scan(
            body, state, None, config.steps // segments * EXAMPLES // block
        )
        # The programs of a sweep share the length of their curves.
        return state, {name: jnp.repeat(c, block // EVERY) for name, c in curves.items()}

    return inner._replace(advance=advance)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Cost to the target at each batch size's rate, in both units."""
    frame, curves = results.frame(), results.curves()
    frame["block"] = frame["batch_size"].astype(int).clip(lower=EVERY)
    for name, curve in (("validation_passes", "validation"), ("passes", "loss")):
        reached = curves[curve] <= config.target
        blocks = reached.argmax(axis=1) * EVERY // frame["block"] + 1
        frame[name] = (blocks * frame["block"] / EXAMPLES).where(reached.any(axis=1))
    seconds = seconds_per_pass(config, plan.data)
    columns = ("batch_size", "learning_rate", "validation_passes", "passes")
    summary = report.summary(frame, *columns)
    chosen = stats.chosen_trials(frame, summary, ["batch_size", "learning_rate"])
    tables = [report.summary_table(summary, *columns), prices(summary, seconds)]
    sections = [
        Section("Passes over the training set to the target", tables),
        Section("Figures", pictures(config, results, frame, chosen)),
    ]
    return launch.Conclusion(judged(config, frame, chosen, seconds), sections)


def seconds_per_pass(config: Config, data: sweep.Data, passes: int = 8) -> Prices:
    """Seconds of training on the whole set once, by batch size: one measurement a seed, in turn."""
    hparams = {"learning_rate": config.learning_rates[0]}
    data = jax.device_put({"train": data["train"]})
    calls = {}
    for size in sizes(config):
        run = trainer(config, size, passes * EXAMPLES)
        given = hparams, run.init(hparams, jax.random.key(0), data), data
        calls[str(size)] = functools.partial(jax.jit(run.advance), *given)
    found = clocks.in_turn(calls, config.seeds, 5)
    return {name: list(seconds / passes) for name, seconds in found.items()}


def mini_batches(config: Config, frame: pd.DataFrame, price: Prices) -> pd.DataFrame:
    """The trial of each seed at the mini-batch size and rate that cost other seeds the least."""
    minis = frame[frame["batch_size"].isin([str(size) for size in config.batch_sizes])]
    means = {name: statistics.mean(values) for name, values in price.items()}
    minis = minis.assign(
        kind="mini-batches",
        size=minis["batch_size"].astype(int),
        validation_cost=minis["validation_passes"] * minis["batch_size"].map(means),
    )
    tuned = stats.tune(minis, "kind", ("size", "learning_rate"), "validation_cost")
    return tuned.trials.set_index("seed").sort_index()


def judged(
    config: Config, frame: pd.DataFrame, chosen: pd.DataFrame, seconds: Prices
) -> list[Judged]:
    """Mini-batches against their two rivals, in two units, and what the four say together."""
    passes = chosen.pivot(index="seed", columns="batch_size", values="passes")
    units = {"examples": {name: [1.0] * config.seeds for name in seconds}, "seconds": seconds}
    claims = []
    for unit, price in units.items():
        mini = mini_batches(config, frame, price)
        paid = [price[size][seed] for seed, size in mini["batch_size"].items()]
        ours, small = np.log2(mini["passes"] * paid), report.distinct(mini["size"])
        for rival, title in (("1", "single examples"), (str(EXAMPLES), "the full batch")):
            theirs = np.log2(passes[rival].fillna(config.steps) * price[rival])
            found = stats.paired_interval(theirs, ours)
            claims.append(IN_UNITS[unit].judge(found, f"batches of {small} against {title}"))
    return [*claims, CHEAPEST.judge_together(claims)]


def prices(summary: pd.DataFrame, seconds: Prices) -> report.Table:
    """Milliseconds of a pass and of the way to the target."""
    rows = []
    for size, passes in zip(summary["batch_size"], summary["passes"], strict=True):
        low, pace, high = 1000 * np.quantile(seconds[size], (0, 0.5, 1))
        row = {"pass (ms)": pace, "lowest (ms)": low, "highest (ms)": high}
        rows.append({"batch size": size, **row, "to the target (ms)": pace * passes})
    return report.table(rows, "What a pass takes, as measured after the training.")


def pictures(
    config: Config, results: sweep.Results, frame: pd.DataFrame, chosen: pd.DataFrame
) -> list[Picture]:
    """The way down at the chosen rates, and the passes that every rate needs."""
    curves = results.curve_frame("loss", chosen)
    seen = curves["step"] * EVERY
    losses = report.profile(
        curves.assign(passes=seen / EXAMPLES)[seen % curves["block"] == 0],
        "passes", "loss", line="batch_size", x_scale="log", y_scale="log",
        title="Training loss by the examples processed, each batch size at its chosen rate",
        x_label=f"passes over the {EXAMPLES:,} training examples (log scale)",
        y_label="training loss (nats, log scale)",
        references={"target": lambda passes: config.target},
    )  # fmt: skip
    names = {"passes": "training set", "validation_passes": "validation set"}
    trial = ["batch_size", "learning_rate", "seed", "status"]
    needed = frame[trial].join(frame[list(names)].fillna(config.steps)).rename(columns=names)
    rates = report.along(
        needed.melt(trial, list(names.values()), "loss of", "needed"),
        "learning_rate", "needed", panel="batch_size", line="loss of", y_scale="log",
        title=f"Passes until the loss is at the target; {config.steps} where it never is",
        x_label="learning rate (log scale)", y_label="passes (log scale)",
    )  # fmt: skip
    return [losses, *rates]


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
