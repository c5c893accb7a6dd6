"""What helps an MLP on 100 digits, and does it still help on 1,000?

Dropout, L1, L2, an elastic net of both, random shifts, input noise, smoothed labels and early
stopping, each against training with nothing of them. A seed draws the training images, the
initialization and the batches, and all conditions share it; sizes and strengths are traced numbers.
The 360 validation images are the same at every size, so that choices made by them are good ones.

Claims: at the strengths that other seeds chose on validation, each gains more than half a point of
test accuracy on the fewest images; dropout, L2, shifts and early stopping gain more there than on
the most; dropout narrows the gap between training and test accuracy there by more than half a
point.

Command: python -m experiments.small_data --workdir=runs/small_data
Minutes: 1.5 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 158 s), jax 0.10.2. Gains on 100 images: shifts 1.7
points (0.9 … 2.6) and input noise 1.1 (0.6 … 1.5), holds; dropout 0.6 (0.2 … 1.0), smoothed labels
0.5 (−0.4 … 1.4), L2 0.3 (−0.3 … 0.8) and L1 −0.1 (−0.6 … 0.5), inconclusive; elastic net 0.0 (−0.5
… 0.49) and early stopping −0.2 (−0.4 … 0.04), fails. More on 100 than on 1,000: shifts and dropout,
holds; L2 and early stopping, inconclusive. Dropout's gap −0.6 (−1.0 … −0.2), inconclusive: half a
point is the threshold. Of the patiences the longest was chosen. With 1,000 steps and 10 seeds
dropout gained 0.1 points (−0.4 … 0.6) and shifts 0.6 (−0.6 … 1.8) on 100 images.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field
from jaxdl.params import kernels

NOTHING, SEGMENTS, HALF_A_POINT = "nothing", 20, 0.5
STRENGTHS: dict[str, tuple[str, tuple[float, ...]]] = {
    NOTHING: ("R1", (0.0,)),
    "dropout": ("R1", (0.2, 0.35, 0.5)),
    "L2": ("F9", (1e-4, 1e-3, 1e-2)),
    "L1": ("F9", (1e-5, 1e-4, 1e-3)),
    "elastic net": ("F9", (1e-4, 1e-3, 1e-2)),
    "shift": ("R9", (0.25, 0.5, 1.0)),
    "input noise": ("R7", (0.1, 0.2, 0.4)),
    "label smoothing": ("R7", (0.1, 0.2, 0.4)),
    "early stopping": ("R4", (2.0, 4.0, 8.0)),
}
"""Row of the claim, and strengths to try: a rate, a λ (of Σw², Σ|w|, half of each), pixels, a
standard deviation, an amount, segments of patience."""
FADING = ("dropout", "L2", "shift", "early stopping")
FIELDS = {
    "steps": Field(
        600, "Training steps of each trial, in up to 20 segments of equal length.", low=1
    ),
    "seeds": Field(16, "Seeds of each setting.", low=1),
    "examples": Field((100, 1000), "Numbers of training images.", low=1, high=1077),
    "conditions": Field(
        tuple(STRENGTHS)[1:], "What is compared with nothing.", choices=tuple(STRENGTHS)[1:]
    ),
    "hidden": Field((128, 128), "Widths of the hidden layers.", low=1, repeats=True),
    "batch_size": Field(50, "Examples in a step, drawn with replacement.", low=1),
    "learning_rate": Field(1e-3, "Learning rate of Adam.", low=1e-12),
}


def plan(config: Any) -> launch.Plan:
    """One program; condition, strength and number of images are numbers inside it."""
    from jaxdl import sweep
    from jaxdl.data import catalog, scaling, splits

    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    segments = launch.segments(config.steps, SEGMENTS)
    trials = []
    for condition in (NOTHING, *config.conditions):
        _, values = STRENGTHS[condition]
        settings = sweep.grid(condition=[condition], examples=config.examples, strength=values)
        trials += sweep.trials(["MLP"], settings, range(config.seeds))
    programs = {"MLP": _run(config, config.steps // segments)}
    return launch.Plan(programs, trials, data, segments, categories={"condition": list(STRENGTHS)})


def _run(config: Any, steps: int) -> Any:
    """The run, built inside each of its functions around the traced numbers."""
    import jax
    import jax.numpy as jnp

    from jaxdl import keys, sweep, train
    from jaxdl.data import batches
    from jaxdl.sweep.early_stopping import early_stopping

    def drawn(key: Any, n: int) -> Any:
        """All rows in the trial's order, of which the first are those it trains on."""
        return batches.permutation(keys.named(key, "examples"), n)

    def made(hparams: dict[str, Any]) -> Any:
        def order(key: Any, n: int, batch_size: int, first_step: Any, steps: int) -> Any:
            def one(step: Any) -> Any:
                step_key, size = jax.random.fold_in(key, step), hparams["examples"].astype(int)
                return jax.random.randint(step_key, (batch_size,), 0, size)

            return drawn(key, n)[jax.vmap(one)(first_step + jnp.arange(steps))]

        def build(hparams: dict[str, Any]) -> Any:
            return _task(config, hparams)

        trained = sweep.make_run(build, steps=steps, batch_size=config.batch_size, order=order)

        def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
            key, n = batches.order_key(state.key), len(data["train"]["y"])
            batch = batches.take(data["train"], drawn(key, n)[: min(config.examples)])
            seen = train.mean(train.measure(build(hparams)[0], state, batch))
            return {**trained.evaluate(hparams, state, data), "train_accuracy": seen["accuracy"]}

        patience = _strengths(hparams)["early stopping"]

        def better(value: Any, best: Any) -> Any:
            # Without early stopping it is the last state that counts.
            return (value > best) | (patience == 0)

        waits = jnp.where(patience > 0, patience, SEGMENTS)
        run = trained._replace(evaluate=evaluate)
        return early_stopping(run, "validation_accuracy", waits, better)

    return sweep.Run(
        lambda hparams, key, data: made(hparams).init(hparams, key, data),
        lambda hparams, state, data: made(hparams).advance(hparams, state, data),
        lambda hparams, state, data: made(hparams).evaluate(hparams, state, data),
    )


def _strengths(hparams: dict[str, Any]) -> dict[str, Any]:
    """Of each condition: the trial's strength if it is its own, else 0, which is its absence."""
    return {
        name: hparams["strength"] * (hparams["condition"] == number)
        for number, name in enumerate(STRENGTHS)
    }


def _task(config: Any, hparams: dict[str, Any]) -> Any:
    import functools

    from jaxdl import losses
    from jaxdl.data import augmentation
    from jaxdl.models import MLP
    from jaxdl.optimizers import adam
    from jaxdl.tasks import noise

    amount = _strengths(hparams)
    l1 = amount["L1"] + 0.5 * amount["elastic net"]
    l2 = amount["L2"] + 0.5 * amount["elastic net"]
    shift = functools.partial(augmentation.shift, pixels=amount["shift"])
    add_noise = functools.partial(augmentation.noise, deviation=amount["input noise"])

    def penalty(params: Any) -> Any:
        return losses.elastic_net(params, l1, l2, kernels(params))

    def change(batch: Any, key: Any) -> Any:
        batch = augmentation.augment(batch, key, [shift, add_noise])
        return noise.smooth_labels(batch, 10, amount["label smoothing"])

    model = MLP(config.hidden, 10, dropout=amount["dropout"])
    task = noise.in_training(noise.soft_classification(model, 10, penalty=penalty), change)
    return task, adam(config.learning_rate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Strengths chosen on validation, for each size; effects paired over seeds."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    by = ["condition", "examples"]
    chosen = stats.chosen_trials(frame, stats.select(frame, by, "strength"), [*by, "strength"])
    points = 100 * _by_seed(chosen, "test_accuracy")
    gap = 100 * _by_seed(chosen, "train_accuracy") - points
    few, many = min(config.examples), max(config.examples)
    effects = {
        (name, size): stats.paired_interval(points[name, size], points[NOTHING, size])
        for name in config.conditions
        for size in config.examples
    }
    claims = [
        _claim(
            f"{name} helps on {few:,} images",
            name,
            effects[name, few],
            "gain in test accuracy",
            HALF_A_POINT,
        )
        for name in config.conditions
    ]
    fading = [name for name in config.conditions if name in FADING and few < many]
    for name in fading:
        gains = [points[name, size] - points[NOTHING, size] for size in (few, many)]
        words = f"{name} helps more on {few:,} images than on {many:,}"
        claims.append(
            _claim(
                words,
                name,
                stats.paired_interval(*gains),
                "difference of the gains in test accuracy",
                0.0,
            )
        )
    if "dropout" in config.conditions:
        change = stats.paired_interval(gap["dropout", few], gap[NOTHING, few])
        words = f"dropout narrows the gap between training and test on {few:,} images"
        claims.append(
            _claim(words, "dropout", change, "change of the gap in accuracy", -HALF_A_POINT)
        )
    table = _table(chosen, effects, gap, few)
    report.show(table)
    pictures = (_map(config, effects), _sheet(plan))
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, [report.Section("Effects", (*pictures, table))], headline)


def _by_seed(chosen: Any, quantity: str) -> Any:
    """One row a seed, one column a (condition, number of images)."""
    trials = chosen.assign(**{quantity: chosen[quantity].astype(float)})
    return trials.pivot(index="seed", columns=["condition", "examples"], values=quantity)


def _claim(words: str, name: str, interval: Any, quantity: str, threshold: float) -> Any:
    from jaxdl import report

    direction: Any = "below" if threshold < 0 else "above"
    row = STRENGTHS[name][0]
    return report.judge(row, words, f"paired {quantity}", "points", threshold, interval, direction)


def _table(chosen: Any, effects: Any, gap: Any, few: int) -> Any:
    from jaxdl import report

    rows = []
    for (name, size), group in chosen.groupby(["condition", "examples"], sort=False):
        effect = effects.get((name, size))
        accuracy = [group[f"{split}_accuracy"].astype(float).mean() for split in ("train", "test")]
        rows.append((
            str(name),
            f"{size:,.0f}",
            report.distinct(group["strength"]),
            *map(report.percent, accuracy),
            f"{gap[name, size].mean():.1f}",
            f"{effect.mean:.2f}" if effect else "–",
            report.between(effect.low, effect.high, "{:.2f}".format) if effect else "–",
        ))  # fmt: skip
    header = ("condition", "images", "strength", "training accuracy (%)", "test accuracy (%)",
              "gap (points)", "gain (points)", "95 % interval")  # fmt: skip
    caption = f"Means over seeds; training accuracy on {few:,} of the images trained on."
    return report.Table(header, tuple(rows), frozenset(range(1, 8)), caption)


def _map(config: Any, effects: Any) -> Any:
    """Gains by condition and number of images."""
    import pandas as pd

    from jaxdl import report

    gains, low, high = (
        pd.Series({key: effect[part] for key, effect in effects.items()}).unstack(sort=False)
        for part in range(3)
    )
    gains.columns = [f"{size:,}" for size in gains.columns]
    gains = gains.rename_axis(columns="training images")
    title = "Gain in test accuracy over training with nothing"
    figure = report.heat_map(gains, bounds=(low, high), title=title, label="gain (points)")
    caption = (
        "Each seed at the strength that other seeds chose on validation, paired over "
        f"{config.seeds} seeds; below it the 95 % interval."
    )
    return report.Picture("gains", report.to_png(figure), title, caption)


def _sheet(plan: launch.Plan) -> Any:
    """What the networks see of one digit of each class."""
    import functools

    import jax
    import numpy as np

    from jaxdl import report
    from jaxdl.data import augmentation

    rows = [int(np.argmax(plan.data["train"]["y"] == digit)) for digit in range(10)]
    clean = {"x": plan.data["train"]["x"][np.array(rows)]}
    seen = {"clean": clean["x"]}
    for name, function in (
        ("shift of 1 pixel", functools.partial(augmentation.shift, pixels=1.0)),
        ("noise of 0.4", functools.partial(augmentation.noise, deviation=0.4)),
    ):
        augment = jax.jit(functools.partial(augmentation.augment, functions=[function]))
        seen[name] = augment(clean, jax.random.key(0))["x"]
    title = "Digits as they are, shifted and noisy, at the largest strengths"
    sheet = np.stack(list(seen.values()))[..., 0]
    figure = report.images(1 - sheet, list(seen), [str(digit) for digit in range(10)], title)
    return report.Picture("seen", report.to_png(figure), title, "Drawn anew at every step.")


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
