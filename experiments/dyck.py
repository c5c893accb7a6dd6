"""Do networks learn to nest, or only to nest as deep as they have seen?

Words of balanced brackets of two kinds, Dyck-2 (Suzgun et al. 2019,
https://arxiv.org/abs/1911.03329; Hewitt et al. 2020, https://arxiv.org/abs/2010.07515): what
opens is chance, but what closes is decided by the bracket on top of the stack. Networks say the
next bracket; where one closes, they are right if they hold its kind for likelier than the other
kind, for which a guess is right half of the time. Trained on words of up to 12 pairs and 4 brackets
open at a time; tested on others of these, on three times as long ones that are no deeper, and on
words with up to twice as many open. A seed moves initialization and batches, not the words; each
network's rate is chosen on validation words like the trained ones.

    python -m experiments.dyck --workdir=runs/dyck  # 3 minutes on 2 cores
"""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import launch, report, stats, sweep
from jaxdl.data.sources import sequences
from jaxdl.launch import setting
from jaxdl.layers.cells import CELLS
from jaxdl.layers.positions import Rotary
from jaxdl.layers.recurrent import RNN
from jaxdl.models import GPT, OneHot, Transducer
from jaxdl.optimizers import adam, clip_by_global_norm, schedules
from jaxdl.report import Claim, Section
from jaxdl.tasks import language_model
from jaxdl.types import Array, PyTree, Task, TrainState

RIGHT = "share of closing brackets whose kind is right"
CLAIMS = SHALLOW, LONGER, DEEPER, GATES, ATTENTION = (
    Claim("S17", "an LSTM closes brackets as deep as in training", RIGHT, above=0.95, unit="%"),
    Claim("S17", "an LSTM closes them in words three times as long", RIGHT, above=0.9, unit="%"),
    Claim("S17", "an LSTM fails at twice the depth", RIGHT, below=0.75, unit="%"),
    Claim("S17", "an LSTM closes more than an Elman network of as many units",
          f"paired difference in the {RIGHT}, as in training", above=0.02, unit="points"),
    Claim("S17", "in words three times as long a transformer is worse than an LSTM",
          f"paired difference in the {RIGHT}, LSTM minus transformer", above=0.02, unit="points"),
)  # fmt: skip
LSTM, ELMAN, TRANSFORMER = "lstm", "elman", "transformer"
MODELS = (LSTM, "gru", ELMAN, TRANSFORMER)
IDS = sequences.DYCK_END + 1
LONG, TESTED = 3, 500
"""How many times as long the longer words are; words of each part but the trained one."""


class Config(launch.Config):
    """The words, the networks, and their training."""

    steps: int = setting(1500, "Training steps of each trial.", low=1)
    seeds: int = setting(5, "Seeds of each setting.", low=2)
    models: tuple[str, ...] = setting(MODELS, "Networks to compare.", choices=MODELS)
    pairs: int = setting(12, "Most pairs of brackets of a trained word.", low=2, high=100)
    depth: int = setting(4, "Most brackets open at a time in a trained word.", low=1, high=50)
    words: int = setting(8192, "Words to train on, drawn once.", low=64)
    batch_size: int = setting(64, "Words in a step.", low=1, high=64)
    units: int = setting(32, "Units of a layer; a transformer has two, of 4 heads.", low=8)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


def load(config: Config) -> sweep.Data:
    """Words of each part, arrays `[N, T]`: x, y, mask and the depth behind each bracket."""
    rng, pairs, depth = np.random.default_rng(0), config.pairs, config.depth
    asked = {
        "train": (config.words, 1, pairs, depth),
        "validation": (TESTED, 1, pairs, depth),
        "test": (TESTED, 1, pairs, depth),
        "longer": (TESTED, (LONG - 1) * pairs, LONG * pairs, depth),
        "deeper": (TESTED, pairs, LONG * pairs, 2 * depth),
    }
    found = {part: sequences.dyck(rng, *sizes) for part, sizes in asked.items()}
    found["train"] = {name: found["train"][name] for name in ("x", "y")}
    return found


def network(config: Config, name: str) -> nn.Module:
    """A layer of recurrent units, or a small GPT whose places are told by rotation."""
    if name == TRANSFORMER:
        longest = 2 * LONG * config.pairs
        return GPT(IDS, config.units, 2, 4, longest, positions=Rotary())
    body = RNN(config.units, CELLS[name])
    return Transducer(IDS, body, OneHot(IDS), padding=sequences.PAD)


def plan(config: Config) -> sweep.Plan:
    """One program per network; rate and seed are numbers inside it."""
    if LSTM not in config.models:
        raise launch.UserError(f"config.models: {LSTM} is to be among them")
    if config.depth > config.pairs:
        raise launch.UserError("config.depth: at most config.pairs, of which each opens one")
    if config.units % 8:
        raise launch.UserError(f"config.units: {config.units} is no multiple of 8")
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (nesting(config, network(config, name)), points) for name in config.models}
    return sweep.plan(programs, load(config), seeds=config.seeds, column="model")


def nesting(config: Config, model: nn.Module) -> sweep.Run:
    """Training to say which id follows, and which closing brackets are right afterwards."""
    task = language_model(model, padding=sequences.PAD)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
        return task, optax.chain(clip_by_global_norm(1.0), adam(rate))

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for part, batch in data.items():
            if part != "train":
                logits = task.predict(state.params, state.model_state, batch)
                shares = closed(logits, batch, 2 * config.depth)
                found |= {f"{part}_right": shares[0], f"{part}_depth_right": shares[1:]}
        return sweep.numbered(found)

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
    return run._replace(evaluate=evaluate)


def closed(logits: Array, batch: PyTree, deepest: int) -> Array:
    """Shares of closing brackets that are right: of all, and of those at each depth, 1 … deepest.

    logits `[N, T, ids]`; a share of none is nan.
    """
    y, closing = jnp.asarray(batch["y"]), jnp.asarray(batch["mask"]) > 0
    own, other = (
        jnp.take_along_axis(logits, jnp.where(closing, ids, 0)[..., None], axis=-1)[..., 0]
        for ids in (y, sum(sequences.CLOSE) - y)
    )
    right = closing & (own > other)
    # As many brackets are open where one closes as behind the step that was read last.
    depths = jnp.arange(1, deepest + 1)[:, None, None]
    at = jnp.concatenate([closing[None], closing[None] & (batch["depth"][None] == depths)])
    return (at & right[None]).sum(axis=(1, 2)) / at.sum(axis=(1, 2))


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Shares of brackets that are right, at the rates that other seeds chose."""
    tuned = stats.tune(results.frame(), "model", "learning_rate", "validation_right")
    twice = 2 * config.depth
    deepest = plan.data["deeper"]["depth"] == twice
    claims = [
        claim.judge(tuned.interval(score, LSTM, examples=int((here & (part["mask"] > 0)).sum())))
        for claim, score, part, here in (
            (SHALLOW, "test_right", plan.data["test"], True),
            (LONGER, "longer_right", plan.data["longer"], True),
            (DEEPER, f"deeper_depth_right_{twice}", plan.data["deeper"], deepest),
        )
    ]
    if ELMAN in config.models:
        claims.append(GATES.judge(tuned.gain("test_right", LSTM, ELMAN)))
    if TRANSFORMER in config.models:
        claims.append(ATTENTION.judge(tuned.gain("longer_right", LSTM, TRANSFORMER)))
    tables = [
        report.tuned_table(tuned, score, against=LSTM)
        for score in ("test_right", "longer_right", "deeper_right")
    ]
    columns = {f"deeper_depth_right_{depth}": depth for depth in range(1, 2 * config.depth + 1)}
    by_depth = tuned.trials.melt(["model", "seed"], list(columns), "depth", "right")
    by_depth = by_depth.assign(depth=by_depth["depth"].map(columns), right=100 * by_depth["right"])
    figure = report.lines(
        by_depth, "depth", "right", line="model", x_scale="linear", y_scale="linear",
        title=f"Right in words with up to {twice} open, trained with up to {config.depth}",
        x_label="brackets open where one closes",
        y_label="kind is right (%)",
        references={"a guess": lambda depth: np.full(len(depth), 50.0)},
    )  # fmt: skip
    picture = report.picture(
        figure, "Closing brackets of words with up to twice as many open as in training."
    )
    return launch.Conclusion(claims, [Section("By network", (*tables, picture))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
