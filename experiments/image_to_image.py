"""Images into images: sketches into digits from pairs, and one style into another without.

Paired: of each digit there is a sketch, 4 × 4 blocks that are black or white; a U-Net makes digits
of sketches, by the absolute error alone, or against a discriminator that sees sketch and digit
besides. Unpaired: digits, and others as striped negatives; two U-Nets turn one style into the other
and back, against a discriminator of each, and cycles are to come back. What is made of test digits
is shown to frozen classifiers that learned from real images of the style: which digit is it, and
which style? A seed moves initialization and batches; rates are chosen by the first on validation.

    # 3 minutes on 2 cores
    python -m experiments.image_to_image --workdir=runs/image_to_image
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments import gan_digits
from jaxdl import launch, metrics, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import DCDiscriminator, UNet
from jaxdl.models._dcgan import layer_norm
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

CLAIMS = SHARPER, CONTENT, STYLE = (
    Claim("V11", "a discriminator beside the absolute error makes digits that a frozen classifier "
          "knows more often", "paired difference in the share of test digits that are known",
          above=0.01, unit="points"),
    Claim("V11", "without pairs, what is made is still the same digit",
          "share of test digits that a frozen classifier of the other style knows",
          above=0.8, unit="%"),
    Claim("V11", "without pairs, what is made is of the other style",
          "share of test digits that a frozen classifier takes for the other style",
          above=0.9, unit="%"),
)  # fmt: skip
ALONE, BOTH, UNPAIRED = "absolute error", "and a discriminator", "without pairs"
PAIRED, SHOWN, STRIPE, DARK = "paired", 8, 0.25, 0.4
Parts = dict[str, dict[str, np.ndarray]]


class Config(launch.Config):
    """The networks, and their training."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(5, "Seeds of each setting.", low=2)
    batch_size: int = setting(32, "Images in a step.", low=2, high=500)
    features: tuple[int, ...] = launch.widths(16, 32, help="Channels of each level of the U-Nets.")
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3)


def sketch(digits: np.ndarray) -> np.ndarray:
    """Blocks of 2 × 2 pixels that are white where their mean is above `DARK`: `[..., 8, 8, 1]`."""
    blocks = digits.reshape(*digits.shape[:-3], 4, 2, 4, 2, 1).mean(axis=(-4, -2))
    return np.kron(blocks > DARK, np.ones((2, 2, 1))).astype(np.float32)


def styled(digits: np.ndarray) -> np.ndarray:
    """Striped negatives: every other column is darker."""
    stripes = STRIPE * (np.arange(8) % 2)[:, None]
    return ((1 - digits) * (1 - stripes)).astype(np.float32)


def load() -> dict[str, Parts]:
    """`{x, y, digit}` of each part, x to be made y: pairs, and rows that do not belong together."""
    digits = catalog.load("digits")
    scale = scaling.fit_max(digits.train["x"])
    found: dict[str, Parts] = {PAIRED: {}, UNPAIRED: {}}
    for name in ("train", "validation", "test"):
        part = getattr(digits, name)
        x, digit = scaling.apply(scale, part["x"]), part["y"]
        found[PAIRED][name] = {"x": sketch(x), "y": x, "digit": digit}
        # Half of the digits are seen in the one style only, the others in the other.
        half = len(x) // 2
        first, second = (x[:half], x[half : 2 * half]) if name == "train" else (x, x)
        found[UNPAIRED][name] = {"x": first, "y": styled(second), "digit": digit[: len(first)]}
    return found


def judges(parts: Parts) -> dict[str, PyTree]:
    """Parameters of frozen classifiers: of digits in both styles, and of the style, 0 or 1."""
    train = parts["train"]
    x, digit = train["y"], train["digit"]
    both = {"x": np.concatenate([x, styled(x)]), "y": np.repeat([0, 1], len(x)).astype(np.int32)}
    kinds = {
        "digit": {"x": x, "y": digit},
        "styled digit": {"x": styled(x), "y": digit},
        "style": both,
    }
    return {name: gan_digits.classifier(batch) for name, batch in kinds.items()}


def plan(config: Config) -> sweep.Plan:
    """A program for pairs, with and without the discriminator, and one without pairs."""
    parts = load()
    data = {name: splits.in_batches(each, 360) for name, each in parts.items()}
    points = sweep.grid(learning_rate=config.learning_rates)
    shares = sweep.grid(adversarial=(0.0, 1.0), learning_rate=config.learning_rates)
    programs = {
        PAIRED: (program(config, PAIRED), shares),
        UNPAIRED: (program(config, UNPAIRED), points),
    }
    return sweep.plan(
        programs, {**data, "judges": judges(parts[PAIRED])}, seeds=config.seeds, keep_states=True
    )


def task_of(config: Config, name: str, adversarial: Array | float) -> Task:
    """The players. adversarial: weight of the discriminator of pairs."""

    def unet() -> UNet:
        return UNet(config.features, 1)

    def judge() -> DCDiscriminator:
        return DCDiscriminator(config.features, normalize=layer_norm)

    if name == PAIRED:
        return tasks.paired(unet(), judge(), adversarial=adversarial)
    return tasks.unpaired(unet(), unet(), judge(), judge())


def program(config: Config, name: str) -> sweep.Run:
    """Training, and what the frozen classifiers say of what is made of validation and test."""

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        task = task_of(config, name, hparams.get("adversarial", 1.0))
        return task, adam(hparams["learning_rate"], b1=0.5)

    run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        task, _ = build(hparams)
        found: dict[str, Array] = {}
        for split in ("validation", "test"):
            batch = {column: array[0] for column, array in data[name][split].items()}
            made = task.predict(state.params, state.model_state, batch)
            found |= {f"{split}_{key}": value for key, value in
                      judged(name, made, batch, data["judges"]).items()}  # fmt: skip
        return found

    return sweep.on_part(name, run)._replace(evaluate=evaluate)


def judged(name: str, made: Array, batch: Batch, judges: Mapping[str, PyTree]) -> dict[str, Array]:
    """What is known of images that were made, and how far they are from those that belong there."""
    of_digits = judges["digit" if name == PAIRED else "styled digit"]

    def share(params: PyTree, labels: Array) -> Array:
        logits = gan_digits.JUDGE.predict(params, {}, {"x": made})
        total, count = metrics.accuracy(logits, labels, batch["mask"])
        return total / count

    wanted = jnp.full(len(made), 0 if name == PAIRED else 1)
    away = jnp.abs(made - batch["y"]).mean(axis=(1, 2, 3))
    return {
        "right": share(of_digits, batch["digit"]),
        "style_right": share(judges["style"], wanted),
        "distance": (away * batch["mask"]).sum() / batch["mask"].sum(),
    }


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """What is known on test, paired over seeds, at the rates that other seeds chose."""
    frame = results.frame()
    way = np.where(frame["adversarial"].eq(0.0), ALONE, BOTH)
    frame = frame.assign(way=np.where(frame["program"].eq(UNPAIRED), UNPAIRED, way))
    tuned = stats.tune(frame, "way", "learning_rate", "validation_right")
    examples = int(plan.data[PAIRED]["test"]["mask"].sum())
    claims = [
        SHARPER.judge(tuned.gain("test_right", BOTH, ALONE)),
        CONTENT.judge(tuned.interval("test_right", UNPAIRED, examples)),
        STYLE.judge(tuned.interval("test_style_right", UNPAIRED, examples)),
    ]
    tables = [
        report.tuned_table(tuned, f"test_{name}", against=ALONE)
        for name in ("right", "style_right", "distance")
    ]
    rows = [row for way in (BOTH, UNPAIRED) if (row := stats.example(frame, tuned, way))]
    pictures = [shown(config, plan, row) for row in rows]
    return launch.Conclusion(claims, [Section("By way to learn", (*tables, *pictures))])


def shown(config: Config, plan: sweep.Plan, row: PyTree) -> Picture:
    """What one seed makes of the first test images."""
    name, state = row["program"], plan.replay(row)
    task = task_of(config, name, 1.0)
    batch = {column: array[0, :SHOWN] for column, array in plan.data[name]["test"].items()}
    made = jax.jit(lambda b: task.predict(state.params, state.model_state, b))(batch)
    sheet = np.stack([batch["x"], np.asarray(made), batch["y"]])[..., 0]
    figure = report.images(sheet, ["given", "made", "in truth"], [], f"One seed, {name}")
    return Picture(name.replace(" ", "_"), figure, f"What is made of test images, {name}", "")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
