"""Is a stack of linear layers more than one linear layer?

Networks of 0, 1 and 3 hidden layers without activation functions on the digits, and one with ReLU
beside. After training, the kernels of each linear stack are multiplied into one matrix: what that
gives is compared with what the stack gives. A stack can be no more accurate than one layer, but it
is another way to search the same functions, so rates are chosen for each depth by itself.

    python -m experiments.linear_stack --workdir=runs/linear_stack  # 0.5 minutes on 2 cores
"""

import functools

import jax.numpy as jnp

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import lecun_normal
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

CLAIMS = PRODUCT, NO_BETTER, BEND = (
    Claim("F11", "the product of its matrices gives what a linear stack gives",
          "largest distance of two logits, of the logits' standard deviation", below=1e-3),
    Claim("F11", "a linear stack is no more accurate than one linear layer",
          "paired difference in test accuracy", below=0.01, unit="points"),
    Claim("F11", "with ReLU between them, layers are more accurate than one",
          "paired difference in test accuracy", above=0.01, unit="points"),
)  # fmt: skip
ONE, BENT = "one layer", "ReLU"


class Config(launch.Config):
    """How deep the stacks are, and at which rates they train."""

    steps: int = setting(800, "Training steps of each trial.", low=1)
    seeds: int = setting(12, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    width: int = setting(64, "Units of each hidden layer.", low=1)
    depths: tuple[int, ...] = setting((1, 3), "Numbers of hidden layers of the stacks.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-4, 1e-3, 3e-3, 1e-2, 3e-2)


def networks(config: Config) -> dict[str, MLP]:
    """By name: one layer, the stacks, and the deepest of them with an activation."""

    def identity(x: Array) -> Array:
        return x

    stack = functools.partial(MLP, outputs=10, activation=identity, kernel_init=lecun_normal)
    found = {ONE: stack(())}
    found |= {f"{n} hidden": stack((config.width,) * n) for n in config.depths}
    return found | {BENT: MLP((config.width,) * max(config.depths), 10)}


def plan(config: Config) -> sweep.Plan:
    """One program per network; rate and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    points = sweep.grid(learning_rate=config.learning_rates)
    programs = {name: (program(config, model), points) for name, model in networks(config).items()}
    return sweep.plan(programs, data, seeds=config.seeds, column="network")


def program(config: Config, model: MLP) -> sweep.Run:
    """Training, and how far the product of the matrices is from the network."""
    task = tasks.classification(model)
    run = sweep.make_run(
        sweep.by_rate(task, adam), steps=config.steps, batch_size=config.batch_size
    )

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        x = data["train"]["x"]
        logits = task.predict(state.params, state.model_state, {"x": x})
        matrix, bias = collapsed(state.params)
        distance = jnp.abs(x.reshape(len(x), -1) @ matrix + bias[None] - logits).max()
        return run.evaluate(hparams, state, data) | {"distance": distance / logits.std()}

    return run._replace(evaluate=evaluate)


def collapsed(params: PyTree) -> tuple[Array, Array]:
    """The one matrix and bias of dense layers in a row."""
    layers = [params[f"Dense_{number}"] for number in range(len(params))]
    matrix, bias = layers[0]["kernel"], layers[0]["bias"]
    for layer in layers[1:]:
        matrix, bias = matrix @ layer["kernel"], bias @ layer["kernel"] + layer["bias"]
    return matrix, bias


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Distances of all stacks; accuracies at the rates that other seeds chose."""
    tuned = stats.tune(results.frame(), "network", "learning_rate")
    stacks = [name for name in plan.programs if name not in (ONE, BENT)]
    distances = {name: tuned.interval("distance", name) for name in stacks}
    against_one = {name: tuned.gain("test_accuracy", name, ONE) for name in (*stacks, BENT)}
    claims = [
        *PRODUCT.judge_each(distances),
        *NO_BETTER.judge_each({name: against_one[name] for name in stacks}),
        BEND.judge(against_one[BENT]),
    ]
    curves = report.along(
        results.frame(), "learning_rate", "test_accuracy", line="network",
        title="Test accuracy of linear stacks, and of one with ReLU", y_label="test accuracy (%)",
    )  # fmt: skip
    table = report.tuned_table(tuned, "test_accuracy", against=ONE)
    return launch.Conclusion(claims, [Section("By network", (table, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
