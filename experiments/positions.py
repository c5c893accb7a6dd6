"""Where a token stands: attention without positions, and four ways to tell it.

Say the token before, for each of 16 different tokens in any order. An encoder (BERT) without
positions is equivariant to permutations, so that it can do no better than a guess among the 15
other tokens; a decoder (GPT) without them sees only what came before, and learns something from
how much that is (Haviv et al. 2022, https://arxiv.org/abs/2203.16634). A decoder that knew no more
than which tokens came before would be right with probability 1/t at place t. ALiBi's bias knows
distances, not sides: in an encoder it cannot tell the token before from the one behind. Then twice
as long sequences, of which only the places past the trained ones count; those of a learned table
are there, untrained. A seed moves initialization and batches; each model's rate is chosen on
validation, at the trained length. The steps were set after a look at one seed.

    python -m experiments.positions --workdir=runs/positions  # 5 minutes on 2 cores
"""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from jaxdl import keys, launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.launch import setting
from jaxdl.layers.positions import ALiBi, Angles, Learned, Positions, Rotary, Sinusoidal
from jaxdl.models import BERT, GPT, BERTTagger
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

RIGHT = "share of tokens right on test"
LONGER = f"{RIGHT}, past the trained places minus at them"
CLAIMS = EQUIVARIANT, GUESSES, LEARNS, TOLD, BOTH_SIDES, GOES_ON, ENDS = (
    Claim("T2", "an encoder without positions is equivariant to permutations",
          "largest change of a logit by a permutation, over the logits' standard deviation",
          below=1e-3),
    Claim("T2", "an encoder without positions guesses",
          f"{RIGHT}, minus that of a guess among the others", below=0.05, unit="points"),
    Claim("T2", "a decoder without positions learns of the order",
          f"{RIGHT}, minus that of a guess among those before", above=0.2, unit="points"),
    Claim("T2", "a decoder that is told places says the token before", RIGHT, above=0.9, unit="%"),
    Claim("T2", "an encoder with ALiBi does not know the sides", RIGHT, below=0.6, unit="%"),
    Claim("T2", "ALiBi loses little in sequences twice as long", LONGER, above=-0.05,
          unit="points"),
    Claim("T2", "learned positions lose much in sequences twice as long", LONGER, below=-0.2,
          unit="points"),
)  # fmt: skip
EXAMPLES = {"train": (16384, 1), "validation": (500, 1), "test": (500, 1), "longer": (500, 2)}
"""How many sequences a part has, and how many times as long they are as the trained ones."""
DEPTH, HEADS, BATCH = 2, 4, 32
WAYS = NO, LEARNED, SINUSOIDAL, ROTARY, ALIBI = "none", "learned", "sinusoidal", "rotary", "ALiBi"


class Config(launch.Config):
    """The size of the models, and what is searched."""

    steps: int = setting(500, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=1)
    length: int = setting(16, "Tokens of the trained sequences.", low=3)
    width: int = setting(32, "Numbers of a token, a multiple of 8: of 4 heads.", low=8)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2)


class Told(Positions):
    """One of the ways, whose index in `WAYS` may be traced. length: of the learned table."""

    way: ArrayLike
    length: int

    def setup(self) -> None:
        self.learned, self.sinusoidal = Learned(self.length), Sinusoidal()
        self.rotary, self.alibi = Rotary(), ALiBi()

    def __call__(self, x: Array, at: Array | None = None) -> Array:
        ways = {LEARNED: self.learned(x, at), SINUSOIDAL: self.sinusoidal(x, at)}
        return jnp.select([self._is(way) for way in ways], [*ways.values()], x)

    def angles(self, length: int, features: int, at: Array | None = None) -> Angles:
        cos, sin = self.rotary.angles(length, features, at)
        return jnp.where(self._is(ROTARY), cos, 1), jnp.where(self._is(ROTARY), sin, 0)

    def slopes(self, heads: int) -> Array:
        return jnp.where(self._is(ALIBI), self.alibi.slopes(heads), 0)

    def _is(self, way: str) -> Array:
        return jnp.asarray(self.way == WAYS.index(way))


class Encoder(nn.Module):
    """The logits of a tagger, as a language model gives them: there is nothing to carry."""

    tagger: BERTTagger

    def __call__(
        self, ids: Array, carry: None = None, *, train: bool = False
    ) -> tuple[None, Array]:
        return carry, self.tagger(ids, train=train)


def plan(config: Config) -> sweep.Plan:
    """One program per model; way, rate and seed are numbers inside it."""
    if config.width % (2 * HEADS):
        raise launch.UserError(f"config.width: {config.width} is no multiple of {2 * HEADS}")
    rng = np.random.default_rng(0)
    parts = {name: orders(rng, n, config.length, of) for name, (n, of) in EXAMPLES.items()}
    points = sweep.grid(positions=WAYS, learning_rate=config.learning_rates)
    return sweep.plan(
        {name: (trained(config, name), points) for name in ("encoder", "decoder")},
        splits.in_batches(parts),
        seeds=config.seeds,
        column="model",
        categories={"positions": WAYS},
    )


def orders(rng: np.random.Generator, count: int, length: int, times: int) -> Batch:
    """Different tokens of 1 … 2 · length; y is the one before, and 0 where it does not count."""
    tokens = np.tile(np.arange(1, 2 * length + 1, dtype=np.int32), (count, 1))
    x = rng.permuted(tokens, axis=1)[:, : times * length]
    y = np.pad(x, ((0, 0), (1, 0)))[:, :-1]
    y[:, : (times - 1) * length] = 0
    return {"x": x, "y": y}


def network(config: Config, model: str, way: ArrayLike) -> nn.Module:
    """GPT, or BERT with the same sizes, pre-norm too; a way is given by its index."""
    ids, longest = 2 * config.length + 1, 2 * config.length
    body = (GPT if model == "decoder" else BERT)(
        ids, config.width, DEPTH, HEADS, longest, pre_norm=True,
        positions=Told(way, longest), kernel_init=nn.initializers.lecun_normal(),
    )  # fmt: skip
    return Encoder(BERTTagger(body, ids)) if isinstance(body, BERT) else body


def trained(config: Config, model: str) -> sweep.Run:
    """Training, with what a permutation of the tokens changes afterwards."""

    def task_of(way: ArrayLike) -> Task:
        return tasks.language_model(network(config, model, way), padding=0)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
        return task_of(hparams["positions"]), adam(rate)

    run = sweep.make_run(build, steps=config.steps, batch_size=BATCH)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        x = data["test"]["x"][0]
        order = jax.random.permutation(keys.named(state.key, "order"), x.shape[1])
        predict = task_of(hparams["positions"]).predict
        both = predict(state.params, state.model_state, {"x": jnp.concatenate([x, x[:, order]])})
        logits, moved = jnp.split(both, 2)
        change = jnp.abs(moved - logits[:, order]).max() / logits.std()
        return {**run.evaluate(hparams, state, data), "change": change}

    return run._replace(evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What is right on test at the rate of each model and way, and past the trained places."""
    tuned = stats.tune(results.frame(), ("model", "positions"), "learning_rate")
    right, longer, change = (
        tuned.scores(name) for name in ("test_accuracy", "longer_accuracy", "change")
    )
    among_others = 1 / (config.length - 1)
    among_those_before = float(np.mean(1 / np.arange(1, config.length)))

    def share(model: str, way: str, part: str = "test") -> stats.Interval:
        return tuned.interval(f"{part}_accuracy", (model, way), EXAMPLES[part][0])

    def lost(way: str) -> stats.Interval:
        return stats.paired_interval(longer["decoder", way], right["decoder", way])

    claims = [
        EQUIVARIANT.judge(stats.mean_interval(change["encoder", NO], "positive")),
        GUESSES.judge(stats.mean_interval(right["encoder", NO] - among_others)),
        LEARNS.judge(stats.mean_interval(right["decoder", NO] - among_those_before)),
        *TOLD.judge_each({way: share("decoder", way) for way in WAYS if way != NO}),
        BOTH_SIDES.judge(share("encoder", ALIBI)),
        GOES_ON.judge(lost(ALIBI)),
        ENDS.judge(lost(LEARNED)),
    ]
    rows = [
        {
            "model": model,
            "positions": way,
            "rate": report.distinct(trials["learning_rate"]),
            f"{config.length} tokens (%)": share(model, way),
            f"past them, of {2 * config.length} (%)": share(model, way, "longer"),
            "change by a permutation": float(change[model, way].mean()),
        }
        for (model, way), trials in tuned.trials.groupby(list(tuned.by), sort=False)
    ]
    caption = (
        f"On test, {report.CHOSEN}; 95 % intervals over seeds. A guess among the others is right "
        f"in {100 * among_others:.1f} %, among those before in {100 * among_those_before:.1f} %."
    )
    section = Section("By model and positions", (
        report.table(rows, caption), *report.tuned_curves(results, tuned)
    ))  # fmt: skip
    return launch.Conclusion(claims, [section])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
