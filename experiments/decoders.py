"""What is a decoder with attention to be told at each step?

Words of the CMU pronouncing dictionary to their phonemes, as in `pronunciation`: attention after
each step (Luong), the same with what the last step gave fed in (input feeding), and attention
before each step, its context fed in (Bahdanau). On unseen words, decoded greedily: edits to the
right phonemes over right phonemes. A seed moves initialization and batches; the rate is chosen by
that error on validation.

    python -m experiments.decoders --workdir=runs/decoders  # 3 minutes on 2 cores
"""

import flax.linen as nn

from experiments import pronunciation
from jaxdl import launch, report, stats, sweep
from jaxdl.launch import setting
from jaxdl.layers.attention import General, Soft
from jaxdl.models import AttendFirst, Attentive, Encoder, InputFeeding, Seq2Seq
from jaxdl.optimizers import schedules
from jaxdl.report import Claim, Section

CLAIMS = FEEDING, FIRST = (
    Claim("S9", "input feeding lowers the phoneme error rate",
          "paired difference, input feeding minus attention after", below=-0.005, unit="points"),
    Claim("S9", "attention before a step is as good as after it",
          "paired difference, before minus after", below=0.005, unit="points"),
)  # fmt: skip
AFTER, FED, BEFORE = "attention after", "input feeding", "attention before"
KINDS = {AFTER: Attentive, FED: InputFeeding, BEFORE: AttendFirst}


class Config(pronunciation.Config):
    """The words, the size of the models, and the training."""

    steps: int = setting(800, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=2)


def plan(config: Config) -> sweep.Plan:
    """One program per decoder; the rate is a number inside it."""
    data, letters, phonemes = pronunciation.load(config)
    # Orthogonal kernels cost seconds of compilation, and the words are short.
    init, width = nn.initializers.lecun_normal(), config.width - config.width % 2

    def run(kind: type[Attentive]) -> sweep.Run:
        encoder = Encoder(len(letters), config.features, width // 2, recurrent_init=init)
        decoder = kind(width, recurrent_init=init, attention=Soft(General(width)))
        model = Seq2Seq(encoder, decoder, len(phonemes), config.features)
        task, cosine = pronunciation.reading(model), schedules.cosine(config.steps)
        build = sweep.by_rate(task, pronunciation.clipped, cosine)
        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (run(kind), points) for name, kind in KINDS.items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="decoder")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Errors on unseen words, paired over seeds, at the rates that other seeds chose."""
    tuned = stats.tune(results.frame(), "decoder", "learning_rate", "validation_errors")
    claims = [
        FEEDING.judge(tuned.gain("test_errors", FED, AFTER)),
        FIRST.judge(tuned.gain("test_errors", BEFORE, AFTER)),
    ]
    table = report.tuned_table(tuned, "test_errors", against=AFTER)
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats a phoneme)")
    return launch.Conclusion(claims, [Section("By decoder", (table, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
