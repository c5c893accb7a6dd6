"""Do averages of the weights improve what noisy training ends with?

An MLP on 500 of the digits, which the seed draws, by SGD with momentum: at a constant rate, and the
average of the weights by an exponential mean, or by the plain mean of the second half of the steps
(SWA); and at a rate that falls to zero, which averages nothing. The rate, and the exponential
mean's β, are chosen on validation. A seed moves the images, the initialization and the batches.

    python -m experiments.weight_averages --workdir=runs/weight_averages  # 1 minute on 2 cores
"""

from collections.abc import Callable

import optax

from jaxdl import launch, optimizers, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers.schedules import cosine, scaled
from jaxdl.report import Claim, Section
from jaxdl.types import PyTree, Task

MORE = "paired difference in test loss from the last weights at a constant rate"
CLAIMS = EMA_HELPS, MEAN_HELPS, AS_FALLING = (
    Claim("R10", "an exponential mean of the weights is better than the last ones",
          MORE, below=-0.01, unit="nats"),
    Claim("R10", "the mean of the weights of the second half is better than the last ones",
          MORE, below=-0.01, unit="nats"),
    Claim("R10", "the mean of the weights is as good as a rate that falls to zero",
          "paired difference in test loss", below=0.01, unit="nats"),
)  # fmt: skip
LAST, EMA, MEAN, FALLING = "last", "exponential mean", "mean of the second half", "falling rate"


class Config(launch.Config):
    """The network, and its training."""

    steps: int = setting(800, "Training steps of each trial.", low=2)
    seeds: int = setting(40, "Seeds of each setting.", low=2)
    examples: int = setting(500, "Training images.", low=10, high=1077)
    batch_size: int = setting(16, "Examples in a step.", low=1, high=1077)
    hidden: tuple[int, ...] = launch.widths(64)
    learning_rates: tuple[float, ...] = launch.rates(0.03, 0.1, 0.3, 1.0)
    decays: tuple[float, ...] = setting((0.95, 0.99), "β of the exponential mean.", low=0, high=1)


def plan(config: Config) -> sweep.Plan:
    """One program per average; rate, β and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    task = tasks.classification(MLP(config.hidden, 10))

    def program(average: Callable[[PyTree], optax.GradientTransformation] | None) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            descent = optimizers.momentum(hparams["learning_rate"])
            return task, descent if average is None else optax.chain(descent, average(hparams))

        mean = None if average is None else optimizers.average_params
        run = sweep.make_run(
            build, steps=config.steps, batch_size=config.batch_size, eval_params=mean
        )
        return sweep.few_examples(config.examples, run)

    def falling(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = scaled(hparams["learning_rate"], cosine(config.steps))
        return task, optimizers.momentum(rate)

    rates = sweep.grid(learning_rate=config.learning_rates)
    betas = sweep.grid(learning_rate=config.learning_rates, decay=config.decays)
    last = sweep.make_run(falling, steps=config.steps, batch_size=config.batch_size)
    programs = {
        LAST: (program(None), rates),
        EMA: (program(lambda h: optimizers.ema_of_weights(h["decay"])), betas),
        MEAN: (program(lambda _: optimizers.mean_of_weights(config.steps // 2)), rates),
        FALLING: (sweep.few_examples(config.examples, last), rates),
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="weights")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Losses on test, paired over seeds, at what other seeds chose."""
    frame = results.frame()
    frame = frame.assign(decay=frame["decay"].fillna(0.0))
    tuned = stats.tune(frame, "weights", ("learning_rate", "decay"), "validation_loss")
    claims = [
        EMA_HELPS.judge(tuned.gain("test_loss", EMA, LAST)),
        MEAN_HELPS.judge(tuned.gain("test_loss", MEAN, LAST)),
        AS_FALLING.judge(tuned.gain("test_loss", MEAN, FALLING)),
    ]
    tables = [
        report.tuned_table(tuned, metric, against=LAST) for metric in ("test_loss", "test_accuracy")
    ]
    curves = report.along(
        frame[frame["decay"].isin([0.0, max(config.decays)])], "learning_rate", "test_loss",
        line="weights", title="Test loss against the rate", y_label="test loss (nats, log scale)",
        y_scale="log",
    )  # fmt: skip
    return launch.Conclusion(claims, [Section("By average", (*tables, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
