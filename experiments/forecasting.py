"""What do networks see in a time series that last season, and a line through the past, do not?

Forecasts of 24 steps from windows of 48, of three generated series: seasons (days of two humps,
higher on some days, with red noise), the chaos of Mackey and Glass, a random walk. Networks say
the quantiles of all steps at once, or those of the next value, which is fed back. Beside them
persistence, last season, and autoregression by least squares, its order chosen on validation.
Series are cut by time and scaled by the training part; the rate is chosen on validation; errors
are absolute ones over all steps, in standard deviations of the training part. The test part is one
piece of one series, so an interval over seeds does not say how another piece would be.

A series of your own, from a file with a header: values at equal steps, oldest first, missing ones
left empty. See `--help` of `longest_gap` for what becomes of these.

    python -m experiments.forecasting --workdir=runs/forecasting  # 4 minutes on 2 cores
    python -m experiments.forecasting --workdir=runs/forecasting --forecast=24
    python -m experiments.forecasting --workdir=runs/mine --config.csv=FILE --config.column=NAME
"""

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from experiments import _forecaster
from experiments._forecaster import DENSE, FED, LSTM, MODELS, Loaded, network
from jaxdl import forecasting, launch, report, stats, sweep, tasks
from jaxdl.data import cells, series, splits
from jaxdl.data.sources import signals
from jaxdl.launch import setting
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree

RATIO = "ratio of absolute errors, over all steps ahead, to those of"
CLAIMS = SEASONAL, LINEAR, WINDOWS, WALK, FED_BACK, COVERS, NARROW = (
    Claim("S14", "an LSTM is better than last season", f"{RATIO} last season", below=0.95),
    Claim("S14", "an LSTM is better than autoregression", f"{RATIO} AR", below=0.95),
    Claim("S14", "an MLP on the window is as good as an LSTM", f"{RATIO} an LSTM", below=1.05),
    Claim("S14", "on a random walk an LSTM is no better than persistence",
          f"{RATIO} persistence", above=0.98),
    Claim("S14", "feeding forecasts back is worse than saying all steps at once",
          f"{RATIO} an LSTM that says all", above=1.02),
    Claim("S14", "80 % of what comes lies in the 80 % interval of an LSTM",
          "distance of the share from 80 %", below=0.05, unit="points"),
    Claim("S14", "the intervals of forecasts that are fed back are too narrow",
          "share of what comes in the 80 % interval", below=0.75, unit="%"),
)  # fmt: skip
LAST, SEASON, LINE = "persistence", "last season", "AR"
OWN, RANDOM = "seasons", "random walk"
ERROR = "test_absolute_error"


class Config(launch.Config):
    """The series, what is read and said of it, and the networks."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds of each setting.", low=2)
    csv: str = setting("", "File of comma-separated values with a header; empty: generated series.")
    column: str = setting("", "Column of that file.")
    longest_gap: int = setting(
        3, "Steps that a value stands for missing ones behind it, in inputs; windows with longer "
        "gaps, or with a missing target, are left out.", low=0
    )  # fmt: skip
    values: int = setting(4000, "Values of each generated series.", low=200)
    length: int = setting(48, "Values that are read.", low=2)
    horizon: int = setting(24, "Values that are forecast.", low=1)
    season: int = setting(24, "Steps of a season, at most those that are read.", low=1)
    units: int = setting(32, "Units of each layer; the MLP has two layers of twice as many.", low=1)
    batch_size: int = setting(64, "Windows in a step.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2)


def load(config: Config) -> dict[str, Loaded]:
    """The series by name: the user's, or the generated ones."""
    if config.column and not config.csv:
        raise launch.UserError("config.column: of which file? config.csv names it")
    if config.csv and not config.column:
        raise launch.UserError(f"config.column: which of {', '.join(cells.read_csv(config.csv))}?")
    if config.season > config.length:
        raise launch.UserError("config.season: at most config.length, the values that are read")
    if config.csv:
        found = {config.column: series.read_column(config.csv, config.column)}
    else:
        rng, count = np.random.default_rng(0), config.values
        found = {
            OWN: signals.seasons(rng, count, config.season),
            "Mackey-Glass": signals.mackey_glass(count),
            RANDOM: signals.random_walk(rng, count),
        }
    sizes, gap = (config.length, config.horizon), config.longest_gap
    loaded = {
        name: Loaded(values, series.prepare([values], *sizes, longest_gap=gap))
        for name, values in found.items()
    }
    count = min(len(each.prepared.parts["train"]["x"]) for each in loaded.values())
    if count < config.batch_size:
        raise launch.UserError(
            f"config.batch_size: only {count} windows of {config.length} + {config.horizon} values "
            "are there to train on"
        )
    return loaded


def plan(config: Config) -> sweep.Plan:
    """One program per network; series, rate and seed are numbers inside it."""
    loaded = load(config)
    arrays = {
        part: {
            name: np.stack([each.prepared.parts[part][name] for each in loaded.values()], axis=1)
            for name in ("x", "y")
        }
        for part in series.PARTS
    }

    def of_series(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
        def one(name: str, array: Array, axis: int) -> Array:
            return array if name == "mask" else jnp.take(array, hparams["series"], axis=axis)

        return {
            part: {
                name: one(name, array, 1 if part == "train" else 2) for name, array in own.items()
            }
            for part, own in data.items()
        }

    def program(model: str) -> sweep.Run:
        made = network(model, **options(config))
        build = sweep.by_rate(tasks.forecasting(made), adam, cosine(config.steps))
        run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return sweep.on(of_series, run)

    names = {"series": tuple(loaded)}
    points = sweep.grid(**names, learning_rate=config.learning_rates)
    return sweep.plan(
        {model: (program(model), points) for model in MODELS},
        splits.in_batches(arrays, 512),
        seeds=config.seeds, column="model", categories=names, keep_states=True,
    )  # fmt: skip


def baselines(
    config: Config, parts: dict[str, dict[str, np.ndarray]]
) -> dict[str, dict[str, np.ndarray]]:
    """Forecasts `[N, horizon, 1]` without a network, by method, on validation and test."""
    run = jax.jit(lambda model, x: forecasting.forecast(model, x, config.horizon))
    orders = sorted({min(order, config.length) for order in (2, config.season, config.length)})
    train, validation, _ = (parts[part] for part in series.PARTS)
    models = [forecasting.fit_ar(train["x"], train["y"], order) for order in orders]
    errors = [abs(run(model, validation["x"]) - validation["y"]).mean() for model in models]
    best = models[int(np.argmin(errors))]
    methods = {
        LAST: lambda x: forecasting.persistence(x, config.horizon),
        SEASON: lambda x: forecasting.seasonal_naive(x, config.horizon, config.season),
        LINE: lambda x: run(best, x),
    }
    return {
        name: {part: np.asarray(method(parts[part]["x"])) for part in ("validation", "test")}
        for name, method in methods.items()
    }


def measured(
    found: dict[str, np.ndarray], parts: dict[str, dict[str, np.ndarray]]
) -> dict[str, float]:
    """Errors of such forecasts on test, and what lies in the interval of errors on validation."""
    y, errors = parts["test"]["y"], parts["validation"]["y"] - found["validation"]
    interval = forecasting.with_errors(found["test"], errors)
    inside = (interval[..., 0] <= y) & (y <= interval[..., -1])
    wrong = abs(found["test"] - y)
    return {
        "next value": float(wrong[:, 0].mean()),
        "all steps": float(wrong.mean()),
        "in the 80 % interval (%)": float(inside.mean()),
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Errors of test windows, of networks at the rates that other seeds chose."""
    loaded, frame = load(config), results.frame()
    tuned = stats.tune(frame, ("series", "model"), "learning_rate", "validation_absolute_error")
    simple = {name: baselines(config, each.prepared.parts) for name, each in loaded.items()}
    numbers = {
        name: {method: measured(of, loaded[name].prepared.parts) for method, of in own.items()}
        for name, own in simple.items()
    }
    rows: list[dict[str, str | float]] = [
        {"series": name, "method": method, **own}
        for name, methods in numbers.items()
        for method, own in methods.items()
    ]
    words = (
        "Absolute errors on test without a network, in deviations of the training part; intervals "
        "from the errors on validation, step by step."
    )
    tables = (
        report.tuned_table(tuned, ERROR, against=LSTM),
        report.tuned_table(tuned, "test_next_error", against=LSTM),
        covered_table(tuned),
        report.table(rows, words),
        " ".join(told(config, name, each) for name, each in loaded.items()),
    )
    sections, first = [Section("By series and network", tables)], next(iter(loaded))
    if row := stats.example(frame, tuned, (first, LSTM)):
        params, own, line = plan.replay(row).params, loaded[first], simple[first][LINE]["test"]
        _forecaster.save(plan, row, params, options(config), own, config.longest_gap)
        sections.append(Section("A forecast", (shown(config, params, own, line),)))
    errors = {
        name: {method: own["all steps"] for method, own in methods.items()}
        for name, methods in numbers.items()
    }
    return launch.Conclusion(judged(tuned, errors), sections)


def judged(tuned: stats.Tuned, errors: dict[str, dict[str, float]]) -> list[report.Judged]:
    """The claims, each on the series that it is about."""
    scores = {name: own.scores(ERROR) for name, own in tuned.groups("series").items()}
    covered = {name: own.scores("test_coverage") for name, own in tuned.groups("series").items()}
    first, usual = next(iter(errors)), [name for name in errors if name != RANDOM]

    def ratio(name: str, over: pd.Series | float, model: str = LSTM) -> stats.Interval:
        return stats.mean_interval(scores[name][model] / over, "positive")

    claims = [SEASONAL.judge(ratio(first, errors[first][SEASON]), first)]
    claims += LINEAR.judge_each({name: ratio(name, errors[name][LINE]) for name in usual})
    claims += WINDOWS.judge_each({name: ratio(name, scores[name][LSTM], DENSE) for name in usual})
    if RANDOM in errors:
        claims.append(WALK.judge(ratio(RANDOM, errors[RANDOM][LAST])))
    claims += FED_BACK.judge_each({name: ratio(name, scores[name][LSTM], FED) for name in usual})
    away = {name: stats.mean_interval(covered[name][LSTM] - 0.8) for name in usual}
    claims += COVERS.judge_each({name: stats.magnitude(each) for name, each in away.items()})
    share = {name: stats.mean_interval(covered[name][FED], "share") for name in usual}
    return claims + NARROW.judge_each(share)


def told(config: Config, name: str, loaded: Loaded) -> str:
    """How much of a series there is, and what became of what is missing."""
    windows = sum(len(part["x"]) for part in loaded.prepared.parts.values())
    missing = int(np.isnan(loaded.values).sum())
    gaps = f", {missing:,} missing (in inputs a value stands for {config.longest_gap} at most)"
    return f"{name}: {len(loaded.values):,} values{gaps if missing else ''}, {windows:,} windows."


def covered_table(tuned: stats.Tuned) -> report.Table:
    """How much of what came lay in the intervals that were said."""
    rows: list[dict[str, str | stats.Interval]] = [
        {
            "series": name,
            "model": model,
            "in the 80 % interval (%)": stats.mean_interval(own[model]),
        }
        for name, group in tuned.groups("series").items()
        for own in [group.scores("test_coverage")]
        for model in MODELS
    ]
    return report.table(rows, "Of all steps ahead on test; 95 % intervals over seeds.")


def shown(config: Config, params: PyTree, loaded: Loaded, line: np.ndarray) -> Picture:
    """The last test window: what an LSTM said, what came, what AR said."""
    test = loaded.prepared.parts["test"]
    predict = tasks.forecasting(network(LSTM, **options(config))).predict
    found = np.asarray(jax.jit(predict)(params, {}, {"x": test["x"][-1:]}))
    figure = report.fan(
        test["x"][-1, :, 0], found[0, :, 0],
        {"what came": test["y"][-1, :, 0], LINE: line[-1, :, 0]},
        title="The last test window", first=int(test["step"][-1]) - config.length,
        y_label="standard deviations",
    )  # fmt: skip
    return report.picture(figure, "Of the first series, by one seed of the LSTM.")


def options(config: Config) -> dict[str, int]:
    """What a network is built from."""
    return {name: getattr(config, name) for name in ("length", "horizon", "units")}


USES = {
    "forecast": launch.Use(
        "How many values to forecast behind the end of the series.", _forecaster.forecast
    )
}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
