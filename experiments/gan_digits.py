"""Digits on demand: a conditional DCGAN, judged by a frozen classifier.

The labels go to both players. An MLP that was trained once on the same 1,077 digits says which
digit it sees in 100 samples of each class. Rates are chosen by its agreement with the label that
was asked for over one draw of samples, and judged by another. Since one good picture a class would
satisfy it, the spread of the samples within a class is compared with that of the digits.

    python -m experiments.gan_digits --workdir=runs/gan_digits  # 2 minutes on 2 cores
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import keys, launch, report, stats, sweep, tasks, train
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP, DCDiscriminator, DCGenerator
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.report.tables import Cell
from jaxdl.types import Array, Batch, Metrics, PyTree, Task, TrainState

CLAIMS = AGREES, WORST, VARIES = (
    Claim("V8", "the frozen classifier sees the label that was asked of a conditional DCGAN",
          "share of samples", above=0.8, unit="%"),
    Claim("V8", "the same in the class where that is rarest",
          "share of its samples", above=0.5, unit="%"),
    Claim("V8", "the samples vary within a class at least half as much as the digits",
          "ratio of standard deviations within a class", above=0.5),
)  # fmt: skip
LATENT, CLASSES, EACH, SEGMENTS = 16, 10, 100, 5
MEASURES = {
    "test_agreement": "right (%)",
    "test_worst_class": "right, worst class (%)",
    "spread": "spread, of that of the digits",
}
JUDGE = tasks.classification(MLP((128,), CLASSES))


class Config(launch.Config):
    """The size of both players, and their rates."""

    steps: int = setting(1500, "Training steps of each trial, of both players.", low=1)
    seeds: int = setting(6, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Digits, and generated ones, in a step.", low=2, high=1077)
    features: tuple[int, ...] = launch.widths(
        32, 16, help="Channels of the generator; the discriminator's backwards."
    )
    learning_rates: tuple[float, ...] = launch.rates(
        3e-4, 1e-3, 3e-3, help="Rates of both players."
    )

    @property
    def segment(self) -> int:
        """Training steps between two questions to the classifier."""
        return self.steps // sweep.segments(self.steps, SEGMENTS)


def plan(config: Config) -> sweep.Plan:
    """One program; rate and seed are numbers inside it. The classifier is part of the data."""
    digits, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    return sweep.plan(
        {"DCGAN": (program(config), sweep.grid(learning_rate=config.learning_rates))},
        {**digits, "classifier": classifier(digits["train"])},
        seeds=config.seeds,
        column="model",
        segments=config.steps // config.segment,
    )


@jax.jit
def classifier(digits: Batch) -> PyTree:
    """Parameters of an MLP after 1,000 steps on the training split."""
    tx, key = adam(3e-3), jax.random.key(0)

    def step(state: TrainState, rows: Array) -> tuple[TrainState, Metrics]:
        return train.step(JUDGE, tx, state, batches.take(digits, rows))

    rows = batches.shuffled_indices(batches.order_key(key), len(digits["y"]), 64, 0, 1000)
    state = train.init(JUDGE, tx, key, batches.take(digits, rows[0]))
    return jax.lax.scan(step, state, rows)[0].params


def task_of(config: Config) -> Task:
    """The game of generator and discriminator."""
    return tasks.gan(
        DCGenerator(config.features, (8, 8), num_classes=CLASSES, output=jax.nn.sigmoid),
        DCDiscriminator(config.features[::-1], num_classes=CLASSES),
        LATENT,
    )


def samples(task: Task, state: TrainState, purpose: str, each: int) -> Array:
    """`[each, 10, 8, 8]`, a column a class."""
    z = jax.random.normal(keys.named(state.key, purpose), (each * CLASSES, LATENT))
    y = jnp.tile(jnp.arange(CLASSES), each)
    images = task.predict(state.params, state.model_state, {"z": z, "y": y})
    return images.reshape(each, CLASSES, 8, 8)


def program(config: Config) -> sweep.Run:
    """Training that asks the classifier after each segment."""
    task = task_of(config)

    def deviation(digits: Batch) -> Array:
        x, y = digits["x"].reshape(-1, 64), jax.nn.one_hot(digits["y"], CLASSES)
        means = y.T @ x / y.sum(axis=0)[:, None]
        return jnp.sqrt(jnp.square(x - y @ means).mean())

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        images = samples(task, state, "judged", 2 * EACH)
        logits = JUDGE.predict(data["classifier"], {}, {"x": images.reshape(-1, 64)})
        seen = logits.argmax(axis=-1).reshape(2, EACH, CLASSES)
        right = (seen == jnp.arange(CLASSES).reshape(1, 1, -1)).mean(axis=1)
        metrics = {"spread": images.var(axis=0).mean() ** 0.5 / deviation(data["train"])}
        for split, shares in zip(("validation", "test"), right, strict=True):
            metrics[f"{split}_agreement"] = shares.mean()
            metrics[f"{split}_worst_class"] = shares.min()
        return metrics

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        return task, tasks.two_player(*(adam(hparams["learning_rate"], 0.5) for _ in "GD"))

    run = sweep.make_run(build, steps=config.segment, batch_size=config.batch_size)
    return run._replace(evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """The rate by the agreement of one draw, the claims by that of another."""
    frame = results.frame()
    tuned = stats.tune(frame, "model", "learning_rate", "validation_agreement")
    worst, spread = (tuned.scores(name)["DCGAN"] for name in ("test_worst_class", "spread"))
    claims = [
        AGREES.judge(tuned.interval("test_agreement", "DCGAN", EACH * CLASSES)),
        WORST.judge(stats.mean_interval(worst, "share", examples=EACH)),
        VARIES.judge(stats.mean_interval(spread, "positive")),
    ]
    right = right_on_digits(plan.data)
    digits: dict[str, Cell] = {"learning_rate": "digits of the test set"}
    digits |= dict(zip(MEASURES.values(), (right.mean(), right.min(), None), strict=True))
    caption = f"Means over {config.seeds} seeds. * chosen by all."
    table = report.table([*report.searched(frame, tuned, MEASURES), digits], caption)
    course = report.course(
        results,
        frame,
        "test_agreement",
        panel="model",
        line="learning_rate",
        title="The classifier sees the label that was asked for",
        y_label="share of samples (%)",
        y_scale="linear",
        factor=100,
        every=config.segment,
    )
    pictures = (*sheets(config, plan, tuned.selection["learning_rate"].iloc[0]), course)
    return launch.Conclusion(claims, [Section("By rate", (table,)), Section("Samples", pictures)])


def right_on_digits(data: sweep.Data) -> np.ndarray:
    """Share of the test digits of each class that the classifier gets right, `[10]`."""
    x, y, mask = (np.concatenate(data["test"][name]) for name in ("x", "y", "mask"))
    right = np.asarray(JUDGE.predict(data["classifier"], {}, {"x": x}).argmax(axis=-1)) == y
    return np.array([right[(y == digit) & (mask > 0)].mean() for digit in range(CLASSES)])


def sheets(config: Config, plan: sweep.Plan, rate: float) -> list[Picture]:
    """Samples of the first seed: in the course of training, and many of each class at its end."""
    run, task = plan.programs["DCGAN"], task_of(config)

    @jax.jit
    def course(hparams: PyTree, data: sweep.Data) -> Array:
        def segment(state: TrainState, _: None) -> tuple[TrainState, Array]:
            state, _curves = run.advance(hparams, state, data)
            return state, samples(task, state, "shown", 8)

        state = run.init(hparams, jax.random.key(0), data)
        return jax.lax.scan(segment, state, None, plan.segments)[1]

    drawn = np.asarray(course({"learning_rate": np.float32(rate)}, plan.data))
    steps = [f"step {config.segment * (n + 1)}" for n in range(plan.segments)]
    rows = [f"sample {n + 1}" for n in range(8)]
    digits = [str(digit) for digit in range(CLASSES)]
    return [
        Picture(name, report.images(cells, names, digits, title), title)
        for name, cells, names, title in (
            ("course", drawn[:, 0], steps, "The same noise in the course of training"),
            ("samples", drawn[-1], rows, "Samples at the end of training, by the digit asked for"),
        )
    ]


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
