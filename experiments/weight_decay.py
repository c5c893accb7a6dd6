"""AdamW against Adam with L2 regularization, at equal tuning: an MLP on a few digits.

Adam with λθ added to the gradient (L2) and AdamW (decoupled decay), with equally many pairs of rate
and λ, and Adam alone with the same rates; all on a cosine schedule, biases do not decay. A seed
moves the training examples that are drawn, the initialization and the batches, and is shared.

Claims: at the rates and λ that other seeds chose on validation, AdamW is half a point of test
accuracy or more above Adam with L2, and above Adam alone; chosen by validation loss, its test loss
is 0.01 nats or more below that of Adam with L2.

Command: python -m experiments.weight_decay --workdir=runs/weight_decay
Minutes: 1 to 2 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 43 s), jax 0.10.2. AdamW minus Adam with L2: accuracy
−0.08 points (−0.33 … 0.17), loss −0.0004 nats (−0.0049 … 0.0041): both fail. AdamW minus Adam
alone: −0.06 points (−0.14 … 0.03): fails. Decay gains next to nothing here: validation accuracy
chose the smallest λ of AdamW, and its test loss is 0.004 … 0.009 nats below that of Adam alone.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field
from jaxdl.params import kernels

FIELDS = {
    "steps": Field(1000, "Training steps of each trial.", low=1),
    "seeds": Field(10, "Seeds of each setting.", low=1),
    "examples": Field(200, "Training examples, drawn by the seed.", low=1, high=1077),
    "batch_size": Field(50, "Examples in a step.", low=1, high=1077),
    "hidden": Field((128, 128), "Widths of the hidden layers.", low=1, repeats=True),
    "learning_rates": Field((3e-4, 1e-3, 3e-3, 1e-2, 3e-2), "Peak rates to try.", low=1e-12),
    "l2": Field(
        (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0), "λ of Adam with L2 to try: λθ is added.", low=0
    ),
    "decoupled": Field(
        (1e-3, 1e-2, 1e-1, 1.0, 10.0, 100.0), "λ of AdamW to try: rate·λθ is taken off.", low=0
    ),
}
HALF_A_POINT, NATS = 0.005, -0.01
MEASURES: tuple[tuple[str, Any, str], ...] = (("accuracy", "max", "1"), ("loss", "min", "nats"))


def plan(config: Any) -> launch.Plan:
    """One program per optimizer; rate, decay and seed are numbers inside it."""

    from jaxdl import keys, sweep, tasks
    from jaxdl.data import batches, catalog, scaling, splits
    from jaxdl.models import MLP
    from jaxdl.optimizers import schedules

    if config.batch_size > config.examples:
        raise launch.UserError(f"config.batch_size: more than the {config.examples} examples")
    dataset = catalog.load("digits")
    data, _ = splits.for_run(dataset, scaling.fit_max)

    def few(key: Any, n: int, batch_size: int, first_step: Any, steps: int) -> Any:
        """Batches of the few examples that the key draws from all `n`."""
        rows = batches.permutation(keys.named(key, "examples"), n)[: config.examples]
        return rows[batches.shuffled_indices(key, len(rows), batch_size, first_step, steps)]

    def run(optimizer: Any) -> sweep.Run:
        def build(hparams: dict[str, Any]) -> Any:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            model = MLP(config.hidden, dataset.num_classes)
            return tasks.classification(model), optimizer(rate, hparams["decay"])

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size, order=few)

    decays = {"Adam": (0.0,), "Adam + L2": config.l2, "AdamW": config.decoupled}
    programs = {name: run(optimizer) for name, optimizer in optimizers().items()}
    trials = []
    for name, values in decays.items():
        settings = sweep.grid(learning_rate=config.learning_rates, decay=values)
        trials += sweep.trials([name], settings, range(config.seeds))
    labels = {name: {"optimizer": name} for name in programs}
    return launch.Plan(programs, trials, data, segments=1, labels=labels)


def optimizers() -> dict[str, Any]:
    """`(rate, decay) -> transformation`, by name."""
    import optax

    from jaxdl.optimizers import adam, adamw, add_weight_decay

    return {
        "Adam": lambda rate, decay: adam(rate),
        "Adam + L2": lambda rate, decay: optax.chain(add_weight_decay(decay, kernels), adam(rate)),
        "AdamW": lambda rate, decay: adamw(rate, weight_decay=decay, mask=kernels),
    }


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Rate and decay chosen together on validation, once by accuracy and once by loss."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    chosen = {}
    for measure, mode, _ in MEASURES:
        over = ["learning_rate", "decay"]
        best = stats.select(frame, ["optimizer"], over, f"validation_{measure}", mode)
        chosen[measure] = stats.chosen_trials(frame, best, ["optimizer", *over])
    claims = [
        _claim("AdamW beats Adam with L2", chosen, "accuracy", "Adam + L2", HALF_A_POINT),
        _claim("AdamW beats Adam with L2", chosen, "loss", "Adam + L2", NATS),
        _claim("AdamW beats Adam without decay", chosen, "accuracy", "Adam", HALF_A_POINT),
    ]
    if {"holds", "fails"} == {claim.verdict for claim in claims[:2]}:
        claims[:2] = [claim._replace(verdict="depends") for claim in claims[:2]]
    examples = int(plan.data["test"]["mask"].sum())
    tables = [
        _table(chosen[measure], frame, measure, unit, examples) for measure, _, unit in MEASURES
    ]
    for table in tables:
        report.show(table)
    sections = [
        report.Section("At rates and decays that other seeds chose", tuple(tables)),
        report.Section("Validation over rate and decay", tuple(_maps(frame))),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _claim(words: str, chosen: Any, measure: str, rival: str, threshold: float) -> Any:
    from jaxdl import report, stats

    unit, quantity = {name: unit for name, _, unit in MEASURES}[measure], f"test_{measure}"
    seeds = chosen[measure].pivot(index="seed", columns="optimizer", values=quantity).astype(float)
    return report.judge(
        "O3",
        f"{words} at equal tuning, by {measure}",
        f"paired difference in test {measure}",
        unit,
        threshold,
        stats.paired_interval(seeds["AdamW"], seeds[rival]),
        "above" if threshold > 0 else "below",
    )


def _table(chosen: Any, frame: Any, measure: str, unit: str, examples: int) -> Any:
    from jaxdl import report, stats

    quantity = f"test_{measure}"
    seeds = chosen.pivot(index="seed", columns="optimizer", values=quantity).astype(float)
    rows = []
    for name, group in chosen.groupby("optimizer", sort=False):
        tried = frame[frame["optimizer"] == name]
        test = stats.mean_interval(seeds[name], stats.kind(quantity).scale, examples=examples)
        ahead = stats.paired_interval(seeds["AdamW"], seeds[name])
        rows.append((
            str(name),
            str(len(tried)),
            _marked(group["learning_rate"], tried["learning_rate"]),
            _marked(group["decay"], tried["decay"]),
            report.number(group[f"validation_{measure}"].astype(float).mean(), 4),
            report.number(test.mean, 4),
            report.between(test.low, test.high),
            "–" if name == "AdamW" else report.estimate(ahead),
        ))  # fmt: skip
    header = ("optimizer", "trials", "rate", "λ", f"validation {measure}", f"test {measure}",
              "95 % interval", "AdamW minus this")  # fmt: skip
    caption = (
        f"Each seed at the pair that others chose by validation {measure} ({unit}); 95 % "
        "intervals, the last column paired over seeds.  * on the border of its grid."
    )
    return report.Table(header, tuple(rows), frozenset(range(1, 8)), caption)


def _marked(values: Any, tried: Any) -> str:
    from jaxdl import report

    border = tried.nunique() > 1 and values.isin([tried.min(), tried.max()]).any()
    return report.distinct(values) + "*" * bool(border)


def _maps(frame: Any) -> list[Any]:
    """Validation accuracy over rate and decay, with Adam alone as λ = 0."""
    from jaxdl import report

    accuracy = 100 * frame["validation_accuracy"].astype(float)
    pictures = []
    for name in ("Adam + L2", "AdamW"):
        mine = frame.assign(accuracy=accuracy)[frame["optimizer"].isin(["Adam", name])]
        cells = mine.groupby(["learning_rate", "decay"])["accuracy"]
        means = cells.mean().where(cells.count() == cells.size()).unstack()
        means.index = means.index.map("{:g}".format).rename("learning rate")
        means.columns = means.columns.map("{:g}".format).rename("decay λ")
        figure = report.heat_map(
            means, title=f"{name}: validation accuracy", label="validation accuracy (%)"
        )
        alt = f"Heat map of validation accuracy of {name}"
        caption = "Mean over seeds in %; λ = 0 is Adam alone. A grey cell: a seed diverged."
        slug = name.lower().replace(" + ", "_")
        pictures.append(report.Picture(slug, report.to_png(figure), alt, caption))
    return pictures


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
