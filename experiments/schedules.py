"""Does decay of the learning rate help at the end of training?

Nine schedules against a constant rate, each at peaks that validation chose from the same grid:
an MLP on the digits in batches of 16, by momentum and by Adam, and the noisy quadratic of Zhang et
al. 2019 (curvature and gradient noise 1/i along coordinate i) by momentum. A seed moves the start,
the batches and the noise, and is shared by all schedules.

    python -m experiments.schedules --workdir=runs/schedules  # 1.5 minutes on 2 cores
"""

import math
from collections.abc import Callable

import optax

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam, momentum, schedules
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = LOWER_LOSS, HIGHER_ACCURACY = (
    Claim("O7", "cosine decay ends at a lower test loss than the best constant rate",
          "log ratio of the final test loss", below=math.log(0.9)),
    Claim("O7", "cosine decay ends at a higher test accuracy than the best constant rate",
          "paired difference in test accuracy", above=0.005, unit="points"),
)  # fmt: skip


class Config(launch.Config):
    """Which schedules are compared, on what, at which peaks."""

    steps: int = setting(1000, "Training steps, and the length of each schedule.", low=4)
    seeds: int = setting(80, "Seeds of each setting.", low=1)
    batch_size: int = setting(16, "Digits per step.", low=1, high=1077)
    hidden: tuple[int, ...] = launch.widths(64, 64)
    dimensions: int = setting(100, "Coordinates of the quadratic.", low=1)
    momentum_peaks: tuple[float, ...] = launch.rates(
        3e-3, 1e-2, 3e-2, 0.1, 0.3, help="Peak rates of momentum on the digits."
    )
    adam_peaks: tuple[float, ...] = launch.rates(
        3e-4, 1e-3, 3e-3, 1e-2, 3e-2, help="Peak rates of Adam on the digits."
    )
    quadratic_peaks: tuple[float, ...] = launch.rates(
        3e-3, 1e-2, 3e-2, 0.1, 0.3, help="Peak rates of momentum on the quadratic."
    )


def shapes(steps: int) -> dict[str, schedules.Shape]:
    """Unit-peak shapes of the given length, by name."""
    warmup = max(1, steps // 10)
    return {
        "constant": schedules.constant(),
        "warm-up": schedules.linear_warmup(warmup),
        "cosine": schedules.cosine(steps),
        "warm-up, cosine": schedules.warmup_then(warmup, schedules.cosine(steps - warmup)),
        "milestones": schedules.milestones([steps // 2, 3 * steps // 4], 0.1),
        "step": schedules.step_decay(max(1, steps // 4), 0.3),
        "exponential": schedules.exponential(steps, 0.01),
        "inverse time": schedules.inverse_time(10 / steps),
        "one-cycle": schedules.one_cycle(steps),
        "slanted triangular": schedules.slanted_triangular(steps),
    }


def plan(config: Config) -> sweep.Plan:
    """One program per problem and optimizer; schedule, peak and seed are numbers inside it."""
    known = shapes(config.steps)
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    digits = tasks.classification(MLP(config.hidden, 10))
    quadratic = tasks.noisy_quadratic(config.dimensions)

    def program(task: Task, optimizer: Callable[..., optax.GradientTransformation]) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            shape = schedules.switch(hparams["schedule"], list(known.values()))
            return task, optimizer(schedules.scaled(hparams["peak"], shape))

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def both_walks(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        chosen_by, reported = quadratic.predict(state.params, state.model_state, {})
        return {"validation_loss": chosen_by, "test_loss": reported}

    settings = {
        "digits, momentum": (program(digits, momentum), config.momentum_peaks),
        "digits, Adam": (program(digits, adam), config.adam_peaks),
        "quadratic, momentum": (
            program(quadratic, momentum)._replace(evaluate=both_walks), config.quadratic_peaks
        ),
    }  # fmt: skip
    return sweep.plan(
        {
            name: (run, sweep.grid(schedule=list(known), peak=peaks))
            for name, (run, peaks) in settings.items()
        },
        data,
        seeds=config.seeds,
        column="setting",
        categories={"schedule": list(known)},
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Peaks chosen on validation, by loss and for the accuracies by accuracy; reported on test."""
    frame, by = results.frame(), ("setting", "schedule")
    on_digits = frame[frame["setting"].str.startswith("digits")].reset_index(drop=True)
    loss = stats.tune(frame, by, "peak", "validation_loss")
    accuracy = stats.tune(on_digits, by, "peak")
    lower = loss.gain_in_each("setting", "test_loss", "cosine", "constant", log=True)
    higher = accuracy.gain_in_each("setting", "test_accuracy", "cosine", "constant")
    tables = (
        report.tuned_table(loss, "test_loss", against="constant"),
        report.tuned_table(accuracy, "test_accuracy", against="constant"),
    )
    pictures = [
        *report.tuned_curves(results, loss, y_label="training loss (nats), or excess risk"),
        *report.along(
            frame, "peak", "validation_loss", panel="setting", line="schedule", y_scale="log",
            title="Final validation loss against the peak rate",
            x_label="peak learning rate (log scale)",
            y_label="validation loss (nats), or excess risk",
        ),
    ]  # fmt: skip
    return launch.Conclusion(
        [*LOWER_LOSS.judge_each(lower), *HIGHER_ACCURACY.judge_each(higher)],
        [Section("Against the constant rate", tables), Section("Training", tuple(pictures))],
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
