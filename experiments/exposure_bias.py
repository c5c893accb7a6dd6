"""Does a language model that only ever saw true prefixes fail on its own, and what does drawing do?

Words of a made-up language: of 24 letters, each may be followed by four certain ones, which the
seed draws. What may follow depends on the last letter alone, so that a prefix with an error in it
still has a right continuation; but an LSTM, trained with teacher forcing, has never seen one. Its
rate of forbidden letters is measured behind true prefixes, and where it generates by itself, behind
prefixes without an error of its own and with one. Then what drawing gives, and what it costs,
against always taking the likeliest letter: how many of the 256 ways in which the language goes on
for four letters from one start are among 512 draws (86 % would be, of equally likely ones), and
forbidden letters.

    python -m experiments.exposure_bias --workdir=runs/exposure_bias  # 0.7 minutes on 2 cores
"""

from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import decoding, keys, launch, losses, report, stats, sweep, tasks
from jaxdl.launch import setting
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.report.tables import Cell
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

CLAIMS = WORSE, ERRORS, VARIETY, PRICE = (
    Claim("S7", "the model errs more often behind its own prefixes than behind true ones",
          "log2 of the ratio of the shares of forbidden letters", above=0.5),
    Claim("S7", "behind an error of its own it errs twice as often as before one",
          "log2 of the ratio of the shares of forbidden letters", above=1.0),
    Claim("S7", "drawing gives most of what the language has",
          "share of the ways to go on for four letters that are drawn", above=0.75, unit="%"),
    Claim("S7", "drawing errs more often than taking the likeliest letter",
          "difference in the share of forbidden letters", above=0.001, unit="points"),
)  # fmt: skip
LETTERS, FOLLOWING, DRAWN, AHEAD = 24, 4, 512, 4


class Config(launch.Config):
    """The language, the network and its training."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(16, "Seeds: languages, and networks.", low=2)
    batch_size: int = setting(32, "Words in a step, never seen twice.", low=1)
    length: int = setting(40, "Letters of a word.", low=4)
    hidden: int = setting(32, "Units of the LSTM.", low=1)
    learning_rate: float = setting(1e-2, "Rate of Adam.", low=1e-12)


def plan(config: Config) -> sweep.Plan:
    """One program."""
    model = LanguageModel(LETTERS, 16, RNN(config.hidden))
    task = tasks.language_model(model)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation, sweep.Record]:
        return task, adam(config.learning_rate), lambda state: {}

    def batch(hparams: PyTree, key: Array, step: Array | int, data: sweep.Data) -> Batch:
        drawn = jax.random.fold_in(keys.named(key, "words"), step)
        words = true_words(language(key), drawn, config.batch_size, config.length + 1)
        return {"x": words[:, :-1], "y": words[:, 1:]}

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        return measured(config, model, state)

    run = sweep.online(build, batch, evaluate, config.steps)
    return sweep.plan({"lstm": (run, [{}])}, sweep.NO_DATA, seeds=config.seeds)


def language(key: Array) -> Array:
    """Which letters may follow which: bool `[LETTERS, LETTERS]`, four in each row."""
    drawn = jax.random.uniform(keys.named(key, "language"), (LETTERS, LETTERS))
    return drawn >= -jnp.sort(-drawn, axis=1)[:, FOLLOWING - 1 : FOLLOWING]


def true_words(allowed: Array, key: Array, count: int, length: int) -> Array:
    """Words of the language, ids `[count, length]`: each letter drawn among those allowed."""
    first_key, key = jax.random.split(key)
    first = jax.random.randint(first_key, (count,), 0, LETTERS)

    def follow(last: Array, key: Array) -> tuple[Array, Array]:
        drawn = jax.random.categorical(key, jnp.where(allowed[last], 0.0, -jnp.inf))
        return drawn, drawn

    _, others = jax.lax.scan(follow, first, jax.random.split(key, length - 1))
    return jnp.concatenate([first[:, None], others.T], axis=1)


def measured(config: Config, model: LanguageModel, state: TrainState) -> dict[str, Array]:
    """Shares of forbidden letters by what stands before them, and of the ways that are drawn."""
    allowed, params = language(state.key), {"params": state.params}
    words_key, draw_key, letter_key = jax.random.split(keys.named(state.key, "tested"), 3)
    words = true_words(allowed, words_key, DRAWN, config.length)
    _, logits = cast(tuple[PyTree, Array], model.apply(params, words))
    said = jax.random.categorical(letter_key, logits)
    forced = ~allowed[words, said]

    def step(carry: PyTree, tokens: Array) -> tuple[PyTree, Array]:
        return cast(tuple[PyTree, Array], model.apply(params, carry, tokens, method="step"))

    def continued(start: Array, key: Array | None) -> Array:
        carry, _ = model.apply(params, jnp.zeros((len(start), 0), start.dtype))
        if key is None:
            return decoding.greedy(step, carry, start, config.length)
        return decoding.sample(step, carry, start, config.length, key)

    def errors(start: Array, found: Array) -> Array:
        before = jnp.concatenate([start[:, None], found[:, :-1]], axis=1)
        return ~allowed[before, found]

    start = words[:, 0]
    own = continued(start, draw_key)
    wrong = errors(start, own)
    erred = jnp.cumsum(wrong, axis=1) - wrong > 0
    same = jnp.zeros(DRAWN, start.dtype)
    likeliest = continued(start, None)
    ways = continued(same, jax.random.fold_in(draw_key, 1))[:, :AHEAD]
    return {
        "forced_errors": forced.mean(),
        "own_errors": wrong.mean(),
        "errors_before": jnp.mean(wrong, where=~erred),
        "errors_behind": jnp.mean(wrong, where=erred),
        "ways": different(ways, ~errors(same, ways).any(axis=1)) / FOLLOWING**AHEAD,
        "likeliest_errors": errors(start, likeliest).mean(),
        "nats": losses.softmax_cross_entropy(logits[:, :-1], words[:, 1:]).mean(),
    }


def different(words: Array, right: Array) -> Array:
    """How many different words `[N, L]` there are among those that are `right`, bool `[N]`."""
    equal = (words[:, None] == words[None]).all(axis=-1)
    earlier = jnp.tril(equal, k=-1).any(axis=1)
    return (right & ~earlier).sum()


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Ratios and differences, paired over seeds."""
    frame = results.frame()
    shares = {name: frame[name].astype(float) for name in frame if name.endswith("errors")}
    shares |= {name: frame[name].astype(float) for name in ("errors_before", "errors_behind")}

    def ratio(one: str, other: str) -> stats.Interval:
        # No error among so many letters is taken for half of one.
        least = 0.5 / (DRAWN * config.length)
        pair = [np.log2(shares[name].clip(lower=least)) for name in (one, other)]
        return stats.paired_interval(*pair)

    claims = [
        WORSE.judge(ratio("own_errors", "forced_errors")),
        ERRORS.judge(ratio("errors_behind", "errors_before")),
        VARIETY.judge(stats.mean_interval(frame["ways"], "share", examples=FOLLOWING**AHEAD)),
        PRICE.judge(stats.paired_interval(shares["own_errors"], shares["likeliest_errors"])),
    ]
    words = {
        "behind true prefixes, drawn": "forced_errors",
        "behind its own, drawn": "own_errors",
        "behind its own without an error": "errors_before",
        "behind its own with an error": "errors_behind",
        "behind its own, the likeliest letter": "likeliest_errors",
    }
    rows: list[dict[str, Cell]] = [
        {
            "letters": said,
            "forbidden (%)": stats.mean_interval(shares[name], "share", examples=DRAWN),
        }
        for said, name in words.items()
    ]
    caption = (
        f"A guess has {1 - FOLLOWING / LETTERS:.0%} forbidden letters. Nats a letter: "
        f"{np.log(FOLLOWING):.3f} in the language, {frame['nats'].mean():.3f} by the model."
    )
    figure = report.intervals(
        claims[:2], ["own prefixes, true ones", "behind an error, before one"],
        title="Forbidden letters: log2 of the ratio of their shares",
    )  # fmt: skip
    blocks = (report.table(rows, caption), report.picture(figure))
    return launch.Conclusion(claims, [Section("Forbidden letters", blocks)])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
