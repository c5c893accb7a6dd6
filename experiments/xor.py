"""XOR: what no linear model can learn, and how small a network suffices.

All four points in every step, by Adam. The rate of a hidden layer, or of a linear model that is
told x₁x₂ as a third feature, is chosen on one half of the seeds and judged on the other; a linear
model is linear at any rate, so all its trials bear witness. Some texts ask for several layers.

    python -m experiments.xor --workdir=runs/xor  # 0.3 minutes on 2 cores
"""

import math

import jax.numpy as jnp
import numpy as np

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.launch import setting
from jaxdl.layers import activations
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Judged, Section
from jaxdl.report.tables import Cell
from jaxdl.types import Array, PyTree

SHARE = "share of trials with all four points right"
CLAIMS = LINEAR, HIDDEN, MAPPED = (
    Claim("F1", "no linear model gets all four points of XOR right", SHARE, below=0.01, unit="%"),
    Claim("F1", "one hidden layer learns XOR more often than not", SHARE, above=0.5, unit="%"),
    Claim("F1", "a linear model that is told x₁x₂ too gets all four points right",
          SHARE, above=0.98, unit="%"),
)  # fmt: skip
LINE, WITH_PRODUCT = "linear", "linear, told x₁x₂"


class Config(launch.Config):
    """Which widths are tried, at which rates."""

    steps: int = setting(2000, "Training steps of each trial, each on all four points.", low=1)
    seeds: int = setting(600, "Seeds of each setting; half of them choose the rate.", low=2)
    hidden: tuple[int, ...] = setting(
        (0, 2, 3, 4), "Widths of the hidden layer; 0 is a linear model.", low=0
    )
    learning_rates: tuple[float, ...] = launch.rates(0.01, 0.03, 0.1)
    activation: str = setting("tanh", "Activation of the hidden layer.")


def plan(config: Config) -> sweep.Plan:
    """One program per width, and beside a linear model one that is told x₁x₂."""
    activation = launch.choose("activation", config.activation, activations.ACTIVATIONS)
    points = {
        "x": np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32),
        "y": np.array([0, 1, 1, 0], np.int32),
    }

    def program(width: int) -> sweep.Run:
        task = tasks.classification(MLP((width,) if width else (), 2, activation))
        return sweep.make_run(sweep.by_rate(task, adam), steps=config.steps, batch_size=4)

    rates = sweep.grid(learning_rate=config.learning_rates)
    programs = {name_of(width): (program(width), rates) for width in config.hidden}
    if 0 in config.hidden:
        programs[WITH_PRODUCT] = (sweep.on(with_product, program(0)), rates)
    data = splits.in_batches({"train": points, "test": points})
    return sweep.plan(programs, data, seeds=config.seeds, column="model")


def with_product(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
    """The points with x₁x₂ as a third feature."""

    def told(x: Array) -> Array:
        return jnp.concatenate([x, x.prod(axis=-1, keepdims=True)], axis=-1)

    return {name: {**part, "x": told(part["x"])} for name, part in data.items()}


def name_of(width: int) -> str:
    """Of a model with a hidden layer of that width."""
    return f"{width} hidden units" if width else LINE


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Shares of trials, with exact binomial intervals."""
    frame = results.frame()
    # Of logits that are equal but for their rounding all four may be right. By convexity the mean
    # loss of a linear model is never below ln 2; that of a network that tells them apart is.
    apart = frame["test_loss"] < math.log(2) - 1e-5
    frame["solved"] = (frame["test_accuracy"] == 1) & apart
    claims: list[Judged] = []
    rows: list[dict[str, Cell]] = []
    names = list(plan.programs)
    for name in names:
        trials = frame[frame["model"] == name]
        chosen = trials
        if name != LINE:
            first = trials["seed"] < config.seeds / 2
            rate = trials[first].groupby("learning_rate")["solved"].mean().idxmax()
            chosen = trials[~first & (trials["learning_rate"] == rate)]
        share = stats.proportion_of(chosen["solved"])
        claim = {LINE: LINEAR, WITH_PRODUCT: MAPPED}.get(name, HIDDEN)
        claims.append(claim.judge(share, name if claim is HIDDEN else ""))
        shares = trials.groupby("learning_rate")["solved"].mean()
        rows.append({
            "model": name,
            "trials": len(trials),
            "best accuracy (%)": float(trials["test_accuracy"].max()),
            **{f"solved at rate {rate:g} (%)": float(share) for rate, share in shares.items()},
        })  # fmt: skip
    figure = report.intervals(claims, names, title="XOR by width of the hidden layer")
    caption = "Four points that are right by the rounding of equal logits alone are not solved."
    found = (report.picture(figure), report.table(rows, caption))
    section = Section("By width of the hidden layer", found)
    return launch.Conclusion(claims, [section])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
