"""Does batch norm belong before or behind the activation, and does it keep layers' inputs in place?

An MLP of four hidden layers on the digits, by plain SGD: without a norm, with batch norm before
each activation (Ioffe & Szegedy 2015), and behind it. The rate of each is chosen on validation. The
shift of what the last hidden layer is given: by how much a step of training moves the means of its
inputs on 256 training digits, as the root of their squares over the inputs' variances, both summed
over units; each at its own rate, the mean of ten measurements spread over training. (Before ReLU
the means of what batch norm gives are its shifts β alone.) A seed moves initialization and batches,
and is shared. The thresholds are from before any run; the highest rate was added after a first one.

    python -m experiments.norm_places --workdir=runs/norm_places  # 1 minute on 2 cores
"""

from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks, train
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.initializers import he_normal
from jaxdl.launch import setting
from jaxdl.layers.norms import BatchNorm
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Section
from jaxdl.report.tables import Cell
from jaxdl.types import Array, PyTree, TrainState

CLAIMS = AS_GOOD, BETTER, STEADIER = (
    Claim("R2", "batch norm before the activation is as good as behind it",
          "paired difference in test accuracy, before minus behind", above=-0.005, unit="points"),
    Claim("R2", "batch norm is better than none",
          "paired difference in test accuracy, before minus none", above=0.005, unit="points"),
    Claim("R2", "with batch norm what the last hidden layer is given shifts less in a step",
          "log ratio of the shift of its inputs' means, before over none", below=-0.2),
)  # fmt: skip
NONE, BEFORE, BEHIND = "none", "before", "behind"
SHOWN, EVALUATIONS = 256, 10


class Config(launch.Config):
    """The network, and its training."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(12, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=2, high=1077)
    hidden: tuple[int, ...] = launch.widths(64, 64, 64, 64)
    learning_rates: tuple[float, ...] = launch.rates(0.03, 0.1, 0.3, 1.0, 3.0)


class Network(nn.Module):
    """A ReLU MLP with ten outputs; what its last hidden layer is given is kept as `given`."""

    features: Sequence[int]
    place: str

    @nn.compact
    def __call__(self, x: Array, *, train: bool) -> Array:
        x = x.reshape(len(x), -1)
        for number, width in enumerate(self.features, 1):
            if number == len(self.features):
                self.sow("intermediates", "given", x)
            x = nn.Dense(width, kernel_init=he_normal)(x)
            x = BatchNorm()(x, train=train) if self.place == BEFORE else x
            x = nn.relu(x)
            x = BatchNorm()(x, train=train) if self.place == BEHIND else x
        return nn.Dense(10, kernel_init=he_normal)(x)


def plan(config: Config) -> sweep.Plan:
    """One program per place; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    segments = sweep.segments(config.steps, EVALUATIONS)
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {
        place: (program(config, place, config.steps // segments), points)
        for place in (NONE, BEFORE, BEHIND)
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="norm", segments=segments)


def program(config: Config, place: str, steps: int) -> sweep.Run:
    """Training, and at each evaluation the shift by one more step."""
    model = Network(config.hidden, place)
    task = tasks.classification(model)
    run = sweep.make_run(sweep.by_rate(task, sgd), steps=steps, batch_size=config.batch_size)

    def given(state: TrainState, x: Array) -> Array:
        variables = {"params": state.params, **state.model_state}
        _, kept = model.apply(
            variables, x, train=True, mutable=["intermediates", *state.model_state]
        )
        return jnp.asarray(kept["intermediates"]["given"][0])

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        batch = batches.take(data["train"], jnp.arange(SHOWN))
        after, _ = train.step(task, sgd(hparams["learning_rate"]), state, batch)
        old, new = (given(each, batch["x"]) for each in (state, after))
        moved = jnp.square(new.mean(axis=0) - old.mean(axis=0)).sum() / old.var(axis=0).sum()
        return {**run.evaluate(hparams, state, data), "shift": jnp.sqrt(moved)}

    return run._replace(evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy and shift, paired over seeds, at the rates that other seeds chose."""
    frame = with_mean_shift(results)
    tuned = stats.tune(frame, "norm", "learning_rate")
    claims = [
        AS_GOOD.judge(tuned.gain("test_accuracy", BEFORE, BEHIND)),
        BETTER.judge(tuned.gain("test_accuracy", BEFORE, NONE)),
        STEADIER.judge(tuned.gain("mean_shift", BEFORE, NONE, log=True)),
    ]
    shifts = tuned.scores("mean_shift")
    rows: list[dict[str, Cell]] = [
        {"norm": name, "shift in a step": stats.mean_interval(shifts[name], "positive")}
        for name in plan.programs
    ]
    caption = "Of the means of what the last hidden layer is given, in its standard deviations."
    course = report.profile(
        results.curve_frame("shift", tuned.trials), "step", "shift", line="norm", y_scale="log",
        title="Shift of the last hidden layer's inputs in a step, each at its own rate",
        x_label="evaluation", y_label="standard deviations (log scale)",
    )  # fmt: skip
    accuracy = report.tuned_table(tuned, "test_accuracy", against=NONE)
    section = Section("By place of the norm", (accuracy, report.table(rows, caption), course))
    return launch.Conclusion(claims, [section])


def with_mean_shift(results: sweep.Results) -> pd.DataFrame:
    """The trials with the mean of their shifts over all evaluations."""
    return results.frame().assign(mean_shift=results.curves()["shift"].mean(axis=1))


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
