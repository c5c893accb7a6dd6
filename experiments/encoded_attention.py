"""Is it better to encode a sequence before attending to it?

Words of the CMU pronouncing dictionary, letter by letter, to their phonemes without stress, by a
decoder with attention to what stands for each letter: the outputs of a bidirectional GRU, those of
one that reads forwards only, as wide, or the letter's embedding with its position, through one
layer. All start the decoder from the mean of what is attended to, so that nothing but what stands
for a letter differs. On unseen words, decoded greedily: edits to the right phonemes over right
phonemes. A seed moves the initialization and the batches; the rate is chosen by that error on
validation.

    # 2 minutes on 2 cores
    python -m experiments.encoded_attention --workdir=runs/encoded_attention
"""

import flax.linen as nn
import jax.numpy as jnp

from experiments import pronunciation
from jaxdl import launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.layers.attention import General, Soft
from jaxdl.layers.cells import GRU
from jaxdl.layers.recurrent import RNN, Bidirectional
from jaxdl.models import Attentive, Seq2Seq
from jaxdl.optimizers import schedules
from jaxdl.report import Claim, Section
from jaxdl.types import Array

LESS = "paired difference in phoneme error rate"
CLAIMS = ENCODED, FORWARD, BEHIND = (
    Claim("S9", "encoding in both directions before attention helps",
          f"{LESS}, both directions minus embeddings", below=-0.02, unit="points"),
    Claim("S9", "encoding forwards before attention helps",
          f"{LESS}, forwards minus embeddings", below=-0.02, unit="points"),
    Claim("S9", "encoding what comes behind helps beyond what comes before",
          f"{LESS}, both directions minus forwards", below=-0.01, unit="points"),
)  # fmt: skip
BOTH, AHEAD, PLAIN = "both directions", "forwards", "embeddings"


class Config(pronunciation.Config):
    """The words, the size of the models, and the training."""

    seeds: int = setting(4, "Seeds of each setting.", low=2)


class Reader(nn.Module):
    """What stands for each letter: `(ids [B, N], mask [B, N]) -> (c [B, H], h [B, N, H])`.

    kind: one of `BOTH`, `AHEAD` and `PLAIN`; width: H, even.
    """

    kind: str
    vocabulary: int
    features: int
    width: int

    @nn.compact
    def __call__(self, x: Array, mask: Array | None, *, train: bool = False) -> tuple[Array, Array]:
        embedded = nn.Embed(self.vocabulary, self.features, name="embedding")(x)
        # Orthogonal kernels cost seconds of compilation, and the words are short.
        init = nn.initializers.lecun_normal()
        if self.kind == PLAIN:
            place = nn.Embed(x.shape[1], self.features, name="position")(jnp.arange(x.shape[1]))
            h = jnp.tanh(nn.Dense(self.width, name="layer")(embedded + place[None]))
        elif self.kind == AHEAD:
            _, h = RNN(self.width, GRU, recurrent_init=init)(embedded, None, mask, train=train)
        else:
            half = (RNN(self.width // 2, GRU, reverse=back, recurrent_init=init)
                    for back in (False, True))  # fmt: skip
            _, h = Bidirectional(*half)(embedded, None, mask, train=train)
        there = jnp.ones(x.shape, h.dtype) if mask is None else mask.astype(h.dtype)
        h = h * there[..., None]
        return h.sum(axis=1) / jnp.maximum(there.sum(axis=1), 1)[:, None], h


def network(config: Config, kind: str, letters: int, phonemes: int) -> Seq2Seq:
    """The model of a kind."""
    width = config.width - config.width % 2
    decoder = Attentive(
        width, recurrent_init=nn.initializers.lecun_normal(), attention=Soft(General(width))
    )
    reader = Reader(kind, letters, config.features, width)
    return Seq2Seq(reader, decoder, phonemes, config.features)


def plan(config: Config) -> sweep.Plan:
    """One program per kind; the rate is a number inside it."""
    data, letters, phonemes = pronunciation.load(config)
    points = sweep.grid(learning_rate=config.learning_rates)

    def run(kind: str) -> sweep.Run:
        task = pronunciation.reading(network(config, kind, len(letters), len(phonemes)))
        build = sweep.by_rate(task, pronunciation.clipped, schedules.cosine(config.steps))
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {kind: (run(kind), points) for kind in (BOTH, AHEAD, PLAIN)}
    return sweep.plan(programs, data, seeds=config.seeds, column="attended to")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Errors on unseen words, paired over seeds, at the rates that other seeds chose."""
    # A metric is known by the last word of its name.
    parts = {f"test_errors_{part}": f"test_{part}_errors" for part in ("short", "long")}
    frame = results.frame().rename(columns=parts)
    tuned = stats.tune(frame, "attended to", "learning_rate", "validation_errors")
    claims = [
        ENCODED.judge(tuned.gain("test_errors", BOTH, PLAIN)),
        FORWARD.judge(tuned.gain("test_errors", AHEAD, PLAIN)),
        BEHIND.judge(tuned.gain("test_errors", BOTH, AHEAD)),
    ]
    tables = [
        report.tuned_table(tuned, score, against=PLAIN)
        for score in ("test_errors", *parts.values())
    ]
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats a phoneme)")
    return launch.Conclusion(claims, [Section("By what is attended to", (*tables, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
