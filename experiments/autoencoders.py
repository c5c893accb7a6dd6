"""Autoencoders of the digits, eight numbers an image: linear, dense, convolutional, denoising and
variational, against as many principal components; and sparse ones, with eight of 64 numbers active.

The denoising one is the dense one, trained to give back clean digits from noisy ones. All are
measured on clean and on noisy digits; a rate is chosen by the validation error on the digits, clean
or noisy, on which the model is judged. Of the variational one the error is the negative evidence
bound. The sparse ones are dense ones with 64 units of code: rectified, by a penalty on the sum of
their absolute values, or sigmoids, by the divergence of their mean activities from 0.05. A unit is
active for an image above a tenth of the largest value in all codes of the split; rate and strength
of the penalty are those of the least validation error where no more than an eighth are active, if
there are such: a code that is not sparse is not judged. The strengths were moved upwards after a
look at seeds 0 and 1, which are judged too.

    python -m experiments.autoencoders --workdir=runs/autoencoders  # 2.5 minutes on 2 cores
"""

import functools
from collections.abc import Callable, Mapping
from typing import cast

import flax.linen as nn
import jax
import numpy as np
import optax
import pandas as pd
from jax.typing import ArrayLike
from sklearn.decomposition import PCA

from jaxdl import launch, report, stats, sweep, tasks, train
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import VAE, ConvAutoencoder, DenseAutoencoder
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Judged, Picture, Section, Table
from jaxdl.report.tables import Cell
from jaxdl.tasks import reconstruction, variational
from jaxdl.types import Array, PyTree, Task, TrainState

FEW = 0.125
CLAIMS = *DENSE, SPARSE = (
    Claim("V6", "a linear autoencoder reaches the error of principal components with codes of equal"
          " size", "relative difference of training error", below=1e-3, unit="%"),
    Claim("V6", "a dense autoencoder beats principal components with codes of equal size",
          "relative difference of test error", below=-0.1, unit="%"),
    Claim("V6", "a convolutional autoencoder beats principal components with codes of equal size",
          "relative difference of test error", below=-0.1, unit="%"),
    Claim("V6", "an autoencoder trained to denoise beats the plain one on noisy digits",
          "relative difference of test error", below=-0.1, unit="%"),
    Claim("V6", "a code of 64 units, an eighth of them active, beats a dense one of 8 numbers",
          "relative difference of test error", below=-0.1, unit="%"),
)  # fmt: skip
CASES = {
    "training_loss": ("train", False),
    "validation_loss": ("validation", False),
    "test_loss": ("test", False),
    "validation_loss_noisy": ("validation", True),
    "test_loss_noisy": ("test", True),
}
"""What is measured of every model: on which split, and whether on noisy images."""
SEEN = ("dense", "convolutional", "variational")
PENALTIES: dict[str, tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]] = {
    "sparse, absolute values": (nn.relu, tasks.absolute_code),
    "sparse, divergence": (nn.sigmoid, functools.partial(tasks.code_divergence, target=0.05)),
}
"""Of the sparse codes: the activation, and the penalty `(code, weights) -> scalar`."""


class Config(launch.Config):
    """The size of the models, and the noise."""

    steps: int = setting(3000, "Training steps of each trial.", low=1)
    seeds: int = setting(12, "Seeds of each setting.", low=1)
    batch_size: int = setting(64, "Examples in a step.", low=1, high=1077)
    code: int = setting(8, "Numbers in a code.", low=1, high=64)
    hidden: tuple[int, ...] = launch.widths(128, help="Dense encoder; the decoder backwards.")
    channels: tuple[int, ...] = launch.widths(16, 32, help="Channels of the convolutional encoder.")
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2)
    units: int = setting(64, "Units of a sparse code.", low=1)
    strengths: tuple[float, ...] = setting((1e-3, 3e-3, 1e-2), "Strengths of its penalty.", low=0)
    noise: float = setting(0.3, "Standard deviation of the noise to remove; ink is 1.", low=1e-6)


def plan(config: Config) -> sweep.Plan:
    """One program per model; rate, noise and seed are numbers inside it."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    size = len(data["train"]["x"])
    whole = {n: {k: v[0] for k, v in data[n].items()} for n in ("validation", "test")}
    whole["train"] = data["train"]
    cases = [batches.padded_batches(whole[part], size) for part, _ in CASES.values()]
    data["cases"] = jax.tree.map(lambda *arrays: np.concatenate(arrays), *cases)
    levels = np.array([noisy * config.noise for _, noisy in CASES.values()], np.float32)

    def program(name: str, model: nn.Module) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return penalized(name, model, hparams), adam(rate)

        def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
            """The loss of every case, whatever noise the model was trained on."""

            def loss(case: PyTree) -> Array:
                batch, noise, key = case
                return train.mean(train.measure(task_of(model, noise), state, batch, key))["loss"]

            cases = data["cases"], levels, train.evaluation_keys(state, len(CASES))
            found = dict(zip(CASES, jax.lax.map(loss, cases), strict=True))
            return found | (activity(model, state, data) if name in PENALTIES else {})

        run = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return run._replace(evaluate=evaluate)

    def points(name: str) -> list[sweep.Point]:
        noises = (0.0, config.noise) if name == "dense" else (0.0,)
        strengths = config.strengths if name in PENALTIES else (0.0,)
        return sweep.grid(noise=noises, learning_rate=config.learning_rates, strength=strengths)

    programs = {
        name: (program(name, model), points(name)) for name, model in models(config).items()
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="model", keep_states=True)


def models(config: Config) -> dict[str, nn.Module]:
    """The networks by name."""
    shape = (8, 8, 1)
    return {
        "linear": DenseAutoencoder(shape, (), config.code),
        "dense": DenseAutoencoder(shape, config.hidden, config.code),
        "convolutional": ConvAutoencoder(shape, config.channels, config.code),
        "variational": VAE(shape, config.hidden, config.code),
    } | {
        name: DenseAutoencoder(shape, config.hidden, config.units, code_activation=activation)
        for name, (activation, _) in PENALTIES.items()
    }


def task_of(model: nn.Module, noise: ArrayLike) -> Task:
    """To give back clean digits from noisy ones; of the VAE, its bound on clean ones."""
    if isinstance(model, VAE):
        return variational(model)
    return reconstruction(model, corrupt=lambda key, x: x + noise * jax.random.normal(key, x.shape))


def penalized(name: str, model: nn.Module, hparams: PyTree) -> Task:
    """What a model is trained on."""
    if name not in PENALTIES:
        return task_of(model, hparams["noise"])
    _, penalty = PENALTIES[name]
    return reconstruction(
        model, code_penalty=lambda code, weights: hparams["strength"] * penalty(code, weights)
    )


def activity(model: nn.Module, state: TrainState, data: sweep.Data) -> dict[str, Array]:
    """Shares of the code units that are active for an image."""

    def share(part: str) -> Array:
        x = data[part]["x"][0]
        code = cast(Array, model.apply({"params": state.params}, x, train=False, method="encode"))
        return (code > 0.1 * code.max()).mean()

    return {f"{part}_active": share(part) for part in ("validation", "test")}


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Errors relative to those of principal components, and of plain on noisy digits."""
    every = results.frame()
    is_sparse = every["model"].isin(PENALTIES)
    frame, sparse = (every[where].reset_index(drop=True) for where in (~is_sparse, is_sparse))
    frame["condition"] = np.where(frame["noise"] > 0, "denoising", frame["model"])
    clean = stats.tune(frame, "condition", "learning_rate", "validation_loss")
    noisy = stats.tune(frame, "condition", "learning_rate", "validation_loss_noisy", "min")
    training, test = clean.scores("training_loss"), clean.scores("test_loss")
    cleaned = noisy.scores("test_loss_noisy")
    pca = PCA(config.code, svd_solver="full").fit(plan.data["train"]["x"].reshape(-1, 64))
    known = {name: plan.data[name]["x"] for name in ("train", "test")}
    exact = {name: ((restored(pca, x) - x) ** 2).mean() for name, x in known.items()}
    ratios = (
        training["linear"] / exact["train"],
        *(test[name] / exact["test"] for name in ("dense", "convolutional")),
        cleaned["denoising"] / cleaned["dense"],
    )
    rows: list[dict[str, Cell]] = [{
        "autoencoder": "principal components", "rate": None, "training error": exact["train"],
        "test error": exact["test"], "test error, noisy digits": None,
    }]  # fmt: skip
    rows += [{
        "autoencoder": name, "rate": report.distinct(group.trials["learning_rate"]),
        "training error": stats.mean_interval(training[name]),
        "test error": stats.mean_interval(test[name]),
        "test error, noisy digits": stats.mean_interval(cleaned[name]),
    } for name, group in clean.groups("condition").items()]  # fmt: skip
    caption = (
        "Mean squared error of a pixel, ink being 1, mean over seeds and its 95 % interval; of the "
        f"variational one the negative evidence bound in nats an image. Scores: {report.CHOSEN}."
    )
    of_clean, of_noisy = (stats.jointly_chosen(frame, tuned) for tuned in (clean, noisy))
    shown = {name: of_clean[of_clean["condition"] == name].iloc[0] for name in SEEN}
    shown["denoising"] = of_noisy.query("condition == 'denoising'").iloc[0]
    params = {name: plan.replay(row).params for name, row in shown.items()}
    found = [stats.mean_interval(ratio - 1) for ratio in ratios]
    claims = [claim.judge(each) for claim, each in zip(DENSE, found, strict=True)]
    of_sparse, table = judge_sparse(sparse, test["dense"])
    sections = [
        Section("Errors", [report.table(rows, caption)]),
        Section("Sparse codes", [table]),
        Section("Pictures", pictures(config, plan, params, pca)),
    ]
    return launch.Conclusion(claims + of_sparse, sections)


def judge_sparse(frame: pd.DataFrame, dense: pd.Series) -> tuple[list[Judged], Table]:
    """Active units and errors of the sparse codes, these relative to the errors of the dense one.

    Chosen by the validation error among the settings with few active units, if there are any.
    """
    many = frame["validation_active"].astype(float) > FEW
    frame = frame.assign(chosen_by=frame["validation_loss"].astype(float) + many)
    tuned = stats.tune(frame, "model", ("strength", "learning_rate"), "chosen_by", "min")
    error, active = tuned.scores("test_loss"), tuned.scores("test_active")
    shares = {name: stats.mean_interval(active[name], "share") for name in PENALTIES}
    gains = {name: stats.mean_interval(error[name] / dense - 1) for name in PENALTIES}
    rows = [{
        "code": name,
        "strength": report.distinct(group.trials["strength"]),
        "rate": report.distinct(group.trials["learning_rate"]),
        "units active (%)": shares[str(name)],
        "test error": stats.mean_interval(error[name]),
        "over that of the dense one (%)": gains[str(name)],
    } for name, group in tuned.groups("model").items()]  # fmt: skip
    caption = f"Means over seeds and their 95 % intervals; scores: {report.CHOSEN}."
    kept = tuned.scores("validation_active")
    claims = SPARSE.judge_each({n: gain for n, gain in gains.items() if (kept[n] <= FEW).all()})
    return claims, report.table(rows, caption)


def restored(pca: PCA, x: np.ndarray) -> np.ndarray:
    """Images `[..., 8, 8, 1]` from as many principal components as the codes have numbers."""
    return pca.inverse_transform(pca.transform(x.reshape(-1, 64))).reshape(x.shape)


def pictures(
    config: Config, plan: sweep.Plan, params: Mapping[str, PyTree], pca: PCA
) -> tuple[Picture, ...]:
    """Digits, noisy digits and samples, by the first seed at the rates that all seeds chose."""
    test, known = {n: array[0] for n, array in plan.data["test"].items()}, models(config)
    x = test["x"][[int(np.argmax(test["y"] == digit)) for digit in range(10)]]
    noisy = x + config.noise * jax.random.normal(jax.random.key(0), x.shape)

    def restore(name: str, x: Array) -> Array:
        task = task_of(known["dense" if name == "denoising" else name], 0.0)
        outputs = task.predict(params[name], {}, {"x": x})
        return jax.nn.sigmoid(outputs) if name == "variational" else outputs

    def sheet(name: str, rows: Mapping[str, Array], title: str, caption: str) -> Picture:
        cells = np.stack([np.asarray(row)[..., 0] for row in rows.values()])
        columns = [] if name == "samples" else [str(digit) for digit in range(10)]
        return Picture(name, report.images(1 - cells, list(rows), columns, title), title, caption)

    seen = {"digit": x, "principal components": restored(pca, x)}
    seen |= {name: restore(name, x) for name in SEEN}
    dirty = {"digit": x, "noisy": noisy}
    dirty |= {name: restore(name, noisy) for name in ("dense", "denoising")}
    logits = known["variational"].apply(
        {"params": params["variational"]}, jax.random.key(1), 40, method="sample"
    )
    samples = np.asarray(jax.nn.sigmoid(np.asarray(logits))).reshape(4, 10, 8, 8, 1)
    drawn = {f"samples {10 * row + 1} to {10 * row + 10}": samples[row] for row in range(4)}
    title = f"Digits of the test set, from {config.code} numbers each"
    return (
        sheet("reconstructions", seen, title, "Ink is black; the first seed."),
        sheet("denoised", dirty, "Noisy digits of the test set", "The first seed."),
        sheet("samples", drawn, "Means decoded from the prior by the VAE", "40 draws."),
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
