"""Adagrad on sparse and on dense features, and what becomes of its effective rate.

Logistic regression on fresh examples of a random teacher, never seen twice: features that are there
or not, with frequencies 1/2j (Zipf's law) or all equal, and dense normal ones of the same mean
square. Each optimizer tries the same rates, first only constant ones, then these and such as fall
linearly to zero; they are chosen on validation examples of the same teachers. The effective rate
η/√G, at the mean G over parameters, is followed there and in an MLP that comes to fit the digits.

Claims: Adagrad's effective rate falls as 1/√t (slope of its logarithm -0.5 ± 0.1 over the last nine
tenths of the steps), to less than a tenth of what it was; on sparse features Adagrad's test loss is
lower than that of SGD, momentum, RMSProp and Adam by at least 0.01 nats.

Command: python -m experiments.sparse_features --workdir=runs/sparse_features
Minutes: 1 to 1.6 on 2 cores.
Last result: 2026-11-21, machine '2-core Xeon, jax 0.10.2', 10 seeds. Effective rate: slope -0.42
[-0.43, -0.40] on Zipf's features, -0.15 [-0.17, -0.12] in the MLP, depends; below a tenth after 500
steps everywhere, 0.079 [0.059, 0.098] on Zipf's, holds. Adagrad's test loss less the rival's on
Zipf's features, in nats: at constant rates SGD -0.032 [-0.049, -0.016], momentum -0.025
[-0.034, -0.017], RMSProp -0.012 [-0.016, -0.007], Adam -0.001 [-0.005, 0.002]; where all may let
their rate fall SGD -0.003 [-0.005, 0.000], momentum -0.003, RMSProp -0.009, Adam +0.004. So against
SGD and momentum it depends (most of the gain is the falling rate; on equal and on dense features it
is not shown), against Adam it fails, against RMSProp it is inconclusive, and fails off Zipf's.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(500, "Training steps of each trial.", low=2),
    "seeds": Field(10, "Seeds; each has its own teacher, examples and initialization.", low=1),
    "size": Field(256, "Number of features.", low=2),
    "batch_size": Field(16, "Examples in a step.", low=1, high=1077),
    "learning_rates": Field(
        (3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0), "Rates to try.", low=1e-12
    ),
    "optimizers": Field(
        ("adagrad", "sgd", "momentum", "rmsprop", "adam"), "Adagrad and its rivals."
    ),
}
FEATURES = ("zipf", "equal", "dense")
COMMONEST, TEACHER = 0.5, 1.5
EVALUATED = 2048
DIGITS = "digits MLP"
SLOPE, NEAR, LITTLE = -0.5, 0.1, 0.1
WINS = -0.01


def plan(config: Any) -> launch.Plan:
    """One program per optimizer, features, rate and its end inside; one more for the digits."""
    from jaxdl import sweep
    from jaxdl.data import catalog, scaling, splits
    from jaxdl.optimizers import OPTIMIZERS

    if "adagrad" not in config.optimizers or len(config.optimizers) < 2:
        raise launch.UserError("config.optimizers: name adagrad, and at least one rival")
    chosen = launch.choose_all("optimizers", config.optimizers, OPTIMIZERS)
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    rates, seeds = config.learning_rates, range(config.seeds)
    settings = sweep.grid(features=FEATURES, end=[1.0, 0.0], learning_rate=rates)
    trials = sweep.trials(list(chosen), settings, seeds)
    settings = sweep.grid(features=[DIGITS], end=[1.0], learning_rate=rates)
    trials += sweep.trials([DIGITS], settings, seeds)
    programs = {name: _logistic(config, factory) for name, factory in chosen.items()}
    programs[DIGITS] = _digits(config, OPTIMIZERS["adagrad"])
    labels = {name: {"optimizer": name} for name in chosen} | {DIGITS: {"optimizer": "adagrad"}}
    return launch.Plan(programs, trials, data, 1, {"features": (*FEATURES, DIGITS)}, labels)


def _run(config: Any, task: Any, factory: Any, batch: Any, evaluate: Any) -> Any:
    """Training on `batch(hparams, key, step, data)`, the rate constant or falling, followed."""
    import jax

    from jaxdl import sweep, train

    def rate(hparams: Any) -> Any:
        change = (hparams["end"] - 1) / config.steps
        return lambda step: hparams["learning_rate"] * (1 + change * step)

    def init(hparams: Any, key: Any, data: Any) -> Any:
        return train.init(task, factory(rate(hparams)), key, batch(hparams, key, 0, data))

    def advance(hparams: Any, state: Any, data: Any) -> Any:
        falling = rate(hparams)

        def body(state: Any, _: None) -> Any:
            examples = batch(hparams, state.key, state.step, data)
            state, metrics = train.step(task, factory(falling), state, examples)
            return state, {"loss": train.mean(metrics)["loss"], **_effective(falling, state)}

        return jax.lax.scan(body, state, None, config.steps)

    return sweep.Run(init, advance, evaluate)


def _effective(rate: Callable[[Any], Any], state: Any) -> dict[str, Any]:
    """Of Adagrad, the η / √G of the last step, at the mean G over parameters."""
    import jax
    import jax.numpy as jnp

    from jaxdl.optimizers import AdagradState

    if not isinstance(state.opt_state[0], AdagradState):
        return {}
    leaves = jax.tree.leaves(state.opt_state[0].sum_of_squares)
    mean = sum(leaf.sum() for leaf in leaves) / sum(leaf.size for leaf in leaves)
    return {"effective": rate(state.step - 1) / jnp.sqrt(mean)}


def _examples(config: Any) -> Callable[..., dict[str, Any]]:
    """`(key of a trial, key of a batch, features, count) -> {"x": [B, D], "y": [B, 1]}`."""
    import jax
    import jax.numpy as jnp

    zipf = COMMONEST / jnp.arange(1, config.size + 1)
    frequencies = jnp.stack([zipf, jnp.full(config.size, zipf.mean())])
    scale = jnp.sqrt(zipf.mean())

    def draw(trial: Any, batch: Any, features: Any, count: int) -> dict[str, Any]:
        teacher = TEACHER * jax.random.normal(trial, (config.size,))
        x_key, y_key = jax.random.split(batch)
        shape = (count, config.size)
        x = jax.lax.cond(
            features == FEATURES.index("dense"),
            lambda: scale * jax.random.normal(x_key, shape),
            lambda: (
                1.0
                * (jax.random.uniform(x_key, shape) < frequencies[None, jnp.minimum(features, 1)])
            ),
        )
        y = jax.random.bernoulli(y_key, jax.nn.sigmoid(x @ teacher))
        return {"x": x, "y": y[:, None].astype(jnp.float32)}

    return draw


def _logistic(config: Any, factory: Any) -> Any:
    """Online logistic regression: fresh examples in each step, others for validation and test."""
    import flax.linen as nn
    import jax

    from jaxdl import keys, losses, tasks, train
    from jaxdl.models import MLP

    model = MLP((), 1, kernel_init=nn.initializers.zeros)
    task = tasks.supervised(model, losses.binary_cross_entropy)
    draw = _examples(config)

    def numbered(hparams: Any, key: Any, number: Any, count: int) -> dict[str, Any]:
        # One stream of keys a trial: the teacher's, those of two evaluations, then the batches'.
        stream = keys.named(key, "examples")
        teacher, fresh = (jax.random.fold_in(stream, n) for n in (0, number + 1))
        return draw(teacher, fresh, hparams["features"], count)

    def batch(hparams: Any, key: Any, step: Any, data: Any) -> dict[str, Any]:
        return numbered(hparams, key, step + 2, config.batch_size)

    def evaluate(hparams: Any, state: Any, data: Any) -> dict[str, Any]:
        measured = {
            split: train.measure(task, state, numbered(hparams, state.key, number, EVALUATED))
            for number, split in enumerate(("validation", "test"))
        }
        return {f"{split}_loss": train.mean(sums)["loss"] for split, sums in measured.items()}

    return _run(config, task, factory, batch, evaluate)


def _digits(config: Any, factory: Any) -> Any:
    """An MLP on the digits, which it comes to fit."""
    from jaxdl import sweep, tasks
    from jaxdl.data import batches
    from jaxdl.models import MLP

    task = tasks.classification(MLP((64, 64), 10))
    size = config.batch_size
    other = sweep.make_run(lambda hparams: (task, factory(1.0)), steps=1, batch_size=size)

    def batch(hparams: Any, key: Any, step: Any, data: Any) -> dict[str, Any]:
        examples = len(data["train"]["y"])
        order = batches.shuffled_indices(batches.order_key(key), examples, size, step, 1)
        return batches.take(data["train"], order[0])

    return _run(config, task, factory, batch, other.evaluate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Rates by validation loss, differences of test loss, and slopes of the effective rate."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    by, over = ["features", "optimizer"], ["learning_rate", "end"]
    constant = frame[frame["end"].eq(1.0)].reset_index(drop=True)
    courses = {"constant rates": constant, "constant or falling rates": frame}
    summaries, losses = {}, {}
    for course, trials in courses.items():
        summaries[course] = stats.select(trials, by, over, "validation_loss", "min")
        chosen = stats.chosen_trials(trials, summaries[course], [*by, *over])
        losses[course] = chosen.pivot(index="seed", columns=by, values="test_loss").astype(float)
    adagrad = constant[constant["optimizer"].eq("adagrad")]
    chosen = stats.chosen_trials(adagrad, summaries["constant rates"], [*by, *over])
    followed = results.curve_frame("effective", chosen)
    claims = _rate_claims(config, followed)
    for rival in (name for name in config.optimizers if name != "adagrad"):
        claims += _wins(losses, rival)
    tables = tuple(_table(config, summaries[course], losses[course], course) for course in courses)
    for table in tables:
        report.show(table)
    sensitivity = _sensitivity(frame, summaries["constant or falling rates"])
    sections = [
        report.Section("Test loss", (*tables, sensitivity)),
        report.Section("Adagrad's effective rate", (_effective_picture(followed),)),
    ]
    rival = next(name for name in config.optimizers if name != "adagrad")
    gaps = [(loss["zipf", "adagrad"] - loss["zipf", rival]).mean() for loss in losses.values()]
    headline = (
        f"On Zipf's features Adagrad's test loss less that of {rival} is {gaps[0]:.3f} nats at "
        f"constant rates, {gaps[1]:.3f} nats where both may let their rate fall."
    )
    return launch.Conclusion(claims, sections, headline)


def _rate_claims(config: Any, followed: Any) -> list[Any]:
    import numpy as np

    from jaxdl import report, stats

    late = np.arange(config.steps) >= config.steps // 10
    time = np.log(np.arange(1, config.steps + 1)[late])
    time -= time.mean()
    slopes, left = [], []
    for name, mine in followed.groupby("features", sort=False):
        curves = mine.pivot(index="seed", columns="step", values="effective").to_numpy(float)
        slope = (time * np.log(curves[:, late])).sum(axis=1) / (time**2).sum()
        off = _magnitude(stats.mean_interval(slope - SLOPE))
        sentence = f"{name}: Adagrad's effective rate falls as 1/√t"
        quantity = f"distance of the slope of log rate over log step from {SLOPE:g}"
        slopes.append(report.judge("O3", sentence, quantity, "1", NEAR, off, "below"))
        ratio = stats.mean_interval(curves[:, -1] / curves[:, 0], "positive")
        sentence = f"{name}: Adagrad's effective rate decays to little"
        quantity = f"effective rate after step {config.steps}, of that after step 1"
        left.append(report.judge("O3", sentence, quantity, "1", LITTLE, ratio, "below"))
    return report.depends(slopes) + report.depends(left)


def _wins(losses: Mapping[str, Any], rival: str) -> list[Any]:
    from jaxdl import report, stats

    quantity = f"difference in test loss from {rival}"
    claims = []
    for course, loss in losses.items():
        for features in FEATURES:
            gap = stats.paired_interval(loss[features, "adagrad"], loss[features, rival])
            sentence = f"{features} features, {course}: Adagrad beats {rival}"
            claims.append(report.judge("O3", sentence, quantity, "nats", WINS, gap, "below"))
    return report.depends(claims)


def _magnitude(interval: Any) -> Any:
    """The interval of the distance from zero: it lies below a tolerance if both bounds do."""
    low, high = sorted((abs(interval.low), abs(interval.high)))
    crosses = interval.low < 0 < interval.high
    return interval._replace(mean=abs(interval.mean), low=0.0 if crosses else low, high=high)


def _table(config: Any, summary: Any, loss: Any, course: str) -> Any:
    from jaxdl import report

    ends = {min(config.learning_rates), max(config.learning_rates)}
    rows = tuple(
        (
            row["features"],
            row["optimizer"],
            report.number(row["learning_rate"]) + "*" * (row["learning_rate"] in ends),
            "constant" if row["end"] else "falling",
            report.number(loss[row["features"], row["optimizer"]].mean()),
        )
        for _, row in summary.iterrows()
    )
    header = ("features", "optimizer", "rate", "its course", "test loss (nats)")
    caption = f"Chosen on validation from {course}. * at the border of the rates tried."
    return report.Table(header, rows, frozenset({2, 4}), caption)


def _sensitivity(frame: Any, summary: Any) -> Any:
    from jaxdl import report

    shown = frame.merge(
        summary[["features", "optimizer", "end"]], on=["features", "optimizer", "end"]
    )
    figure = report.sensitivity(
        shown[shown["features"].isin(FEATURES)],
        y="validation_loss",
        panel="features",
        line="optimizer",
        title="Validation loss against the learning rate",
        y_label="validation loss (nats, log scale)",
        y_scale="log",
    )
    caption = (
        "Each optimizer with the course of its rate, constant or falling, that was chosen. Lines: "
        "mean over the seeds; bands: from the lowest to the highest seed."
    )
    return report.Picture("sensitivity", report.to_png(figure), "Validation loss by rate", caption)


def _effective_picture(rates: Any) -> Any:
    import numpy as np
    from matplotlib.lines import Line2D

    from jaxdl import report
    from jaxdl.report import panels, style

    first = rates.groupby(["features", "seed"])["effective"].transform("first")
    points = np.unique(np.geomspace(1, rates["step"].max(), 30).round().astype(int))
    frame = rates.assign(relative=rates["effective"] / first, optimizer="Adagrad")
    look: dict[str, Any] = {"color": "#555555", "linestyle": ":", "linewidth": 1.6}
    with style.house_style():
        figure, cells = panels.small_multiples(
            frame[frame["step"].isin(points)],
            "step",
            "relative",
            "optimizer",
            "features",
            title="Adagrad's effective rate at a constant η",
            x_label="training step (log scale)",
            y_label="effective rate, of that after step 1 (log scale)",
            x_scale="log",
            y_scale="log",
            marker_every=0.2,
            heights=(3.4,),
            keys=[Line2D([], [], label="1/√t", **look)],
        )
        cells["Adagrad"][0].plot(points, points**-0.5, **look)
    caption = "Lines: mean over the seeds; bands: from the lowest to the highest seed."
    name = "effective_rate"
    return report.Picture(name, report.to_png(figure), "Effective rate against steps", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
