"""Captions of small scenes: are they right, and does the attention look at what a word names?

Drawn scenes of one or two objects, with captions such as "red square above blue disc". A CNN gives
36 positions, a GRU attends to them before each word. On new scenes: the share of captions that are
right from the first word to the end, and, under teacher forcing, the attention on the 4 positions
of the cell with the object that a word (a colour or a shape) names; chance is 4 of 36. A seed moves
the initialization and the batches; the rate is chosen by the loss on validation. Attention is not
bound to look there, and seeds have got most captions right without.

    python -m experiments.captions --workdir=runs/captions  # 2 minutes on 2 cores
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import decoding, launch, report, stats, sweep
from jaxdl.data import splits
from jaxdl.data.sources import scenes
from jaxdl.launch import setting
from jaxdl.models import Captioner
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import captioning
from jaxdl.types import Array, Batch, Metrics, PyTree

CHANCE, NEW, DRAWN = 4 / 36, 500, 4
CLAIMS = RIGHT, ON_NAMED, AHEAD = (
    Claim("V10", "captions of new scenes are right",
          "share of captions right to the end", above=0.9, unit="%"),
    Claim("V10", "attention looks at the object that a word names",
          "attention on the cell of the named object", above=3 * CHANCE, unit="%"),
    Claim("V10", "of two objects, attention looks at the named one",
          "attention on the named object minus that on the other", above=0.2, unit="points"),
)  # fmt: skip


MEASURES = {
    "validation_loss": "validation loss (nats)",
    "test_accuracy": "words right (%)",
    "test_exact": "captions right (%)",
    "test_on_named": "attention on the named object (%)",
    "test_ahead": "ahead of the other object (points)",
}


class Config(launch.Config):
    """The scenes, and the size of the captioner."""

    seeds: int = setting(4, "Seeds of each setting.", low=1)
    scenes: int = setting(2000, "Scenes to train on.", low=64)
    batch_size: int = setting(32, "Scenes in a step.", low=1, high=64)
    features: tuple[int, ...] = launch.widths(16, 32, help="Channels of the convolutions.")
    width: int = setting(64, "Units of the decoder.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2)


def plan(config: Config) -> sweep.Plan:
    """One program; the rate is a number inside it."""
    rng = np.random.default_rng(0)
    counts = {"train": config.scenes, "validation": NEW, "test": NEW}
    parts = {name: scenes.scenes(rng, count) for name, count in counts.items()}
    task = captioning(captioner(config), scenes.PADDING, looks)
    run = sweep.make_run(
        lambda hparams: (task, adam(hparams["learning_rate"])),
        steps=config.steps,
        batch_size=config.batch_size,
    )
    programs = {"captioner": (run, sweep.grid(learning_rate=config.learning_rates))}
    data = splits.in_batches(parts, 250)
    return sweep.plan(programs, data, seeds=config.seeds, keep_states=True)


def captioner(config: Config) -> Captioner:
    """The network."""
    return Captioner(config.features, config.width, len(scenes.WORDS))


def looks(attention: Array, batch: Batch, weights: Array) -> Metrics:
    """Attention on the object that a word names and, of two objects, how far it is ahead."""
    # Positions 6×6 to cells 3×3.
    cells = attention.reshape(*attention.shape[:2], 3, 2, 3, 2).sum(axis=(3, 5))
    mine, others = ((cells * batch[name]).sum(axis=(2, 3)) for name in ("named", "other"))
    names, pair = (batch[name].any(axis=(2, 3)) for name in ("named", "other"))
    words = weights[:, None] * names
    both = words * pair
    return {
        "on_named": ((mine * words).sum(), words.sum()),
        "ahead": (((mine - others) * both).sum(), both.sum()),
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """All measures at the rates that others chose; attention of the first seed."""
    frame = results.frame()
    tuned = stats.tune(frame, "program", "learning_rate", "validation_loss")
    exact, on_named, ahead = (
        tuned.scores(f"test_{name}")["captioner"] for name in ("exact", "on_named", "ahead")
    )
    caption = f"Means over seeds; chance is {100 * CHANCE:.1f} %.  * chosen by all seeds."
    table = report.table(report.searched(frame, tuned, MEASURES), caption)
    row = stats.example(frame, tuned, "captioner")
    pictures = [] if row is None else [attention(config, plan, row)]
    return launch.Conclusion(
        [
            RIGHT.judge(stats.mean_interval(exact, "share", examples=NEW)),
            ON_NAMED.judge(stats.mean_interval(on_named, "share")),
            AHEAD.judge(stats.mean_interval(ahead)),
        ],
        [Section("All measures by rate, and attention", (table, *pictures))],
    )


def attention(config: Config, plan: sweep.Plan, row: dict[str, Any]) -> Picture:
    """New scenes, and what is attended to before each word that greedy decoding gives."""
    test = plan.data["test"]
    two = np.flatnonzero(test["other"][0].any(axis=(1, 2, 3)))[:DRAWN]
    x = np.asarray(test["x"][0][two])

    @jax.jit
    def describe(params: PyTree, x: Array) -> PyTree:
        model, variables = captioner(config), {"params": params}
        step: Any = functools.partial(model.apply, variables, method="step")
        start = jnp.full(len(x), scenes.START)
        carry = model.apply(variables, x, method="begin")
        words = decoding.greedy(step, carry, start, scenes.LONGEST)
        given = jnp.concatenate([start[:, None], words[:, :-1]], axis=1)
        return words, model.apply(variables, x, given, train=False)[1]

    words, attended = describe(plan.replay(row).params, x)
    weights = np.asarray(attended).reshape(len(x), scenes.LONGEST, 6, 6)
    weights = np.kron(weights / weights.max(axis=(2, 3), keepdims=True), np.ones((4, 4)))
    seen = x[:, None] * (0.2 + 0.8 * weights[..., None])
    figure = report.images(
        np.concatenate([x[:, None], seen], axis=1),
        [f"scene {number + 1}" for number in range(len(x))],
        ["picture", *(f"before word {t + 1}" for t in range(scenes.LONGEST))],
        "What is attended to before each word",
    )
    caption = (
        f"Greedy captions: {'; '.join(map(scenes.text, np.asarray(words)))}. The brighter, the "
        "more attention; each picture is scaled to its largest weight."
    )
    return Picture("attention", figure, "Attention by word", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
