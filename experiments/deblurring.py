"""Deblurring learned from generated pairs, against the Wiener filter that knows the blur.

Patches of one photograph are blurred by a disc, as a lens out of focus does, and made noisy; a
small residual network learns to undo that, by gradient steps on the mean PSNR of the patches, and
is tested on another photograph. The filter has two numbers, its ratio of noise to signal and the
exponent of the spectrum. It is given an advantage: they are the best ones for the very patches of
the test, once for the mean PSNR of the patches, which flat patches rule, and once for the PSNR of
all pixels, which detail rules. Each time the network is compared with the filter that is best by
that measure. In patches of much detail the filter for pixels can be ahead of the network.

    python -m experiments.deblurring --workdir=runs/deblurring  # 1 minute on 2 cores
"""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data.batches import padded_batches
from jaxdl.data.sources import photographs
from jaxdl.launch import setting
from jaxdl.models.deblur import ResidualDeblurrer, wiener
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine, scaled
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, Metrics, Task

CLAIMS = (BETTER,) = (
    Claim("V7", "a network that learned from blurred and clean pairs beats the Wiener filter",
          "paired difference in test PSNR", above=0.5, unit="dB"),
)  # fmt: skip
SMALL, LARGE, TRAINING_COLUMNS = 32, 64, 500
EXPONENTS, RATIOS = (0.0, 1.0, 2.0), (-3, 4, 29)


class Config(launch.Config):
    """The blur, and the network."""

    steps: int = setting(700, "Training steps of each trial.", low=1)
    seeds: int = setting(10, "Seeds of each rate.", low=1)
    patches: int = setting(512, "Patches to train on, each in four orientations.", low=16)
    batch_size: int = setting(8, "Patches in a step.", low=1, high=64)
    features: int = setting(32, "Channels of the hidden layers.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3)
    radius: float = setting(2.5, "Radius of the disc in pixels.", low=1.0, high=7.0)
    noise: float = setting(0.01, "Standard deviation of the noise; white is 1.", low=0.0)


def plan(config: Config) -> sweep.Plan:
    """One program; rate and seed are numbers inside it."""
    patches = patches_of(config)
    # A disc is the same from all sides, so a patch turned is a patch.
    turned = {
        name: np.concatenate([np.rot90(array, turn, (1, 2)) for turn in range(4)])
        for name, array in patches["train"].items()
    }
    sizes = {"validation": 6, "test": 18}
    held_out = {name: padded_batches(patches[name], size) for name, size in sizes.items()}
    task = task_of(config)
    run = sweep.make_run(
        lambda hparams: (task, adam(scaled(hparams["learning_rate"], cosine(config.steps)))),
        steps=config.steps,
        batch_size=config.batch_size,
    )
    programs = {"network": (run, sweep.grid(learning_rate=config.learning_rates))}
    data = {"train": turned, **held_out}
    return sweep.plan(programs, data, seeds=config.seeds, keep_states=True)


def patches_of(config: Config) -> dict[str, dict[str, np.ndarray]]:
    """Training and validation from two parts of china, test from flower."""
    kernel, china = photographs.disc(config.radius), photographs.luminance("china")
    train = china[:, :TRAINING_COLUMNS]
    blurred = photographs.blur(train, kernel)
    corners = photographs.random_corners(blurred.shape, SMALL, config.patches, seed=0)
    found = {"train": photographs.pairs(train, kernel, config.noise, corners, SMALL, seed=3)}
    regions = {"validation": china[:, TRAINING_COLUMNS:], "test": photographs.luminance("flower")}
    for seed, (name, region) in enumerate(regions.items(), start=1):
        corners = photographs.grid_corners(photographs.blur(region, kernel).shape, LARGE)
        found[name] = photographs.pairs(region, kernel, config.noise, corners, LARGE, seed)
    return found


def task_of(config: Config) -> Task:
    """To raise the PSNR of the patches; the squared error is reported beside it."""

    def squared_error(outputs: Array, y: Array, weights: Array) -> Metrics:
        return {"squared_error": ((squared_errors(outputs, y) * weights).sum(), weights.sum())}

    model = ResidualDeblurrer(config.features)
    return tasks.supervised(model, lambda outputs, y: -psnr(outputs, y), squared_error)


def squared_errors(outputs: Array, y: Array) -> Array:
    """Mean squared error of each patch `[B]`, without the quarter at each border."""
    margin = y.shape[1] // 4
    inner = slice(margin, -margin)
    return ((outputs - y)[:, inner, inner] ** 2).mean(axis=(1, 2, 3))


def psnr(outputs: Array, y: Array) -> Array:
    """Peak signal-to-noise ratio of each patch `[B]`, in dB."""
    return -10 * jnp.log10(squared_errors(outputs, y))


MEASURES: dict[str, Callable[[Array, Array], Array]] = {
    "patches": lambda outputs, y: psnr(outputs, y).mean(),
    "pixels": lambda outputs, y: -10 * jnp.log10(squared_errors(outputs, y).mean()),
}
"""PSNR in dB: the mean of the patches, and that of all pixels together."""


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Differences over seeds, at rates that others chose, and over patches for the first seed."""
    frame = results.frame()
    tuned = stats.tune(frame, "program", "learning_rate", "validation_loss")
    seeds = -tuned.scores("test_loss")["network"]
    pooled = -10 * np.log10(tuned.scores("test_squared_error")["network"])
    x, y = (jnp.asarray(patches_of(config)["test"][name]) for name in "xy")
    kernel = jnp.asarray(photographs.disc(config.radius))
    fitted = {name: fit_wiener(x, y, kernel, measure) for name, measure in MEASURES.items()}
    filters = {name: jax.jit(wiener)(x, kernel, *pair) for name, pair in fitted.items()}
    shown = stats.jointly_chosen(frame, tuned).iloc[0]
    network = jax.jit(task_of(config).predict)(plan.replay(shown).params, {}, {"x": x})

    def ahead(values: pd.Series, rival: float) -> stats.Interval:
        return stats.paired_interval(values, np.full(len(values), rival))

    rival, own = (np.asarray(psnr(images, y)) for images in (filters["patches"], network))
    differences = {
        "mean of the patches, over seeds": ahead(seeds, rival.mean()),
        "mean of the patches, one seed, over patches": stats.paired_interval(own, rival),
        "all pixels, over seeds": ahead(pooled, float(MEASURES["pixels"](filters["pixels"], y))),
    }
    numbers = "; ".join(f"for {name} N/S = {r:.3g} · |f|^{e:g}" for name, (r, e) in fitted.items())
    caption = (
        f"{len(x)} patches of the other photograph. Wiener filters, the best on these very "
        f"patches: {numbers}. Network: seed {shown['seed']}, at the rate "
        f"{shown['learning_rate']:g} of all seeds; mean: {report.CHOSEN} "
        f"({report.distinct(tuned.trials['learning_rate'])})."
    )
    outputs = {"blurred": x, **{f"Wiener {name}": images for name, images in filters.items()}}
    outputs["network"] = network
    means = {name: [f(images, y) for f in MEASURES.values()] for name, images in outputs.items()}
    means[f"network, mean of {len(seeds)} seeds"] = [seeds.mean(), pooled.mean()]
    rows = [
        {"image": name, "patches, PSNR (dB)": f"{mean:.2f}", "all pixels (dB)": f"{pooled:.2f}"}
        for name, (mean, pooled) in means.items()
    ]
    section = Section("The other photograph", (report.table(rows, caption), sheet(outputs, y)))
    return launch.Conclusion(BETTER.judge_each(differences), [section])


def fit_wiener(
    x: Array, y: Array, kernel: Array, measure: Callable[[Array, Array], Array]
) -> tuple[float, float]:
    """Ratio and exponent of the highest `measure(images, y)`."""
    grid = np.stack(np.meshgrid(np.logspace(*RATIOS), EXPONENTS), axis=-1).reshape(-1, 2)

    @jax.jit
    def score(x: Array, y: Array, grid: Array) -> Array:
        return jax.lax.map(lambda pair: measure(wiener(x, kernel, *pair), y), grid)

    ratio, exponent = grid[np.argmax(score(x, y, grid.astype(np.float32)))]
    return float(ratio), float(exponent)


def sheet(outputs: Mapping[str, Array], clean: Array) -> Picture:
    """The patch with the most detail, two with much and one in the middle, restored."""
    order = np.argsort(np.asarray(clean).std(axis=(1, 2, 3)))
    shown = order[[part * (len(order) - 1) // 20 for part in (20, 18, 16, 10)]]
    values = np.array([psnr(images, clean) for images in outputs.values()])
    stacks = [np.asarray(images)[shown] for images in (clean, *outputs.values())]
    figure = report.images(
        np.stack(stacks, axis=1)[..., 0],
        [", ".join(f"{value:.1f}" for value in values[:, patch]) for patch in shown],
        ["clean", *outputs],
        "Patches of a photograph the network has not seen",
    )
    caption = (
        "Patches of 64 × 64 pixels, from the one with the most contrast to one in the middle. "
        f"Left: PSNR in dB of {', '.join(outputs)}."
    )
    return Picture("restored", figure, "Clean, blurred, filtered and restored patches", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
