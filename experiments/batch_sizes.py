"""Online, mini-batch and full-batch gradient descent: what it costs to reach a training loss.

One MLP on the digits, plain SGD, the same budget of examples for every batch size. The cost is
counted in examples, and in seconds: examples × seconds per example, measured on the device of the
run, in as many rounds as there are seeds. The rate of a batch size, and the batch size that stands
for mini-batches, are those with which the validation loss reaches the target soonest, for each seed
by what other seeds say.

Claims: a mini-batch reaches the target at less cost than single examples and than the full batch,
in examples and in seconds; "less": the rival costs a quarter more at least.

Command: python -m experiments.batch_sizes --workdir=runs/batch_sizes
Minutes: 1.5 to 3 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 183 s), jax 0.10.2. Passes over 1,024 examples to 0.1
nats, by batch size: 1.49 (1), 1.43 (8), 2.05 (32), 4.48 (128), 29.8 (all). In examples, log2 of
how many times as much the rival needs (95 % intervals over 8 seeds): single examples 0.06 (-0.06 …
0.18): fails; full batch 4.39 (4.21 … 4.56): holds. In seconds: single examples 1.09 (0.90 … 1.28),
full batch 4.04 (3.91 … 4.17): both hold. Together: depends. A mini-batch is no better per example
than one example at a time; it is cheaper because the machine does it faster (all before
the quantity was restated).
"""

import math
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl import launch
from jaxdl.launch import Field

if TYPE_CHECKING:
    from jaxdl.report import Judged

FIELDS = {
    "steps": Field(
        100, "Passes over the training set: so many steps of full-batch descent.", low=1
    ),
    "seeds": Field(8, "Seeds; one moves initialization and order of the data.", low=1),
    "batch_sizes": Field((8, 32, 128), "Mini-batches to try; divisors of 1024.", low=2, high=512),
    "learning_rates": Field(
        (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0), "Learning rates to try.", low=1e-12
    ),
    "target": Field(0.1, "Loss to be reached, in nats.", low=1e-12),
    "hidden": Field((64,), "Widths of the hidden layers.", low=1, repeats=True),
}
EXAMPLES, EVERY = 1024, 64
"""Training examples, and after how many of them, or of a larger batch, losses are measured."""
CHEAPER = math.log2(1.25)


def plan(config: Any) -> launch.Plan:
    """One program per batch size; each measures its losses on the way."""
    import jax
    import jax.numpy as jnp

    from jaxdl import sweep
    from jaxdl.data import batches, catalog, scaling, splits

    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    train = {name: array[:EXAMPLES] for name, array in data["train"].items()}
    whole = batches.padded_batches(train, EXAMPLES)
    segments = launch.segments(config.steps, 10)

    def run(batch_size: int) -> sweep.Run:
        if EXAMPLES % batch_size:
            raise launch.UserError(f"config.batch_sizes: {batch_size} does not divide {EXAMPLES}")
        block = max(batch_size, EVERY)
        inner = trainer(config, batch_size, block)

        def measured(hparams: Any, state: Any, data: Any) -> Any:
            state, _ = inner.advance(hparams, state, data)
            found = inner.evaluate(hparams, state, data)
            return state, {"loss": found["whole_loss"], "validation": found["validation_loss"]}

        def advance(hparams: Any, state: Any, data: Any) -> Any:
            blocks = config.steps // segments * EXAMPLES // block
            state, curves = jax.lax.scan(
                lambda state, _: measured(hparams, state, data), state, None, blocks
            )
            # The programs of a sweep share the length of their curves.
            return state, {name: jnp.repeat(c, block // EVERY) for name, c in curves.items()}

        return inner._replace(advance=advance)

    programs = {str(size): run(size) for size in sizes(config)}
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    data = {"train": train, "whole": whole, "validation": data["validation"]}
    labels = {name: {"batch_size": name} for name in programs}
    return launch.Plan(programs, trials, data, segments, labels=labels)


def sizes(config: Any) -> list[int]:
    """All batch sizes: one example, the mini-batches, the whole set."""
    return [1, *sorted(config.batch_sizes), EXAMPLES]


def trainer(config: Any, batch_size: int, examples: int) -> Any:
    """The run whose segment sees so many examples."""
    from jaxdl import sweep, tasks
    from jaxdl.models import MLP
    from jaxdl.optimizers import sgd

    def build(hparams: dict[str, Any]) -> Any:
        return tasks.classification(MLP(config.hidden, 10)), sgd(hparams["learning_rate"])

    return sweep.make_run(build, steps=examples // batch_size, batch_size=batch_size)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Cost to the target at each batch size's rate, in both units."""
    from jaxdl import report, stats

    frame, curves = results.to_pandas(), results.curves()
    block = frame["batch_size"].astype(int).clip(lower=EVERY)
    for name, curve in (("validation_passes", "validation"), ("passes", "loss")):
        reached = curves[curve] <= config.target
        blocks = reached.argmax(axis=1) * EVERY // block + 1
        frame[name] = (blocks * block / EXAMPLES).where(reached.any(axis=1))
    by, seconds = ["batch_size"], seconds_per_pass(config, plan.data)
    summary = report.summary(frame, by, metric="validation_passes", score="passes")
    table = report.summary_table(summary, by, "learning_rate", "validation_passes", "passes")
    report.show(table)
    chosen = stats.chosen_trials(frame, summary, [*by, "learning_rate"])
    claims = judged(config, frame, chosen, seconds)
    sections = [
        report.Section("Passes over the training set to the target", (table,)),
        report.Section("Price of a pass", (prices(summary, seconds),)),
        report.Section("Figures", pictures(config, frame, chosen, curves)),
    ]
    return launch.Conclusion(claims, sections, f"{claims[-1].claim}: {claims[-1].verdict}")


def seconds_per_pass(config: Any, data: Any, passes: int = 8) -> dict[str, list[float]]:
    """Seconds of training on the whole set once, by batch size: one measurement a seed, in turn."""
    import jax

    hparams = {"learning_rate": config.learning_rates[0]}
    data = jax.device_put({"train": data["train"]})
    calls = {}
    for size in sizes(config):
        run = trainer(config, size, passes * EXAMPLES)
        state = run.init(hparams, jax.random.key(0), data)
        calls[str(size)] = jax.jit(run.advance).lower(hparams, state, data).compile(), state
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(config.seeds):
        for name, (advance, state) in calls.items():
            times = []
            for _ in range(5):
                began = time.perf_counter()
                jax.block_until_ready(advance(hparams, state, data))
                times.append((time.perf_counter() - began) / passes)
            found[name].append(statistics.median(times))
    return found


def mini_batches(config: Any, frame: Any, price: Any) -> Any:
    """The trial of each seed at the mini-batch size and rate that cost other seeds the least."""
    from jaxdl import stats

    over = ["size", "learning_rate"]
    minis = frame[frame["batch_size"].isin([str(size) for size in config.batch_sizes])]
    minis = minis.assign(kind="mini-batches", size=minis["batch_size"].astype(int))
    means = {name: statistics.mean(values) for name, values in price.items()}
    minis["validation_cost"] = minis["validation_passes"] * minis["batch_size"].map(means)
    best = stats.select(minis, ["kind"], over, "validation_cost", "min")
    return stats.chosen_trials(minis, best, ["kind", *over]).set_index("seed").sort_index()


def judged(config: Any, frame: Any, chosen: Any, seconds: Any) -> "list[Judged]":
    """Mini-batches against their two rivals, in two units, and what the four say together."""
    import numpy as np

    from jaxdl import report, stats

    passes = chosen.pivot(index="seed", columns="batch_size", values="passes")
    claims = []
    for unit in ("examples", "seconds"):
        price = seconds if unit == "seconds" else {name: [1.0] * config.seeds for name in seconds}
        mini = mini_batches(config, frame, price)
        paid = [price[size][seed] for seed, size in mini["batch_size"].items()]
        ours, small = np.log2(mini["passes"] * paid), report.distinct(mini["size"])
        for rival, title in (("1", "single examples"), (str(EXAMPLES), "the full batch")):
            # A rival that never arrives has cost the whole budget, at least.
            theirs = np.log2(passes[rival].fillna(config.steps) * price[rival])
            claims.append(
                report.judge(
                    "F14",
                    f"mini-batches reach the target in fewer {unit} than {title}",
                    f"log2 of how many times the {unit} {title} need, of batches of {small}; "
                    "each seed at the size and rate that other seeds chose on validation",
                    "1",
                    CHEAPER,
                    stats.paired_interval(theirs, ours),
                    "above",
                )
            )
    verdicts = {claim.verdict for claim in claims}
    together: Any = "depends" if {"holds", "fails"} <= verdicts else "inconclusive"
    worst = min(claims, key=lambda claim: claim.measured)
    return [
        *claims,
        worst._replace(
            claim="a mini-batch is the cheapest way down, in examples and in seconds",
            quantity="the least of the four ratios, log2",
            verdict=verdicts.pop() if len(verdicts) == 1 else together,
        ),
    ]


def prices(summary: Any, seconds: Any) -> Any:
    """Milliseconds of a pass and of the way to the target."""
    from jaxdl import report

    rows = []
    for row in summary.itertuples():
        times = [1000 * value for value in seconds[row.batch_size]]
        pace = statistics.median(times)
        cells = (pace, min(times), max(times), pace * row.passes)
        rows.append((row.batch_size, *map(report.number, cells)))
    header = ("batch size", "pass (ms)", "lowest (ms)", "highest (ms)", "to the target (ms)")
    return report.Table(header, tuple(rows), frozenset(range(1, 5)))


def pictures(config: Any, frame: Any, chosen: Any, curves: Any) -> Any:
    """The way down at the chosen rates, and the passes that every rate needs."""
    import numpy as np
    import pandas as pd

    from jaxdl import report
    from jaxdl.report.panels import small_multiples
    from jaxdl.report.style import house_style

    loss = dict(zip(curves["trial"].tolist(), curves["loss"], strict=True))
    parts = []
    for trial in chosen.itertuples():
        block = max(int(trial.batch_size), EVERY) // EVERY
        ends = np.arange(block, len(loss[trial.trial]) + 1, block)
        ends = ends[np.unique(np.geomspace(1, len(ends), 40).astype(int)) - 1]
        columns = {"batch_size": trial.batch_size, "seed": trial.seed, "panel": ""}
        values = loss[trial.trial][ends - 1]
        parts.append(pd.DataFrame({**columns, "passes": ends * EVERY / EXAMPLES, "loss": values}))
    with house_style():
        figure, panels = small_multiples(
            pd.concat(parts), "passes", "loss", "panel", "batch_size",
            title="Training loss by the examples processed, each batch size at its chosen rate",
            x_label=f"passes over the {EXAMPLES:,} training examples (log scale)",
            y_label="training loss (nats, log scale)",
            x_scale="log", y_scale="log", marker_every=5, heights=(3.6,),
        )  # fmt: skip
        panels[""][0].axhline(config.target, color="#555555", linestyle=":")
    names = {"passes": "training set", "validation_passes": "validation set"}
    trial = ["batch_size", "learning_rate", "seed", "status"]
    long = frame[trial].join(frame[list(names)].fillna(config.steps))
    rates = report.sensitivity(
        long.rename(columns=names).melt(trial, list(names.values()), "loss of", "needed"),
        y="needed", panel="batch_size", line="loss of", y_scale="log",
        title="Passes until the loss is at the target, by batch size",
        y_label="passes (log scale)",
    )  # fmt: skip
    return (
        report.Picture(
            "losses", report.to_png(figure), "Training loss against passes, a line a batch size.",
            "Dotted: the target.",
        ),
        report.Picture(
            "rates", report.to_png(rates), "Passes to the target against the learning rate.",
            f"A seed that did not reach the target counts as {config.steps} passes.",
        ),
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
