"""Batch norm and layer norm in batches of 1 to 256: an MLP on the digits, equally many examples.

One hidden layer, plain SGD without a schedule. Batches of any size see the same number of examples,
so small ones take more steps; the rate is chosen on validation for each norm and batch size. A seed
moves initialization and order of the data, and is shared.

Claims: test accuracy with batch norm is five points or more lower in batches of 1, and of 2, than
in the largest batches; with layer norm it is not.

Command: python -m experiments.norms_and_batch_size --workdir=runs/norms_and_batch_size
Minutes: 1 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 68 s), jax 0.10.2, 6 seeds. Batches of 1, 2, 16, 256:
9.8, 86.8, 97.5, 97.3 % with batch norm, which loses 88 points (80 … 95) in batches of 1 and 10.5
(6.6 … 14.4) in batches of 2: both hold. 97.2, 97.5, 97.2, 95.5 % with layer norm, which gains 1.7
points (0.0 … 3.3) and 2.0 (0.8 … 3.3) there: both hold.
"""

import warnings
from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(40, "Training steps in the largest batches; smaller ones take more.", low=1),
    "seeds": Field(6, "Seeds of each setting.", low=2),
    "batch_sizes": Field(
        (1, 2, 16, 256), "Batch sizes; each divides the largest.", low=1, high=1077
    ),
    "hidden": Field((64,), "Widths of the hidden layers.", low=1, repeats=True),
    "learning_rates": Field(
        (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0), "Rates to try.", low=1e-12
    ),
}
NORMS = ("batch norm", "layer norm")
SMALL, POINTS, CHANCE = 2, 0.05, 0.1


def plan(config: Any) -> launch.Plan:
    """One program per batch size; norm, rate and seed are numbers inside it."""
    from experiments.batch_norm import network
    from jaxdl import initializers, sweep, tasks
    from jaxdl.data import catalog, scaling, splits
    from jaxdl.optimizers import sgd

    sizes, largest = config.batch_sizes, max(config.batch_sizes)
    if any(largest % size for size in sizes):
        raise launch.UserError("config.batch_sizes: each must divide the largest")
    if not min(sizes) <= SMALL < largest:
        raise launch.UserError(f"config.batch_sizes: none up to {SMALL}, or none above")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)

    def run(batch_size: int) -> sweep.Run:
        def build(hparams: dict[str, Any]) -> Any:
            norm = one_of_norms(hparams["norm"])
            model = network(config.hidden, norm, initializers.he_normal)
            return tasks.classification(model), sgd(hparams["learning_rate"])

        steps = config.steps * largest // batch_size
        inner = sweep.make_run(build, steps=steps, batch_size=batch_size)

        def advance(hparams: Any, state: Any, data: Any) -> Any:
            state, curves = inner.advance(hparams, state, data)
            # The programs of a sweep share the length of their curves.
            return state, {"loss": curves["loss"].reshape(config.steps, -1).mean(axis=1)}

        return inner._replace(advance=advance)

    programs = {f"batches of {size}": run(size) for size in sizes}
    labels = {f"batches of {size}": {"batch_size": str(size)} for size in sizes}
    settings = sweep.grid(norm=NORMS, learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    return launch.Plan(programs, trials, data, 1, categories={"norm": NORMS}, labels=labels)


def one_of_norms(index: Any) -> Any:
    """`(x, train) -> y` through the norm of this index, which may be traced."""
    import jax.numpy as jnp

    from jaxdl.layers.norms import BatchNorm, LayerNorm

    def norm(x: Any, train: bool) -> Any:
        # A batch of one is what is measured here; the layer warns of it.
        with warnings.catch_warnings(action="ignore", category=UserWarning):
            batch = BatchNorm()(x, train=train)
        return jnp.stack([batch, LayerNorm()(x)])[index]

    return norm


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Accuracy lost from the largest batches to the smallest, with each norm."""
    from jaxdl import report

    frame, by = results.to_pandas(), ["norm", "batch_size"]
    # A trial that diverged knows no more than guessing.
    frame["accuracy"] = frame["test_accuracy"].astype(float).fillna(CHANCE)
    summary = report.summary(frame, by, examples=int(plan.data["test"]["mask"].sum()))
    chosen = report.chosen_trials(frame, summary, by)
    accuracy = chosen.pivot(index="seed", columns=by, values="accuracy")
    claims = [*losses(accuracy["batch norm"], config, "R2", "batch norm", "above"),
              *losses(accuracy["layer norm"], config, "R3", "layer norm", "below")]  # fmt: skip
    table = report.summary_table(summary, by)
    report.show(table)
    figure = report.sensitivity(
        frame, y="test_accuracy", panel="norm", line="batch_size", y_label="test accuracy (1)",
        title="Test accuracy against the rate after equally many examples, by norm",
    )  # fmt: skip
    alt = "Test accuracy against the learning rate, a panel a norm, a line a batch size."
    sections = [
        report.Section("At the rates that other seeds chose", (table,)),
        report.Section("By learning rate", (report.Picture("rates", report.to_png(figure), alt),)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def losses(accuracy: Any, config: Any, row: str, norm: str, direction: Any) -> list[Any]:
    """That `norm` loses more ("above") or less ("below") than five points in each small batch."""
    from jaxdl import report, stats

    largest = max(config.batch_sizes)
    much = {"above": "five points or more", "below": "less than five points"}[direction]
    return report.depends([
        report.judge(
            row,
            f"{norm} loses {much} in batches of {size}",
            f"test accuracy in batches of {largest} minus that in batches of {size}",
            "1",
            POINTS,
            stats.paired_interval(accuracy[str(largest)], accuracy[str(size)]),
            direction,
        )
        for size in config.batch_sizes
        if size <= SMALL
    ])  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
