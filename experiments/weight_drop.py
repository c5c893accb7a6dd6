"""Dropped weights in a recurrent network with little text: of the state's matrix, or of both?

The LSTM language models of `recurrent_dropout`, on the same 20,000 characters of docstrings. In
training some weights of a matrix are zero, the same ones at all steps (Merity et al. 2018): of the
matrix that the state meets, or of that of the inputs too. Beside them no dropout, and one mask a
sequence on the state. Every trial counts as it was at its best evaluation on validation; the rate
is chosen there. A seed moves the initialization, the batches and what is dropped.

    python -m experiments.weight_drop --workdir=runs/weight_drop  # 4 minutes on 2 cores
"""

import optax

from experiments import recurrent_dropout
from experiments.recurrent_dropout import EVALUATIONS, FEATURES, SAVED, STATE, UNIT
from jaxdl import launch, stats, sweep, tasks
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.report import Claim
from jaxdl.types import PyTree, Task

NONE, RECURRENT, ALL = "none", "weights of the state's matrix", "weights of both matrices"
CLAIMS = DROPS, AS_STATE, OF_BOTH = (
    Claim("S5", "dropped weights of the state's matrix need fewer bits than none",
          f"{SAVED}: none minus dropped", above=0.05, unit=UNIT),
    Claim("S5", "dropped weights are as good as one mask a sequence on the state",
          f"{SAVED}: mask minus dropped", above=-0.02, unit=UNIT),
    Claim("S5", "dropping weights of the inputs' matrix too needs fewer bits still",
          f"{SAVED}: of the state's matrix minus of both", above=0.0, unit=UNIT),
)  # fmt: skip
DROPPED = {RECURRENT: ("recurrent_kernel",), ALL: ("kernel", "recurrent_kernel")}


class Config(recurrent_dropout.Config):
    """What is learned from, by which network, at which rates."""


def plan(config: Config) -> sweep.Plan:
    """One program a kind; the rate is a number inside it."""
    data, size = recurrent_dropout.load(config)
    segments = sweep.segments(config.steps, EVALUATIONS)

    def program(kind: str) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = hparams["rate"]
            body = (
                RNN(config.width, weight_drop=rate, dropped=DROPPED[kind])
                if kind in DROPPED
                else RNN(config.width, recurrent_dropout=rate)
            )
            model = LanguageModel(size, FEATURES, body)
            return tasks.language_model(model), adam(config.learning_rate)

        return sweep.make_run(build, steps=config.steps // segments, batch_size=config.batch_size)

    programs = {
        kind: (program(kind), sweep.grid(rate=(0.0,) if kind == NONE else config.rates))
        for kind in (NONE, STATE, *DROPPED)
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="dropout", segments=segments)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Bits a character on test, at its best evaluation and the rate that other seeds chose."""
    frame = recurrent_dropout.at_best(results)
    tuned = stats.tune(frame, "dropout", "rate", "validation_bits")
    claims = [
        DROPS.judge(tuned.gain("test_bits", NONE, RECURRENT)),
        AS_STATE.judge(tuned.gain("test_bits", STATE, RECURRENT)),
        OF_BOTH.judge(tuned.gain("test_bits", RECURRENT, ALL)),
    ]
    section = recurrent_dropout.shown(config, plan, results, frame, tuned)
    return launch.Conclusion(claims, [section])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
