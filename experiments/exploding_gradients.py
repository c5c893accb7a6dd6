"""When do gradients explode in an Elman network, and does clipping save its training?

The recurrent matrix is σ times a random orthogonal one, so that σ is its largest singular value.
Before training: the largest singular value of ∂h_T/∂h_0, mean of the logarithms over sequences of
white noise. It is at most (γσ)^T, where γ = 1 is the steepest slope of tanh, so that σ > 1/γ is
needed for an explosion (Pascanu et al. 2013, https://arxiv.org/abs/1211.5063); is it enough? Then
SGD trains the network to echo its input two steps later, without clipping, with the gradient
clipped to a norm, and with that of each array of weights clipped to it. A run has failed if it
diverged or ended worse than answering 0. All that differs are numbers in one program.

A failure need not be an explosion through time: at a high rate networks with σ < 1 diverge too.

    python -m experiments.exploding_gradients --workdir=runs/exploding_gradients
    # 1 minute on 2 cores
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, losses, report, stats, sweep, tasks
from jaxdl.data import batches
from jaxdl.launch import setting
from jaxdl.layers.cells import ELMAN
from jaxdl.layers.recurrent import RNN
from jaxdl.models import Transducer
from jaxdl.optimizers import clip_by_global_norm, clip_by_layer_norm, sgd
from jaxdl.report import Claim, Picture, Section, Table
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

DELAY, SEQUENCES, LOOKED_AT = 2, 2048, 4
GROWTH = "log10 of the largest singular value of ∂h_T/∂h_0"
CLAIMS = SHRINKS, GROWS, SAVED, BY_LAYER = (
    Claim("I3", "below 1/γ the gradient shrinks tenfold over T steps",
          GROWTH, below=-1.0, unit="decades"),
    Claim("I3", "above 1/γ the gradient grows tenfold over T steps",
          GROWTH, above=1.0, unit="decades"),
    Claim("O6", "clipping to norm 1 reduces the share of failed runs, all σ and rates alike",
          "share failed without clipping, less that with it", above=0.1, unit="points"),
    Claim("O6", "clipping each layer by itself reduces it as much as clipping all together",
          "share failed with each layer clipped, less that with all together",
          below=0.05, unit="points"),
)  # fmt: skip


NO_CLIPPING = "no clipping"


class Config(launch.Config):
    """Which networks are looked at and trained, and how."""

    steps: int = setting(200, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=2)
    scales: tuple[float, ...] = setting(
        (0.5, 0.8, 1.0, 1.25, 1.5, 2.0), "Largest singular values σ.", low=1e-6
    )
    learning_rates: tuple[float, ...] = launch.rates(0.1, 0.3, 1.0)
    clips: tuple[float, ...] = setting(
        (0.0, 1.0), "Largest norms of a gradient; 0: no clipping.", low=0.0
    )
    length: int = setting(50, "Steps T of a sequence.", low=3)
    hidden: int = setting(32, "Units of the network.", low=1)


def plan(config: Config) -> sweep.Plan:
    """One program; all that differs between trials is a number."""
    x = np.random.default_rng(0).uniform(-1, 1, (SEQUENCES, config.length, 1)).astype(np.float32)
    y = np.zeros_like(x)
    y[:, DELAY:] = x[:, :-DELAY]
    test = batches.padded_batches({"x": x[:512], "y": y[:512]}, 128)
    rates = config.learning_rates
    points = sweep.grid(
        scale=config.scales, clip=config.clips, layer_clip=[0.0], learning_rate=rates
    )
    if norms := [norm for norm in config.clips if norm]:
        points += sweep.grid(scale=config.scales, clip=[0.0], layer_clip=norms, learning_rate=rates)
    data = {"train": {"x": x[512:], "y": y[512:]}, "test": test}
    return sweep.plan({"elman": (echoing(config), points)}, data, seeds=config.seeds)


def echoing(config: Config) -> sweep.Run:
    """Training of a scaled network, with the growth of its gradient before training."""
    body = RNN(config.hidden, ELMAN)
    task = tasks.regression(
        Transducer(1, body), loss=lambda found, y: losses.squared_error(found[1], y)
    )

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        norms = hparams["clip"], hparams["layer_clip"]
        of_all, of_each = (jnp.where(norm > 0, norm, jnp.inf) for norm in norms)
        clipping = optax.chain(clip_by_global_norm(of_all), clip_by_layer_norm(of_each))
        return task, optax.chain(clipping, sgd(hparams["learning_rate"]))

    run = sweep.make_run(build, steps=config.steps, batch_size=32)

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state = run.init(hparams, key, data)
        layer = dict(state.params["body"])
        layer["recurrent_kernel"] *= hparams["scale"]
        return state._replace(params={**state.params, "body": layer})

    def growth(hparams: PyTree, state: TrainState, data: sweep.Data) -> Array:
        layer = state.params["body"]
        _, h = body.apply({"params": layer}, data["train"]["x"][:LOOKED_AT])
        return growth_by_step(layer["recurrent_kernel"], jnp.asarray(h))

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        found = sweep.numbered({"growth": state.model_state})
        return found | run.evaluate(hparams, state._replace(model_state={}), data)

    return sweep.keeping_first(growth, run._replace(init=init, evaluate=evaluate))


def growth_by_step(recurrent: Array, h: Array) -> Array:
    """log10 of the largest singular value of ∂h_t/∂h_0 for states `[B, T, H]`: its mean `[T]`."""

    def step(product: Array, now: Array) -> tuple[Array, Array]:
        # h' = tanh(h U + a), so that ∂h'/∂h is diag(1 − h'²) Uᵀ.
        product = (1 - now[:, None] ** 2) * (recurrent.T @ product)
        return product, jnp.linalg.norm(product, 2)

    identity = jnp.eye(len(recurrent))
    sizes = jax.lax.map(lambda states: jax.lax.scan(step, identity, states)[1], h)
    return jnp.log10(jnp.maximum(sizes, jnp.finfo(sizes.dtype).tiny)).mean(axis=0)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Growth over T steps by σ, and shares of failed runs, paired over seeds."""
    baseline = error_of_zero(plan.data["test"])
    frame = results.frame()
    # A diverged trial has no loss, and so it is not below the baseline.
    frame["failed"] = (~(frame["test_loss"] < baseline)).astype(float)
    frame["clipping"] = [
        f"norm {clip:g}" if clip else f"each norm {each:g}" if each else NO_CLIPPING
        for clip, each in zip(frame["clip"], frame["layer_clip"], strict=True)
    ]
    # The network is the same at all rates and clippings.
    last = f"growth_{config.length}"
    new = frame.dropna(subset=[last]).drop_duplicates(["scale", "seed"])

    def growth(scales: pd.Series) -> dict[str, stats.Interval]:
        by_scale = new[scales].groupby("scale", sort=False)[last]
        where = f"T = {config.length}"
        return {f"σ = {scale:g}, {where}": stats.mean_interval(found) for scale, found in by_scale}

    claims = [
        *SHRINKS.judge_each(growth(new["scale"] < 1)),
        *GROWS.judge_each(growth(new["scale"] > 1)),
    ]
    failed = frame.pivot_table(index="seed", columns="clipping", values="failed")
    if {NO_CLIPPING, "norm 1"} <= set(failed):
        claims.append(SAVED.judge(stats.paired_interval(failed[NO_CLIPPING], failed["norm 1"])))
        each = stats.paired_interval(failed["each norm 1"], failed["norm 1"])
        claims.append(BY_LAYER.judge(each))
    sections = [
        Section("Before training", [growth_picture(new)]),
        Section("Training", [failures_picture(config, frame), failures(frame, baseline)]),
    ]
    return launch.Conclusion(claims, sections)


def error_of_zero(test: Batch) -> float:
    """The mean squared error of always answering 0."""
    errors = np.square(test["y"]).mean(axis=(2, 3)) * test["mask"]
    return float(errors.sum() / test["mask"].sum())


def failures(frame: pd.DataFrame, baseline: float) -> Table:
    """One row a clipping: what failed and what diverged, and the best of all means."""
    rows = [
        {
            "clipping": clipping,
            "trials": len(mine),
            "failed (%)": mine["failed"].mean(),
            "diverged (%)": mine["status"].eq("diverged").mean(),
            "lowest mean squared error": mine.groupby(["scale", "learning_rate"])["test_loss"]
            .agg(lambda loss: loss.mean(skipna=False))
            .min(),
        }
        for clipping, mine in frame.groupby("clipping", sort=False)
    ]
    caption = f"Answering 0 has a mean squared error of {baseline:.3f}; lowest of all σ and rates."
    return report.table(rows, caption)


def failures_picture(config: Config, frame: pd.DataFrame) -> Picture:
    """The share of failed seeds by scale, rate and clipping."""
    ways = frame["learning_rate"].map("rate {:g}, ".format) + frame["clipping"]
    shares = 100 * frame.assign(way=ways, σ=frame["scale"]).pivot_table(
        index="way", columns="σ", values="failed", sort=False
    ).rename_axis(index=None)
    title = "Runs that diverged or ended worse than answering 0"
    label = f"share of {config.seeds} seeds (%)"
    figure = report.heat_map(shares, title=title, label=label, decimals=0, limits=(0, 100))
    return Picture("failures", figure, title, "γ = 1: an explosion needs σ > 1.")


def growth_picture(new: pd.DataFrame) -> Picture:
    """The gradient by the steps that it goes back, one line a scale."""
    long = pd.wide_to_long(new, "growth", ["scale", "seed"], "T", sep="_").reset_index()
    long = long.sort_values(["scale", "T"])
    return report.profile(
        long.assign(σ=long["scale"].map("{:g}".format), size=10.0 ** long["growth"]),
        "T", "size", line="σ", y_scale="log",
        title="Gradient of the state over T steps, geometric mean over sequences, new networks",
        x_label="T (steps)", y_label="largest singular value of ∂h_T/∂h_0 (1)",
    )  # fmt: skip


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
