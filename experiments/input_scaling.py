"""Inputs as they come, or scaled in three ways: the best learning rate, and the speed of training.

An MLP trained by full-batch gradient descent on wine and breast cancer (columns of very different
units) and on the digits (0..16 everywhere), at rates over nine decades. The scaling is fitted on
the training split. The best rate is the one of the lowest validation loss after all steps.

Claims: without standardization of the columns the best rate is smaller (by more than half a
decade), and training slower (twice as many steps at least to a tenth of the loss of guessing).

Command: python -m experiments.input_scaling --workdir=runs/input_scaling
Minutes: 0.7 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 40 s), jax 0.10.2. Raw against standardized columns,
95 % intervals over 5 seeds. Best rate, decades: wine -3.09 (-3.60 … -2.57), breast cancer -2.30
(-2.85 … -1.74), digits -1.41 (-1.93 … -0.89): holds. Steps, log2 of the ratio: wine 6.4 (5.8 … 7.1)
and breast cancer 1.7 (1.2 … 2.1), where raw columns never arrive in 300 steps, digits 3.0 (2.8 …
3.3): holds. One mean and deviation for the whole tensor, or a division by the maximum, brings the
best rate back to the order of 1, but where units differ it does not reach the target either.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jaxdl import launch
from jaxdl.launch import Field

if TYPE_CHECKING:
    from jaxdl.report import Judged

FIELDS = {
    "steps": Field(300, "Training steps of each trial, each on the whole training split.", low=1),
    "seeds": Field(5, "Seeds; each starts from other weights.", low=1),
    "learning_rates": Field(
        (*(float(f"{digit}e{power}") for power in range(-8, 1) for digit in (1, 3)), 10.0),
        "Learning rates to try.",
        low=1e-12,
    ),
    "scalings": Field(("none", "max", "whole", "per_column"), "Scalings to compare."),
    "datasets": Field(
        ("wine", "breast_cancer", "digits"),
        "Data sets, one compiled program each.",
        choices=("wine", "breast_cancer", "digits"),
    ),
    "hidden": Field((32,), "Widths of the hidden layers.", low=1, repeats=True),
    "target": Field(0.1, "Loss to be reached, as a share of that of guessing.", low=1e-12),
}
RAW, STANDARDIZED = "none", "per_column"
SMALLER, SLOWER = -0.5, 1.0
ALL = ", on all data sets"
HIGHEST = 1e3


def plan(config: Any) -> launch.Plan:
    """One program per data set; scaling, rate and seed are numbers inside it."""
    import jax
    import numpy as np

    from jaxdl import sweep
    from jaxdl.data import batches, scaling, splits
    from jaxdl.models import MLP

    fits = launch.choose_all("scalings", config.scalings, scaling.SCALINGS)
    data, programs = {}, {}
    for name in config.datasets:
        dataset = load(name)
        scaled = [splits.for_run(dataset, fit)[0] for fit in fits.values()]
        data[name] = jax.tree.map(lambda *arrays: np.stack(arrays), *scaled)
        inner = sweep.make_run(
            builder(MLP(config.hidden, dataset.num_classes)),
            steps=config.steps,
            batch_size=len(dataset.train["y"]),
            order=batches.repeated_indices,
        )
        programs[name] = on_scaled(inner, name)
    settings = sweep.grid(scaling=config.scalings, learning_rate=config.learning_rates)
    return launch.Plan(
        programs,
        sweep.trials(list(programs), settings, range(config.seeds)),
        data,
        segments=1,
        categories={"scaling": config.scalings},
        labels={name: {"dataset": name} for name in programs},
    )


def load(name: str) -> Any:
    """A data set in three splits, three fifths of it to train on, unscaled."""
    from sklearn import datasets, model_selection

    from jaxdl.data import catalog

    if name == "digits":
        return catalog.load(name)
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)

    def cut(arrays: dict[str, Any], share: float) -> Any:
        pieces = model_selection.train_test_split(
            arrays["x"], arrays["y"], test_size=share, stratify=arrays["y"], random_state=0
        )
        return [dict(zip("xy", pair, strict=True)) for pair in (pieces[::2], pieces[1::2])]

    train, rest = cut({"x": x.astype("float32"), "y": y.astype("int32")}, 0.4)
    validation, test = cut(rest, 0.5)
    return catalog.Dataset(train, validation, test, int(y.max()) + 1, name)


def builder(model: Any) -> Any:
    """`hparams -> (task, tx)`."""
    from jaxdl import tasks
    from jaxdl.optimizers import sgd

    task = tasks.classification(model)
    return lambda hparams: (task, sgd(hparams["learning_rate"]))


def on_scaled(inner: Any, name: str) -> Any:
    """The run on the data set of that name, scaled as the trial says."""
    import jax

    from jaxdl import sweep

    def of(hparams: Any, data: Any) -> Any:
        return jax.tree.map(lambda array: array[hparams["scaling"]], data[name])

    return sweep.Run(
        lambda hparams, key, data: inner.init(hparams, key, of(hparams, data)),
        lambda hparams, state, data: inner.advance(hparams, state, of(hparams, data)),
        lambda hparams, state, data: inner.evaluate(hparams, state, of(hparams, data)),
    )


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Best rates by seed, and the steps to the target at the best rate of all seeds together."""
    import numpy as np

    from jaxdl import report, stats

    by = ["dataset", "scaling"]
    frame, loss = results.to_pandas(), results.curves()["loss"]
    classes = {name: int(splits["train"]["y"].max()) + 1 for name, splits in plan.data.items()}
    target = config.target * np.log(frame["dataset"].map(classes).to_numpy())
    reached = loss <= target[:, None]
    frame["steps_needed"] = np.where(reached.any(axis=1), reached.argmax(axis=1) + 1, np.nan)
    frame["last_loss"] = loss[:, -1]
    summary = report.summary(frame, by, metric="validation_loss")
    chosen = stats.chosen_trials(frame, summary, [*by, "learning_rate"])
    order = frame.sort_values(["validation_loss", "learning_rate"], na_position="last")
    best = order.groupby([*by, "seed"], sort=False, as_index=False).first()
    best["decades"] = np.log10(best["learning_rate"])
    table = findings(summary, best, chosen)
    report.show(table)
    claims = judged(config, best, chosen)
    sections = [
        report.Section("Each scaling at its best rate", (table,)),
        report.Section("Figures", pictures(frame, chosen, results.curves())),
    ]
    general = [claim for claim in claims if claim.claim.endswith(ALL)]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in general)
    return launch.Conclusion(claims, sections, headline)


def judged(config: Any, best: Any, chosen: Any) -> "list[Judged]":
    """Raw columns against standardized ones, on each data set and on all of them."""
    import numpy as np

    from jaxdl import report, stats

    chosen = chosen.assign(
        # Raw columns that never arrive have taken all steps, at least.
        doublings=np.log2(
            chosen["steps_needed"].where(
                chosen["steps_needed"].notna() | (chosen["scaling"] != RAW), config.steps
            )
        )
    )
    ratio = "of the ratio of {}, raw columns to standardized ones"
    questions: Any = (
        (best, "decades", "the best learning rate is smaller", SMALLER, "below",
         f"log10 {ratio.format('the best rates')}"),
        (chosen, "doublings", "training is slower", SLOWER, "above",
         f"log2 {ratio.format('the steps to the target')}"),
    )  # fmt: skip
    claims = []
    for frame, column, sentence, threshold, direction, quantity in questions:
        found = []
        for name in config.datasets:
            rows = frame[frame["dataset"] == name]
            wide = rows.pivot(index="seed", columns="scaling", values=column)
            if {RAW, STANDARDIZED} <= set(wide):
                interval = stats.paired_interval(wide[RAW], wide[STANDARDIZED])
                title = f"without standardization {sentence}, {name}"
                found.append(
                    report.judge("F15", title, quantity, "1", threshold, interval, direction)
                )
        claims += found
        if found:
            claims.append(together(found, f"without standardization {sentence}{ALL}", direction))
    return claims


def together(claims: "list[Judged]", sentence: str, direction: str) -> "Judged":
    """One claim for all data sets, with the numbers of the one that bears it out least."""
    verdicts = {claim.verdict for claim in claims}
    mixed: Any = "depends" if {"holds", "fails"} <= verdicts else "inconclusive"
    sign = 1 if direction == "above" else -1
    least = min(claims, key=lambda claim: sign * claim.measured)
    verdict = verdicts.pop() if len(verdicts) == 1 else mixed
    return least._replace(claim=sentence, quantity=f"{least.quantity}: least", verdict=verdict)


def findings(summary: Any, best: Any, chosen: Any) -> Any:
    """One row a data set and scaling."""
    from jaxdl import report

    by = ["dataset", "scaling"]
    own = best.groupby(by)["decades"].mean()
    groups = chosen.groupby(by)
    median, arrived = groups["steps_needed"].median(), groups["steps_needed"].count()
    loss = groups["last_loss"].median()
    rows = []
    for row in summary.itertuples():
        key = (row.dataset, row.scaling)
        cells = (10 ** own[key], median[key], loss[key], row.validation_loss)
        test = report.percent(row.test_accuracy)
        arrivals = f"{arrived[key]} of {len(groups.get_group(key))}"
        rate = report.distinct(groups.get_group(key)["learning_rate"]) + "*" * row.on_border
        first, steps, *losses = map(report.number, cells)
        rows.append((*key, rate, first, arrivals, steps, *losses, test))
    header = (
        "data set", "scaling", "rate of others", "of each seed", "reach target", "steps to it",
        "train loss (nats)", "valid. loss (nats)", "test (%)",
    )  # fmt: skip
    caption = (
        "Rate of others: each seed at the rate that other seeds chose by validation loss (* that "
        "of all is on the border of the grid); of each seed: geometric mean of the seeds' own. "
        "Steps, training loss: medians. Test: accuracy."
    )
    return report.Table(header, tuple(rows), frozenset(range(2, 9)), caption)


def pictures(frame: Any, chosen: Any, curves: Any) -> Any:
    """Validation loss at every rate, and training at the best."""
    import numpy as np
    import pandas as pd

    from jaxdl import report

    capped = frame.assign(validation_loss=frame["validation_loss"].clip(1e-3, HIGHEST))
    rates = report.sensitivity(
        capped, y="validation_loss", panel="dataset", line="scaling", y_scale="log",
        title="Validation loss after training, by learning rate",
        y_label="validation loss (nats, log scale)",
    )  # fmt: skip
    loss = dict(zip(curves["trial"].tolist(), curves["loss"], strict=True))
    parts = [
        pd.DataFrame(
            {"dataset": row.dataset, "scaling": row.scaling, "seed": row.seed,
             "step": np.arange(1, len(loss[row.trial]) + 1), "loss": loss[row.trial]}
        )
        for row in chosen.itertuples()
    ]  # fmt: skip
    training = report.training_curves(
        pd.concat(parts, ignore_index=True), panel="dataset", line="scaling",
        title="Training at the best rate of each scaling",
        y_label="training loss (nats, log scale)",
    )  # fmt: skip
    return (
        report.Picture(
            "rates", report.to_png(rates), "Validation loss against the learning rate.",
            f"Losses above {HIGHEST:,g} are drawn there.",
        ),
        report.Picture(
            "training", report.to_png(training), "Training loss against the step.",
        ),
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
