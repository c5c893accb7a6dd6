"""Does decay of the learning rate help at the end of training?

Seven schedules against a constant rate, each at peaks that validation chose from the same grid:
an MLP on the digits in batches of 16, by momentum and by Adam, and the noisy quadratic of Zhang et
al. 2019 (curvature and gradient noise 1/i along coordinate i) by momentum. A seed moves the start,
the batches and the noise, and is shared by all schedules.

Claims: cosine decay ends at a test loss (excess risk of the quadratic) at least 10 % below that of
the constant rate, one claim a setting; on the digits, at peaks chosen by accuracy, it ends half a
point of test accuracy or more above it. Each seed is at the peak that other seeds chose. The other
schedules are in the table.

Command: python -m experiments.schedules --workdir=runs/schedules
Minutes: 1 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 23 s), jax 0.10.2. Log ratio of losses, threshold
−0.105: digits, momentum −0.056 (−0.167 … 0.056) and digits, Adam −0.072 (−0.192 … 0.048):
inconclusive; quadratic −0.534 (−0.720 … −0.349), 41 % lower: holds. Accuracy: momentum +0.03 points
(−0.51 … 0.56): inconclusive; Adam −0.36 points (−0.64 … −0.08): fails.
"""

import math
from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(1000, "Training steps of each trial, and the length of each schedule.", low=4),
    "seeds": Field(10, "Seeds of each setting.", low=1),
    "batch_size": Field(16, "Digits in a step.", low=1, high=1077),
    "hidden": Field((64, 64), "Widths of the hidden layers.", low=1, repeats=True),
    "dimensions": Field(100, "Coordinates of the quadratic.", low=1),
    "momentum_peaks": Field(
        (3e-3, 1e-2, 3e-2, 0.1, 0.3), "Peak rates of momentum on the digits.", low=1e-12
    ),
    "adam_peaks": Field(
        (3e-4, 1e-3, 3e-3, 1e-2, 3e-2), "Peak rates of Adam on the digits.", low=1e-12
    ),
    "quadratic_peaks": Field(
        (3e-3, 1e-2, 3e-2, 0.1, 0.3), "Peak rates of momentum on the quadratic.", low=1e-12
    ),
}
CONSTANT, COSINE = "constant", "cosine"
PARTS = ("mean", "low", "high")
LOWER, HALF_A_POINT = math.log(0.9), 0.005


def shapes(steps: int) -> dict[str, Any]:
    """Unit-peak shapes of the given length, by name."""
    from jaxdl.optimizers import schedules

    warmup = max(1, steps // 10)
    return {
        CONSTANT: schedules.constant(),
        COSINE: schedules.cosine(steps),
        "warm-up, cosine": schedules.warmup_then(warmup, schedules.cosine(steps - warmup)),
        "step": schedules.milestones([steps // 2, 3 * steps // 4], 0.1),
        "exponential": schedules.exponential(steps, 0.01),
        "inverse time": schedules.inverse_time(10 / steps),
        "one-cycle": schedules.one_cycle(steps),
        "slanted triangular": schedules.slanted_triangular(steps),
    }


def plan(config: Any) -> launch.Plan:
    """One program per problem and optimizer; schedule, peak and seed are numbers inside it."""
    import jax.numpy as jnp

    from jaxdl import sweep, tasks
    from jaxdl.data import catalog, scaling, splits
    from jaxdl.models import MLP
    from jaxdl.optimizers import adam, momentum

    dataset = catalog.load("digits")
    data, _ = splits.for_run(dataset, scaling.fit_max)
    digits = tasks.classification(MLP(config.hidden, dataset.num_classes))
    quadratic = noisy_quadratic(config.dimensions)
    known = list(shapes(config.steps).values())

    def run(task: Any, optimizer: Any) -> sweep.Run:
        def build(hparams: dict[str, Any]) -> Any:
            def rate(step: Any) -> Any:
                heights = jnp.stack([shape(step) for shape in known])
                return hparams["peak"] * heights[hparams["schedule"]]

            return task, optimizer(rate)

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {
        "digits, momentum": run(digits, momentum),
        "digits, Adam": run(digits, adam),
        "quadratic, momentum": run(quadratic, momentum)._replace(evaluate=_both_walks(quadratic)),
    }
    grids = (config.momentum_peaks, config.adam_peaks, config.quadratic_peaks)
    names = list(shapes(config.steps))
    trials = []
    for name, peaks in zip(programs, grids, strict=True):
        settings = sweep.grid(schedule=names, peak=peaks)
        trials += sweep.trials([name], settings, range(config.seeds))
    labels = {name: {"setting": name} for name in programs}
    return launch.Plan(
        programs, trials, data, segments=1, categories={"schedule": names}, labels=labels
    )


def noisy_quadratic(dimensions: int) -> Any:
    """½ Σ hᵢ wᵢ² with gradient noise of variance hᵢ, hᵢ = 1/i, from w ~ N(0, 1).

    Two walks side by side, of independent noise: one to choose a peak by, one to report.
    """
    import jax
    import jax.numpy as jnp

    from jaxdl.types import Task

    h = 1 / jnp.arange(1.0, dimensions + 1)

    def init(key: Any, batch: Any) -> Any:
        return {"w": jax.random.normal(key, (2, dimensions))}, {}

    def loss(params: Any, model_state: Any, batch: Any, key: Any, *, train: bool) -> Any:
        risks = risk(params)
        noise = jax.random.normal(key, (2, dimensions)) * jnp.sqrt(h)[None]
        reported = {"loss": (risks[1], jnp.ones(()))}
        return risks.sum() + jnp.sum(noise * params["w"]), (model_state, reported)

    def risk(params: Any) -> Any:
        return 0.5 * jnp.sum(h[None] * params["w"] ** 2, axis=1)

    return Task(init, loss, lambda params, model_state, batch: risk(params))


def _both_walks(task: Any) -> Any:
    def evaluate(hparams: Any, state: Any, data: Any) -> dict[str, Any]:
        chosen_by, reported = task.predict(state.params, state.model_state, {})
        return {"validation_loss": chosen_by, "test_loss": reported}

    return evaluate


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Peaks chosen on validation, by loss and for the accuracies by accuracy; reported on test."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    names = ["setting", "schedule", "peak"]
    by_loss = stats.select(frame, names[:2], "peak", "validation_loss", "min")
    loss = stats.chosen_trials(frame, by_loss, names)
    digits = frame[frame["setting"].str.startswith("digits")].reset_index(drop=True)
    by_accuracy = stats.select(digits, names[:2], "peak", "validation_accuracy")
    accuracy = stats.chosen_trials(digits, by_accuracy, names)
    claims = [
        *_claims(loss, "test_loss", "cosine decay ends at a lower test loss"),
        *_claims(accuracy, "test_accuracy", "cosine decay ends at a higher test accuracy"),
    ]
    tables = (_table(loss, by_loss, "test_loss"), _table(accuracy, by_accuracy, "test_accuracy"))
    for table in tables:
        report.show(table)
    sections = [
        report.Section("Against the constant rate", tables),
        report.Section("Training", (*_curves(results, loss), *_peaks(frame))),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def against_constant(trials: Any, schedule: str, score: str) -> Any:
    """Interval of the paired difference to the constant rate: of accuracies, of logs of losses."""
    import numpy as np

    from jaxdl import stats

    seeds = trials.pivot(index="seed", columns="schedule", values=score).astype(float)
    values = seeds if stats.kind(score).mode == "max" else np.log(seeds)
    return stats.paired_interval(values[schedule], values[CONSTANT])


def _claims(trials: Any, score: str, words: str) -> list[Any]:
    """One claim a setting; where some hold and some fail, it depends."""
    from jaxdl import report, stats

    higher = stats.kind(score).mode == "max"
    claims = [
        report.judge(
            "O7",
            f"{words} than the best constant rate ({setting})",
            "paired difference in test accuracy" if higher else "log ratio of the final test loss",
            "1",
            HALF_A_POINT if higher else LOWER,
            against_constant(group, COSINE, score),
            "above" if higher else "below",
        )
        for setting, group in trials.groupby("setting", sort=False)
    ]
    return report.depends(claims)


def _table(trials: Any, selection: Any, score: str) -> Any:
    import numpy as np

    from jaxdl import report, stats

    higher = stats.kind(score).mode == "max"
    rows = []
    for choice in selection.itertuples():
        mine = trials[trials["setting"] == choice.setting]
        gain = against_constant(mine, choice.schedule, score)
        # A ratio of losses reads better than the difference of their logs.
        if not higher:
            gain = gain._replace(**dict(zip(PARTS, 100 * np.expm1(gain[:3]), strict=True)))
        rows.append((
            choice.setting,
            choice.schedule,
            report.distinct(mine.loc[mine["schedule"] == choice.schedule, "peak"])
            + "*" * choice.on_border,
            report.number(mine[mine["schedule"] == choice.schedule][score].astype(float).mean(), 4),
            "–" if choice.schedule == CONSTANT else report.estimate(gain),
        ))  # fmt: skip
    gains = "gain over constant (1)" if higher else "change from constant (%)"
    caption = (
        "Each seed at the peak that other seeds chose on validation; changes with their 95 % "
        "intervals of the paired Student t.  * that of all seeds is on the border of its grid."
    )
    header = ("setting", "schedule", "peak", score.replace("_", " "), gains)
    return report.Table(header, tuple(rows), frozenset(range(2, 5)), caption)


def _curves(results: Any, chosen: Any) -> list[Any]:
    """Training loss at the chosen peaks; nothing where at every one a seed diverged."""
    import pandas as pd

    from jaxdl import report

    ended = chosen["status"].eq("ok").groupby([chosen["setting"], chosen["schedule"]])
    chosen = chosen[ended.transform("all")]
    if chosen.empty:
        return []
    curves = results.curves()
    row = {trial: number for number, trial in enumerate(curves["trial"].tolist())}
    parts = [
        pd.DataFrame({
            "setting": trial.setting,
            "schedule": trial.schedule,
            "seed": trial.seed,
            "step": range(1, curves["loss"].shape[1] + 1),
            "loss": curves["loss"][row[trial.trial]],
        })
        for trial in chosen.itertuples()
    ]  # fmt: skip
    figure = report.training_curves(
        pd.concat(parts, ignore_index=True),
        panel="setting",
        line="schedule",
        title="Training, each seed at the peak that other seeds chose",
        y_label="training loss (nats), or excess risk",
    )
    caption = (
        "Means over windows of steps; lines: mean over the seeds; bands: from the lowest to the "
        "highest seed. A schedule is left out where a seed diverged at its chosen peak."
    )
    return [report.Picture("training", report.to_png(figure), "Training loss by step", caption)]


def _peaks(frame: Any) -> list[Any]:
    """Validation loss against the peak rate; nothing where every trial diverged."""
    from jaxdl import report

    if not frame["status"].eq("ok").any():
        return []
    figure = report.sensitivity(
        frame,
        x="peak",
        y="validation_loss",
        panel="setting",
        line="schedule",
        title="Final validation loss against the peak rate",
        x_label="peak learning rate (log scale)",
        y_label="validation loss (nats), or excess risk",
        y_scale="log",
    )
    caption = "Lines: mean over the seeds; bands: from the lowest to the highest seed."
    return [report.Picture("peaks", report.to_png(figure), "Validation loss by peak", caption)]


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
