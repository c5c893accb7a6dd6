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
Minutes: 1 on 2 cores.
Last result: 2026-11-21, machine '2-core Xeon, jax 0.10.2', 10 seeds. Effective rate: slope -0.42
[-0.43, -0.40] on Zipf's features, but the MLP's rate hardly falls once the digits are fitted,
depends; below a tenth everywhere, 0.079 [0.059, 0.098] on Zipf's, holds. Adagrad's test loss less
the rival's on Zipf's features, in nats, constant rates: SGD -0.032 [-0.049, -0.016], momentum
-0.025 [-0.034, -0.017], hold there only, depends; RMSProp -0.012 [-0.016, -0.007], depends; Adam
-0.001, fails. Where all may let their rate fall: SGD -0.003, momentum -0.003, Adam +0.004, fail;
RMSProp -0.009 [-0.014, -0.004], depends: most of the gain is the falling rate.
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

    if "adagrad" not in config.optimizers:
        raise launch.UserError("config.optimizers: adagrad is compared with the others, name it")
    chosen = launch.choose_all("optimizers", config.optimizers, OPTIMIZERS)
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    programs = {name: _logistic(config, factory) for name, factory in chosen.items()}
    rates, seeds = config.learning_rates, range(config.seeds)
    settings = sweep.grid(features=FEATURES, end=[1.0, 0.0], learning_rate=rates)
    trials = sweep.trials(list(programs), settings, seeds)
    settings = sweep.grid(features=[DIGITS], end=[1.0], learning_rate=rates)
    trials += sweep.trials([DIGITS], settings, seeds)
    programs[DIGITS] = _digits(config)
    labels = {name: {"optimizer": name} for name in chosen} | {DIGITS: {"optimizer": "adagrad"}}
    return launch.Plan(programs, trials, data, 1, {"features": (*FEATURES, DIGITS)}, labels)


def _rate(config: Any, hparams: Mapping[str, Any]) -> Callable[[Any], Any]:
    """η at the start, η times `end` after the last step, linear between."""
    change = (hparams["end"] - 1) / config.steps
    return lambda step: hparams["learning_rate"] * (1 + change * step)


def _effective(rate: Callable[[Any], Any], state: Any) -> dict[str, Any]:
    """Of Adagrad, the η / √G of the last step, at the mean G over parameters."""
    import jax
    import jax.numpy as jnp

    from jaxdl.optimizers.adagrad import AdagradState

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


def _logistic(config: Any, factory: Callable[..., Any]) -> Any:
    """Online logistic regression: fresh examples in each step, others for validation and test."""
    import flax.linen as nn
    import jax
    import jax.numpy as jnp

    from jaxdl import losses, sweep, tasks, train
    from jaxdl.models import MLP

    task = tasks.supervised(
        MLP((), 1, kernel_init=nn.initializers.zeros), losses.binary_cross_entropy
    )
    examples = _examples(config)

    def batch(hparams: Any, key: Any, number: Any, count: int) -> dict[str, Any]:
        # One stream of numbers a trial: the teacher's, the two evaluations', then the steps'.
        return examples(
            jax.random.fold_in(key, 0),
            jax.random.fold_in(key, number + 1),
            hparams["features"],
            count,
        )

    def init(hparams: Any, key: Any, data: Any) -> Any:
        tx = factory(_rate(config, hparams))
        return train.init(task, tx, key, {"x": jnp.zeros((1, config.size)), "y": jnp.zeros((1, 1))})

    def advance(hparams: Any, state: Any, data: Any) -> Any:
        rate = _rate(config, hparams)

        def body(state: Any, _: None) -> Any:
            fresh = batch(hparams, state.key, state.step + 2, config.batch_size)
            state, metrics = train.step(task, factory(rate), state, fresh)
            return state, {"loss": train.mean(metrics)["loss"], **_effective(rate, state)}

        return jax.lax.scan(body, state, None, config.steps)

    def evaluate(hparams: Any, state: Any, data: Any) -> Any:
        return {
            f"{split}_loss": train.mean(
                train.measure(task, state, batch(hparams, state.key, number, EVALUATED))
            )["loss"]
            for number, split in enumerate(("validation", "test"))
        }

    return sweep.Run(init, advance, evaluate)


def _digits(config: Any) -> Any:
    """An MLP with Adagrad on the digits, which it comes to fit."""
    import jax

    from jaxdl import sweep, tasks, train
    from jaxdl.data import batches
    from jaxdl.models import MLP
    from jaxdl.optimizers import adagrad

    task = tasks.classification(MLP((64, 64), 10))

    def build(hparams: Any) -> Any:
        return task, adagrad(_rate(config, hparams))

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def advance(hparams: Any, state: Any, data: Any) -> Any:
        rate, examples = _rate(config, hparams), len(data["train"]["y"])
        order = batches.shuffled_indices(
            state.key, examples, config.batch_size, state.step, config.steps
        )

        def body(state: Any, indices: Any) -> Any:
            batch = batches.take(data["train"], indices)
            state, metrics = train.step(task, adagrad(rate), state, batch)
            return state, {"loss": train.mean(metrics)["loss"], **_effective(rate, state)}

        return jax.lax.scan(body, state, order)

    return run._replace(advance=advance)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Rates by validation loss, differences of test loss, and slopes of the effective rate."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    by, over = ["features", "optimizer"], ["learning_rate", "end"]
    constant = frame[frame["end"].eq(1.0)].reset_index(drop=True)
    rivals = [name for name in config.optimizers if name != "adagrad"]
    wins, tables = [], []
    for course, trials in (("constant rates", constant), ("constant or falling rates", frame)):
        summary = stats.select(trials, by, over, "validation_loss", "min")
        chosen = stats.chosen_trials(trials, summary, [*by, *over])
        if course == "constant rates":
            followed = _followed(results, chosen[chosen["optimizer"].eq("adagrad")])
        loss = chosen.pivot(index="seed", columns=by, values="test_loss").astype(float)
        gaps = _gaps(loss, rivals)
        wins += [_win(gaps, rival, course) for rival in rivals]
        tables += [_loss_table(config, summary, loss, course), _gap_table(gaps, course)]
    claims = [*_rate_claims(config, followed), *wins]
    for table in tables:
        report.show(table)
    sections = [
        report.Section("Test loss", (*tables, _sensitivity(frame, summary))),
        report.Section("Adagrad's effective rate", (_effective_picture(followed),)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _followed(results: Any, trials: Any) -> Any:
    """Effective rate of these trials, one row a trial and step."""
    import pandas as pd

    curves = results.curves()
    row = {trial: number for number, trial in enumerate(curves["trial"].tolist())}
    parts = [
        pd.DataFrame(
            {
                "features": trial.features,
                "seed": trial.seed,
                "step": range(1, curves["effective"].shape[1] + 1),
                "effective": curves["effective"][row[trial.trial]],
            }
        )
        for trial in trials.itertuples()
    ]
    return pd.concat(parts, ignore_index=True)


def _rate_claims(config: Any, rates: Any) -> list[Any]:
    import numpy as np

    from jaxdl import report, stats

    slope_claims, left_claims = {}, {}
    for name, mine in rates.groupby("features", sort=False):
        curves = mine.pivot(index="seed", columns="step", values="effective").to_numpy(float)
        late = np.arange(1, config.steps + 1) > config.steps // 10
        time = np.log(np.arange(1, config.steps + 1)[late])
        logs = np.log(curves[:, late])
        slopes = ((time - time.mean()) * logs).sum(axis=1) / ((time - time.mean()) ** 2).sum()
        slope = stats.mean_interval(slopes - SLOPE)
        slope_claims[name] = report.judge(
            "O3",
            "Adagrad's effective rate falls as 1/√t",
            f"distance of the slope of log rate over log step from {SLOPE:g}",
            "1",
            NEAR,
            _magnitude(slope),
            "below",
        )
        left_claims[name] = report.judge(
            "O3",
            "Adagrad's effective rate decays to nothing",
            f"effective rate after step {config.steps}, of that after step 1",
            "1",
            LITTLE,
            stats.mean_interval(curves[:, -1] / curves[:, 0]),
            "below",
        )
    return [_over_conditions(slope_claims), _over_conditions(left_claims)]


def _gaps(loss: Any, rivals: list[str]) -> dict[tuple[str, str], Any]:
    """Adagrad's test loss less the rival's, by rival and features."""
    from jaxdl import stats

    return {
        (rival, features): stats.paired_interval(loss[features, "adagrad"], loss[features, rival])
        for features in FEATURES
        for rival in rivals
    }


def _win(gaps: Mapping[tuple[str, str], Any], rival: str, course: str) -> Any:
    from jaxdl import report

    sentence = f"Adagrad beats {rival} at equal tuning, {course}"
    quantity = "difference in test loss"
    return _over_conditions(
        {
            features: report.judge(
                "O3", sentence, quantity, "nats", WINS, gaps[rival, features], "below"
            )
            for features in FEATURES
        }
    )


def _magnitude(interval: Any) -> Any:
    """The interval of the distance from zero: it lies below a tolerance if both bounds do."""
    low, high = sorted((abs(interval.low), abs(interval.high)))
    crosses = interval.low < 0 < interval.high
    return interval._replace(mean=abs(interval.mean), low=0.0 if crosses else low, high=high)


def _over_conditions(claims: Mapping[str, Any]) -> Any:
    """One claim for several conditions, with the first one's numbers; where they disagree it
    `depends`."""
    claim = next(iter(claims.values()))
    said = ", ".join(f"{name}: {claim.verdict}" for name, claim in claims.items())
    agree = len({claim.verdict for claim in claims.values()}) == 1
    verdict = claim.verdict if agree else "depends"
    quantity = f"{claim.quantity}, {next(iter(claims))} features"
    return claim._replace(claim=f"{claim.claim} ({said})", quantity=quantity, verdict=verdict)


def _loss_table(config: Any, summary: Any, loss: Any, course: str) -> Any:
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


def _gap_table(gaps: Mapping[tuple[str, str], Any], course: str) -> Any:
    from jaxdl import report

    rows = tuple(
        (features, rival, report.number(gap.mean), report.between(gap.low, gap.high))
        for (rival, features), gap in gaps.items()
    )
    header = ("features", "rival", "difference (nats)", "95 % interval")
    caption = f"Adagrad's test loss less the rival's, paired over the seeds, Student's t; {course}."
    return report.Table(header, rows, frozenset({2, 3}), caption)


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
