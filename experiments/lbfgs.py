"""Is L-BFGS "not very good" in deep networks? By depth, on small batches and on all examples.

Softmax regression and MLPs of 2 and 6 hidden layers on the digits, by L-BFGS with a line search,
by Adam and by SGD. All three may take as many gradients of a batch: 500 of 64 digits, or 100 of all
1,077; those of line searches count, and the last one may exceed the budget. Each at the rate that
other seeds chose by the training loss (for L-BFGS a factor of the first step that is tried), or,
for test accuracies, by validation. `second_order` counts gradients of single examples instead,
between full batches of L-BFGS and small ones of Adam.

    python -m experiments.lbfgs --workdir=runs/lbfgs  # 3 minutes on 2 cores
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence

import optax

from experiments.second_order import lbfgs_within
from jaxdl import initializers, launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam, sgd
from jaxdl.report import Claim, Judged, Section
from jaxdl.types import PyTree, Task

LOSS = "log ratio of the final training loss"
ACCURACY = "paired difference in test accuracy"
CLAIMS = LINEAR, ON_ALL, ON_SMALL, LESS_ACCURATE = (
    Claim("O5", "L-BFGS on all examples ends lower in a model without hidden layers", LOSS,
          below=math.log(0.9)),
    Claim("O5", "L-BFGS on all examples ends higher in a deep network", LOSS,
          above=math.log(1.1)),
    Claim("O5", "L-BFGS on small batches ends higher in a deep network", LOSS,
          above=math.log(1.1)),
    Claim("O5", "L-BFGS is less accurate on test in a deep network", ACCURACY,
          below=-0.005, unit="points"),
)  # fmt: skip
ALL, SMALL = "all examples", "small batches"
LABELS = ("batches", "depth", "optimizer")
AGAINST = ("adam", "sgd")
SPENT = "Bands: from the lowest to the highest seed. L-BFGS stands once its gradients are spent."


class Config(launch.Config):
    """How deep the networks are, and how long they are trained."""

    steps: int = setting(500, "Gradients of small batches.", low=1)
    full_steps: int = setting(100, "Gradients of all examples.", low=1)
    seeds: int = setting(6, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Digits in a small batch.", low=1)
    width: int = setting(64, "Units of each hidden layer.", low=1)
    depths: tuple[int, ...] = setting((0, 2, 6), "Numbers of hidden layers.", low=0)


Gains = dict[str, stats.Interval]
Make = Callable[[int, PyTree], optax.GradientTransformation]
"""`(gradients, hparams) -> transformation`"""
OPTIMIZERS: dict[str, tuple[Make, Sequence[float]]] = {
    "lbfgs": (lbfgs_within, (0.3, 1.0, 3.0)),
    "adam": (lambda _, h: adam(h["learning_rate"]), (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1)),
    "sgd": (lambda _, h: sgd(h["learning_rate"]), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
}
"""Each with the rates that are tried."""


def plan(config: Config) -> sweep.Plan:
    """One program per size of batches, depth and optimizer; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    sizes = {
        SMALL: (config.batch_size, config.steps),
        ALL: (len(data["train"]["y"]), config.full_steps),
    }
    programs, labels = {}, {}
    for batches, depth, name in itertools.product(sizes, config.depths, OPTIMIZERS):
        make, rates = OPTIMIZERS[name]
        title = f"{name}, {layers(depth)}, {batches}"
        labels[title] = dict(zip(LABELS, (batches, layers(depth), name), strict=True))
        programs[title] = run(config, depth, make, *sizes[batches]), sweep.grid(learning_rate=rates)
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels)


def layers(depth: int) -> str:
    """How a depth is called."""
    return f"{depth} hidden layers"


def run(config: Config, depth: int, make: Make, batch_size: int, gradients: int) -> sweep.Run:
    """Training that asks for so many gradients."""
    model = MLP((config.width,) * depth, 10, kernel_init=initializers.he_normal)

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        return tasks.classification(model), make(gradients, hparams)

    return sweep.make_run(build, steps=gradients, batch_size=batch_size, evaluate_train=359)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Settings chosen on other seeds than those that report them."""
    frame = results.frame()
    lowest = stats.tune(frame, LABELS, "learning_rate", "train_loss")
    accurate = stats.tune(frame, LABELS, "learning_rate")
    curves = [
        report.course(
            results, group.trials[group.trials["status"].eq("ok")], panel="depth", line="optimizer",
            title=f"Training on {batches}, by hidden layers",
            y_label="loss of the batch (nats)",
        )._replace(name=f"training_on_{batches.replace(' ', '_')}", caption=SPENT)
        for batches, group in lowest.groups("batches").items()
    ]  # fmt: skip
    tables = (
        report.tuned_table(lowest, "train_loss", "adam"),
        report.tuned_table(accurate, "test_accuracy", "adam"),
    )
    claims = list(judged(config, lowest, accurate))
    sections = [Section("Training", curves), Section("At the best rates", tables)]
    return launch.Conclusion(claims, sections)


def judged(config: Config, lowest: stats.Tuned, accurate: stats.Tuned) -> Iterator[Judged]:
    """L-BFGS against each of the others, by depth; accuracies on both sizes of batches."""
    flat, deep = ([n for n in config.depths if bool(n) == hidden] for hidden in (False, True))

    def gains(
        tuned: stats.Tuned, score: str, batches: str, depths: Sequence[int], log: bool
    ) -> Gains:
        pairs = itertools.product(depths, AGAINST)
        return {
            f"{layers(depth)}, {other}": tuned.gain(
                score, (batches, layers(depth), "lbfgs"), (batches, layers(depth), other), log=log
            )
            for depth, other in pairs
        }

    for claim, batches, depths in (
        (LINEAR, ALL, flat),
        (ON_ALL, ALL, deep),
        (ON_SMALL, SMALL, deep),
    ):
        yield from claim.judge_each(gains(lowest, "train_loss", batches, depths, log=True))
    found = {
        f"{where}, {batches}": gain
        for batches in (ALL, SMALL)
        for where, gain in gains(accurate, "test_accuracy", batches, deep, log=False).items()
    }
    yield from LESS_ACCURATE.judge_each(found)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
