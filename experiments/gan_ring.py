"""Mode collapse, counted: dense GANs on a ring of eight Gaussians.

The non-saturating GAN (Adam with the β₂ = 0.999 of DCGAN) and the Wasserstein GAN with gradient
penalty (β₂ = 0.9, as its authors have it), with the same networks, rates, noise, data and numbers
of steps, one of each player at a time. A sample is of high quality within 3 σ of a centre; a mode
is covered if it gets a quarter of its due, 1/32 of all samples; a seed that does not cover all
eight has collapsed. Rates are chosen by Σ min(share of a mode, 1/8) of one draw of samples, and
judged by another.

Claims: the non-saturating GAN collapses in more than half of the seeds, and more often than the
Wasserstein GAN, by 20 points or more, at the rate chosen for each and at equal rates; the
Wasserstein GAN covers all modes in more than half of the seeds.

Command: python -m experiments.gan_ring --workdir=runs/gan_ring
Minutes: 2 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 316 s), jax 0.10.2. Seeds that collapse at the chosen
rates: non-saturating 0.58 (0.37 … 0.78), more than half: inconclusive; Wasserstein 0.13 (0.03 …
0.32), less than half: holds. Difference 0.46 (0.21 … 0.71): holds; at equal rates: depends (0.50
and 0.46 at 0.003 and 0.01; at 0.03 neither learns and all collapse). Grown from 16 seeds, which
left the difference open (0.10 … 0.77); 24 fresh seeds at 0.003 and 0.01 gave 0.71 (0.51 … 0.90).
"""

from pathlib import Path
from typing import Any

from jaxdl import launch, tasks
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(3000, "Training steps of each trial, of both players.", low=1),
    "seeds": Field(24, "Seeds of each setting.", low=2),
    "batch_size": Field(128, "Examples, and generated ones, in a step.", low=1, high=8192),
    "hidden": Field((64, 64), "Widths of the hidden layers of both players.", low=1, repeats=True),
    "learning_rates": Field((3e-3, 1e-2, 3e-2), "Rates of Adam to try, for both players.", low=0),
    "penalty": Field(1.0, "λ of the gradient penalty.", low=0),
}
MODES, RADIUS, STDDEV, EXAMPLES, LATENT, SAMPLES = 8, 1.0, 0.05, 8192, 8, 2048
REACH, DUE = 3 * STDDEV, 1 / (4 * MODES)
SEGMENTS, SHOWN = 10, 5
HALF, POINTS = 0.5, 0.2
PLAIN, WASSERSTEIN = "non-saturating", "Wasserstein"


def plan(config: Any) -> launch.Plan:
    """One program per loss; rate and seed are numbers inside it."""
    import jax

    from jaxdl import sweep
    from jaxdl.data.sources import mixtures

    centres = mixtures.ring(MODES, RADIUS)
    data = {"train": {"x": mixtures.sample(jax.random.key(0), centres, STDDEV, EXAMPLES)}}
    penalty = tasks.gradient_penalty(config.penalty)
    programs = {
        PLAIN: _run(config, 0.999, game=tasks.NON_SATURATING),
        WASSERSTEIN: _run(config, 0.9, game=tasks.WASSERSTEIN, penalty=penalty),
    }
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(programs, settings, range(config.seeds))
    labels = {name: {"game": name} for name in programs}
    return launch.Plan(programs, trials, data, config.steps // _segment(config), {}, labels)


def _segment(config: Any) -> int:
    """Steps of a segment."""
    return config.steps // launch.segments(config.steps, SEGMENTS)


def _run(config: Any, b2: float, game: Any, penalty: Any = None) -> Any:
    """Training that draws a sample for each step of a segment at its end, and counts the modes."""
    import jax
    import jax.numpy as jnp

    from jaxdl import keys, sweep
    from jaxdl.data.sources import mixtures
    from jaxdl.initializers import INITIALIZERS
    from jaxdl.models import Discriminator, Generator
    from jaxdl.optimizers import adam

    he: Any = INITIALIZERS["he_uniform"]
    players = (
        Generator(config.hidden, (2,), kernel_init=he),
        Discriminator(config.hidden, kernel_init=he),
    )
    task = tasks.gan(*players, LATENT, game=game, penalty=penalty)

    def build(hparams: dict[str, Any]) -> Any:
        rate = hparams["learning_rate"]
        return task, tasks.two_player(adam(rate, 0.5, b2), adam(rate, 0.5, b2))

    def samples(state: Any, purpose: str, count: int) -> Any:
        z = jax.random.normal(keys.named(state.key, purpose), (count, LATENT))
        return task.predict(state.params, state.model_state, {"z": z})

    steps = _segment(config)
    run = sweep.make_run(build, steps=steps, batch_size=config.batch_size)

    def advance(hparams: Any, state: Any, data: Any) -> Any:
        state, curves = run.advance(hparams, state, data)
        x, y = samples(state, "shown", steps).T
        return state, {**curves, "x": x, "y": y}

    def evaluate(hparams: Any, state: Any, data: Any) -> Any:
        metrics = {}
        drawn = samples(state, "judged", 2 * SAMPLES).reshape(2, SAMPLES, 2)
        for split, part in zip(("validation", "test"), drawn, strict=True):
            shares = mixtures.shares(part, mixtures.ring(MODES, RADIUS), REACH)
            metrics[f"{split}_covered"] = jnp.sum(shares >= DUE).astype(jnp.float32)
            metrics[f"{split}_quality"] = shares.sum()
            metrics[f"{split}_overlap"] = jnp.minimum(shares, 1 / MODES).sum()
        return metrics

    return sweep.Run(run.init, advance, evaluate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Shares of seeds that collapse, paired over seeds."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    # What diverged has no modes, and counts as collapsed.
    frame["collapsed"] = 1.0 - (frame["test_covered"].astype(float) == MODES)
    best = stats.select(frame, ["game"], "learning_rate", "validation_overlap")
    chosen = stats.chosen_trials(frame, best, ["game", "learning_rate"])
    collapsed = {name: part["collapsed"] for name, part in chosen.groupby("game")}
    lost = {
        name: stats.proportion_interval(int(values.sum()), len(values))
        for name, values in collapsed.items()
    }
    share = "share of seeds that collapse"
    claims = [
        report.judge("V8", f"the {PLAIN} GAN collapses more often than not", share, "1", HALF,
                     lost[PLAIN], "above"),
        report.judge("V8", f"the {WASSERSTEIN} GAN covers all modes more often than not", share,
                     "1", HALF, lost[WASSERSTEIN], "below"),
        _more_often(chosen, "at the rate chosen for each"),
        *report.depends([
            _more_often(part, f"both at the rate {rate:g}")
            for rate, part in frame.groupby("learning_rate")
        ]),
    ]  # fmt: skip
    table = _table(frame, best)
    report.show(table)
    names = [claim.claim.rsplit("GAN, ", 1)[-1] for claim in claims[2:]]
    title = f"How much more often the {PLAIN} GAN collapses"
    figure = report.intervals(claims[2:], names, title=title)
    pictures = (
        _scatter(chosen, results),
        _by_step(config, frame, results),
        report.Picture("collapse", report.to_png(figure), "Difference in share of collapsed seeds"),
    )
    sections = [
        report.Section("By loss and rate", (table,)),
        report.Section("Samples and modes", pictures),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _more_often(trials: Any, when: str) -> Any:
    from jaxdl import report, stats

    seeds = trials.pivot(index="seed", columns="game", values="collapsed")
    return report.judge(
        "V8",
        f"the {PLAIN} GAN collapses more often than the {WASSERSTEIN} GAN, {when}",
        f"share of seeds that collapse, {PLAIN} minus {WASSERSTEIN}",
        "1",
        POINTS,
        stats.paired_interval(seeds[PLAIN], seeds[WASSERSTEIN]),
        "above",
    )


def _table(frame: Any, best: Any) -> Any:
    from jaxdl import report

    chosen = set(zip(best["game"], best["learning_rate"], strict=True))
    measures = ["validation_overlap", "test_covered", "collapsed", "test_quality"]
    means = frame.astype(dict.fromkeys(measures, float)).groupby(["game", "learning_rate"])
    rows = tuple(
        (
            game,
            report.number(rate) + "*" * ((game, rate) in chosen),
            str(len(trials)),
            *(report.number(trials[measure].mean()) for measure in measures),
        )
        for (game, rate), trials in means
    )
    header = ("loss", "rate", "seeds", "overlap on validation (1)", "modes covered",
              "seeds collapsed (1)", "samples of high quality (1)")  # fmt: skip
    caption = "Means over seeds. * chosen by all: the largest overlap, Σ min(share of a mode, 1/8)."
    return report.Table(header, rows, frozenset(range(1, 7)), caption)


def _scatter(chosen: Any, results: Any) -> Any:
    """The last samples of the first seeds, over the modes."""
    import numpy as np

    from jaxdl import report
    from jaxdl.data.sources import mixtures
    from jaxdl.report import style

    curves = results.curves()
    place = {trial: row for row, trial in enumerate(curves["trial"].tolist())}
    last = curves["x"].shape[1] // curves["test_covered"].shape[1]
    seeds = sorted(set(chosen["seed"]))[:SHOWN]
    with style.house_style():
        figure = style.new_figure(4.6, "Samples at the end of training, at the chosen rate")
        grid = figure.subplots(2, len(seeds), sharex=True, sharey=True, squeeze=False)
        for row, (game, trials) in zip(grid, chosen.groupby("game", sort=False), strict=True):
            for axes, seed in zip(row, seeds, strict=True):
                trial = trials[trials["seed"].eq(seed)].iloc[0]
                x, y = (curves[name][place[trial["trial"]], -last:] for name in "xy")
                for centre in np.asarray(mixtures.ring(MODES, RADIUS)):
                    axes.add_patch(_circle(centre))
                axes.plot(x, y, ".", color=style.COLOURS[0], markersize=2, alpha=0.6)
                axes.set_title(f"seed {seed}: {trial['test_covered']:.0f} modes", loc="left")
                axes.set(xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
            row[0].set_ylabel(f"{game}\ny (unit of length)")
        figure.supxlabel("x (unit of length)")
    caption = "Dots: samples. Circles: 3 σ around the centres of the eight Gaussians."
    return report.Picture("samples", report.to_png(figure), "Scatter plots of samples", caption)


def _circle(centre: Any) -> Any:
    from matplotlib.patches import Circle

    from jaxdl.report.style import COLOURS

    return Circle(centre, REACH, fill=False, edgecolor=COLOURS[1], linewidth=1.0)


def _by_step(config: Any, frame: Any, results: Any) -> Any:
    from jaxdl import report

    curves = results.curve_frame("test_covered", frame)
    figure = report.training_curves(
        curves.assign(step=curves["step"] * _segment(config)),
        y="test_covered",
        panel="game",
        line="learning_rate",
        title="Modes covered in the course of training",
        y_label="modes covered, of 8",
        y_scale="linear",
    )
    return report.Picture("modes_by_step", report.to_png(figure), "Modes covered by training step")


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
