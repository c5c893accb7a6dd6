"""Mode collapse, counted: dense GANs on a ring of eight Gaussians.

The non-saturating GAN (Adam with the β₂ = 0.999 of DCGAN) and the Wasserstein GAN with gradient
penalty (β₂ = 0.9, as its authors have it), with the same networks, rates, noise, data and numbers
of steps, one of each player at a time. A sample is of high quality within 3 σ of a centre; a mode
is covered if it gets a quarter of its due, 1/32 of all samples; a seed that does not cover all
eight has collapsed. Rates are chosen by Σ min(share of a mode, 1/8) of one draw of samples, and
judged by another. At the largest rate neither learns, and all collapse. Grown from 16 seeds, which
had left the difference open.

    python -m experiments.gan_ring --workdir=runs/gan_ring  # 2 minutes on 2 cores
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import keys, launch, report, stats, sweep, tasks
from jaxdl.data.sources import mixtures
from jaxdl.initializers import he_uniform
from jaxdl.launch import setting
from jaxdl.models import Discriminator, Generator
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section, style
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = PLAIN_COLLAPSES, WASSERSTEIN_COVERS, MORE_OFTEN = (
    Claim("V8", "the non-saturating GAN collapses more often than not",
          "share of seeds that collapse", above=0.5, unit="%"),
    Claim("V8", "the Wasserstein GAN covers all modes more often than not",
          "share of seeds that collapse", below=0.5, unit="%"),
    Claim("V8", "the non-saturating GAN collapses more often than the Wasserstein GAN",
          "share of seeds that collapse, non-saturating minus Wasserstein", above=0.2,
          unit="points"),
)  # fmt: skip
MODES, RADIUS, STDDEV, EXAMPLES, LATENT, SAMPLES = 8, 1.0, 0.05, 8192, 8, 2048
REACH, DUE = 3 * STDDEV, 1 / (4 * MODES)
SEGMENTS, SHOWN = 10, 5
MEASURES = {
    "validation_overlap": "overlap on validation (%)",
    "test_covered": "modes covered",
    "collapsed": "seeds collapsed (%)",
    "test_quality": "samples of high quality (%)",
}


class Config(launch.Config):
    """The networks of both players, and their rates."""

    steps: int = setting(3000, "Training steps of each trial, of both players.", low=1)
    seeds: int = setting(24, "Seeds of each setting.", low=2)
    batch_size: int = setting(128, "Examples, and generated ones, in a step.", low=1, high=8192)
    hidden: tuple[int, ...] = launch.widths(64, 64, help="Hidden layers of both players.")
    learning_rates: tuple[float, ...] = launch.rates(
        3e-3, 1e-2, 3e-2, help="Rates of both players."
    )
    penalty: float = setting(1.0, "λ of the gradient penalty.", low=0)

    @property
    def segment(self) -> int:
        """Training steps between two counts of the modes."""
        return self.steps // sweep.segments(self.steps, SEGMENTS)


def plan(config: Config) -> sweep.Plan:
    """One program per loss; rate and seed are numbers inside it."""
    centres = mixtures.ring(MODES, RADIUS)
    data = {"train": {"x": mixtures.sample(jax.random.key(0), centres, STDDEV, EXAMPLES)}}
    points = sweep.grid(learning_rate=config.learning_rates)
    penalty = tasks.gradient_penalty(config.penalty)
    games = {
        "non-saturating": program(config, tasks.NON_SATURATING, 0.999),
        "Wasserstein": program(config, tasks.WASSERSTEIN, 0.9, penalty),
    }
    programs = {name: (run, points) for name, run in games.items()}
    segments = config.steps // config.segment
    return sweep.plan(programs, data, seeds=config.seeds, column="game", segments=segments)


def program(
    config: Config, game: tasks.Game, b2: float, penalty: tasks.Penalty | None = None
) -> sweep.Run:
    """Training that draws a sample for each step of a segment at its end, and counts the modes."""
    players = (
        Generator(config.hidden, (2,), kernel_init=he_uniform),
        Discriminator(config.hidden, kernel_init=he_uniform),
    )
    task = tasks.gan(*players, LATENT, game=game, penalty=penalty)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        return task, tasks.two_player(*(adam(hparams["learning_rate"], 0.5, b2) for _ in "GD"))

    def samples(state: TrainState, purpose: str, count: int) -> Array:
        z = jax.random.normal(keys.named(state.key, purpose), (count, LATENT))
        return task.predict(state.params, state.model_state, {"z": z})

    run = sweep.make_run(build, steps=config.segment, batch_size=config.batch_size)

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        state, curves = run.advance(hparams, state, data)
        x, y = samples(state, "shown", config.segment).T
        return state, {**curves, "x": x, "y": y}

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        metrics = {}
        drawn = samples(state, "judged", 2 * SAMPLES).reshape(2, SAMPLES, 2)
        for split, part in zip(("validation", "test"), drawn, strict=True):
            shares = mixtures.shares(part, mixtures.ring(MODES, RADIUS), REACH)
            metrics[f"{split}_covered"] = jnp.sum(shares >= DUE).astype(jnp.float32)
            metrics[f"{split}_quality"] = shares.sum()
            metrics[f"{split}_overlap"] = jnp.minimum(shares, 1 / MODES).sum()
        return metrics

    return run._replace(advance=advance, evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Shares of seeds that collapse, paired over seeds."""
    frame = results.frame()
    # What diverged has no modes, and counts as collapsed.
    frame["collapsed"] = 1.0 - (frame["test_covered"] == MODES)
    tuned = stats.tune(frame, "game", "learning_rate", "validation_overlap")
    lost = {
        game: stats.proportion_interval(int(values.sum()), len(values))
        for game, values in tuned.scores("collapsed").items()
    }

    def difference(trials: pd.DataFrame) -> stats.Interval:
        seeds = trials.pivot(index="seed", columns="game", values="collapsed")
        return stats.paired_interval(seeds["non-saturating"], seeds["Wasserstein"])

    chosen = {"at the rate chosen for each": difference(tuned.trials)}
    by_rate = frame.groupby("learning_rate")
    fixed = {f"both at the rate {rate:g}": difference(trials) for rate, trials in by_rate}
    more_often = MORE_OFTEN.judge_each(chosen) + MORE_OFTEN.judge_each(fixed)
    title = "How much more often the non-saturating GAN collapses"
    figure = report.intervals(more_often, [*chosen, *fixed], title=title)
    course = report.course(
        results,
        frame,
        "test_covered",
        panel="game",
        line="learning_rate",
        title="Modes covered in the course of training",
        y_label="modes covered, of 8",
        y_scale="linear",
        every=config.segment,
    )
    bars = Picture("collapse", figure, "Difference in share of collapsed seeds")
    caption = (
        f"Means over {config.seeds} seeds. * chosen by all: the largest overlap, Σ min(share of a "
        f"mode, 1/{MODES})."
    )
    table = report.table(report.searched(frame, tuned, MEASURES), caption)
    claims = [
        PLAIN_COLLAPSES.judge(lost["non-saturating"]),
        WASSERSTEIN_COVERS.judge(lost["Wasserstein"]),
        *more_often,
    ]
    pictures = [scatter(config, tuned.trials, results), course, bars]
    sections = [Section("By loss and rate", [table]), Section("Samples and modes", pictures)]
    return launch.Conclusion(claims, sections)


def scatter(config: Config, trials: pd.DataFrame, results: sweep.Results) -> Picture:
    """The last samples of the first seeds, over the modes."""
    shown = trials[trials["seed"].isin(sorted(set(trials["seed"]))[:SHOWN])]
    drawn = results.curve_frame("x", shown)
    drawn["y"] = results.curve_frame("y", shown)["y"]
    drawn = drawn[drawn["step"] > config.steps - config.segment]
    angles = np.linspace(0, 2 * np.pi, 60)
    circle = REACH * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    circles = np.asarray(mixtures.ring(MODES, RADIUS))[:, None] + circle
    with style.house_style():
        figure = style.new_figure(4.6, "Samples at the end of training, at the chosen rate")
        grid = figure.subplots(2, shown["seed"].nunique(), sharex=True, sharey=True, squeeze=False)
        for row, (game, of_game) in zip(grid, drawn.groupby("game", sort=False), strict=True):
            for axes, (seed, points) in zip(row, of_game.groupby("seed"), strict=True):
                axes.plot(*circles.T, color=style.COLOURS[1], linewidth=1.0)
                axes.plot("x", "y", ".", data=points, color=style.COLOURS[0], ms=2, alpha=0.6)
                covered = points["test_covered"].iloc[0]
                axes.set_title(f"seed {seed}: {covered:.0f} modes", loc="left")
                axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
            row[0].set_ylabel(f"{game}\ny (unit of length)")
        figure.supxlabel("x (unit of length)")
    caption = "Dots: samples. Circles: 3 σ around the centres of the eight Gaussians."
    return Picture("samples", figure, "Scatter plots of samples", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
