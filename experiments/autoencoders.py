"""Autoencoders of the digits, eight numbers an image: linear, dense, convolutional, denoising and
variational, against principal components.

Claims: the training error of a linear autoencoder is within a thousandth of that of as many
principal components; on new digits a dense and a convolutional autoencoder leave at least a tenth
less error than principal components do, and one that was trained to denoise leaves at least a
tenth less on noisy digits than one that was not.

Command: python -m experiments.autoencoders --workdir=runs/autoencoders
Minutes: 2 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared by many, 1101 s), jax 0.10.2. Linear: training error
1.2 % (0.5 … 1.8) above that of principal components: fails; the rate chosen for it, as for all, is
the largest tried. Error on new digits against principal components: dense −42 % (−44 … −41),
convolutional −39 % (−42 … −35), both hold. Denoising against plain on noisy digits: −63 %
(−66 … −59): holds. The evidence bound of the variational one is 24.0 nats an image.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(3000, "Training steps of each trial.", low=1),
    "seeds": Field(5, "Seeds of each setting.", low=1),
    "batch_size": Field(64, "Examples in a step.", low=1, high=1077),
    "code": Field(8, "Numbers in a code.", low=1, high=64),
    "hidden": Field(
        (128,), "Widths of the dense encoder, reversed in the decoder.", low=1, repeats=True
    ),
    "channels": Field((16, 32), "Channels of the convolutional encoder.", low=1, repeats=True),
    "learning_rates": Field((1e-3, 3e-3, 1e-2), "Peak rates of Adam to try.", low=1e-12),
    "noise": Field(0.3, "Standard deviation of the noise to remove; ink is 1.", low=1e-6),
}
A_THOUSANDTH, A_TENTH = 1e-3, -0.1
DENOISING, KEYS = "denoising", ["condition", "learning_rate"]
CASES = {
    "training_loss": ("training", False),
    "validation_loss": ("validation", False),
    "test_loss": ("test", False),
    "validation_loss_noisy": ("validation", True),
    "test_loss_noisy": ("test", True),
}
"""What is measured of every model: on which split, and whether on noisy images."""


def plan(config: Any) -> launch.Plan:
    """One program per model; rate, noise and seed are numbers inside it."""
    import jax
    import numpy as np

    from jaxdl import sweep, train
    from jaxdl.data import batches, catalog, scaling
    from jaxdl.data.splits import for_run
    from jaxdl.optimizers import adam, schedules

    data, _ = for_run(catalog.load("digits"), scaling.fit_max)
    size = len(data["train"]["x"])
    splits = {n: jax.tree.map(lambda array: array[0], data[n]) for n in ("validation", "test")}
    splits["training"] = data["train"]
    padded = {name: batches.padded_batches(split, size) for name, split in splits.items()}
    cases = [jax.tree.map(lambda array: array[0], padded[split]) for split, _ in CASES.values()]
    data["cases"] = jax.tree.map(lambda *arrays: np.stack(arrays), *cases)
    levels = np.array([noisy * config.noise for _, noisy in CASES.values()], np.float32)

    def run(task: Any) -> sweep.Run:
        def build(hparams: dict[str, Any]) -> Any:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return task(hparams["noise"]), adam(rate)

        def evaluate(hparams: dict[str, Any], state: Any, data: Any) -> dict[str, Any]:
            """The loss of every case, whatever noise the model was trained on."""

            def loss(case: Any) -> Any:
                batch, noise, key = case
                return train.mean(train.measure(task(noise), state, batch, key))["loss"]

            cases = data["cases"], levels, train.evaluation_keys(state, len(CASES))
            return dict(zip(CASES, jax.lax.map(loss, cases), strict=True))

        trained = sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)
        return trained._replace(evaluate=evaluate)

    programs = {name: run(task) for name, task in _tasks(config).items()}
    clean = sweep.grid(learning_rate=config.learning_rates, noise=(0.0,))
    noisy = sweep.grid(learning_rate=config.learning_rates, noise=(config.noise,))
    trials = sweep.trials(programs, clean, range(config.seeds))
    trials += sweep.trials(["dense"], noisy, range(config.seeds))
    labels = {name: {"model": name} for name in programs}
    return launch.Plan(programs, trials, data, segments=1, labels=labels, keep_states=True)


def _models(config: Any) -> dict[str, Any]:
    from jaxdl.models import VAE, ConvAutoencoder, DenseAutoencoder

    shape = (8, 8, 1)
    return {
        "linear": DenseAutoencoder(shape, (), config.code),
        "dense": DenseAutoencoder(shape, config.hidden, config.code),
        "convolutional": ConvAutoencoder(shape, config.channels, config.code),
        "variational": VAE(shape, config.hidden, config.code),
    }


def _tasks(config: Any) -> dict[str, Any]:
    """`noise -> Task` by name of the model."""
    import functools

    import jax

    from jaxdl.tasks import reconstruction, variational

    def denoise(model: Any, noise: Any) -> Any:
        return reconstruction(
            model, corrupt=lambda key, x: x + noise * jax.random.normal(key, x.shape)
        )

    models = _models(config)
    vae = models.pop("variational")
    tasks: dict[str, Any] = {name: functools.partial(denoise, m) for name, m in models.items()}
    return tasks | {"variational": lambda noise: variational(vae)}


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Errors relative to those of principal components, and of plain on noisy digits."""
    import numpy as np

    from jaxdl import report, stats

    frame = results.to_pandas()
    frame["condition"] = np.where(frame["noise"] > 0, DENOISING, frame["model"])
    pca = _principal_components(config, plan.data)
    choices = {
        "clean": stats.select(frame, KEYS[:1], KEYS[1], "validation_loss", "min"),
        "noisy": stats.select(frame, KEYS[:1], KEYS[1], "validation_loss_noisy", "min"),
    }
    clean, noisy = (
        stats.chosen_trials(frame, rows, KEYS).sort_values("seed") for rows in choices.values()
    )
    exact, shorter = "reaches the error of principal components", "beats principal components"
    rows = [("linear", exact, "training", A_THOUSANDTH)]
    rows += [(name, shorter, "test", A_TENTH) for name in ("dense", "convolutional")]
    claims = [
        report.judge(
            "V6",
            f"a {name} autoencoder {words} with codes of equal size",
            f"relative difference of {split} error",
            "1",
            threshold,
            stats.mean_interval(_seeds(clean, name, f"{split}_loss") / pca[split] - 1),
            "below",
        )
        for name, words, split, threshold in rows
    ]
    errors = [_seeds(noisy, name, "test_loss_noisy") for name in (DENOISING, "dense")]
    claims.append(
        report.judge(
            "V6",
            "an autoencoder trained to denoise beats the plain one on noisy digits",
            "relative difference of test error",
            "1",
            A_TENTH,
            stats.mean_interval(errors[0] / errors[1] - 1),
            "below",
        )
    )
    table = _table(clean, noisy, pca)
    report.show(table)
    shown = {split: frame.merge(rows[KEYS]).sort_values("seed") for split, rows in choices.items()}
    pictures = _pictures(config, plan, shown, pca["restore"])
    sections = [report.Section("Errors", (table,)), report.Section("Pictures", tuple(pictures))]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _seeds(trials: Any, condition: str, metric: str) -> Any:
    return trials[trials["condition"] == condition][metric].astype(float).to_numpy()


def _principal_components(config: Any, data: Any) -> dict[str, Any]:
    """Mean squared errors of scikit-learn's PCA, and its `x -> reconstruction`."""
    from sklearn.decomposition import PCA

    train, test = data["train"]["x"].reshape(-1, 64), data["test"]["x"].reshape(-1, 64)
    pca = PCA(config.code, svd_solver="full").fit(train)

    def restore(x: Any) -> Any:
        return pca.inverse_transform(pca.transform(x.reshape(-1, 64))).reshape(x.shape)

    return {
        "training": ((restore(train) - train) ** 2).mean(),
        "test": ((restore(test) - test) ** 2).mean(),
        "restore": restore,
    }


def _table(clean: Any, noisy: Any, pca: dict[str, Any]) -> Any:
    from jaxdl import report

    rows: list[tuple[str, ...]] = [
        (
            "principal components",
            "–",
            report.number(pca["training"]),
            report.number(pca["test"]),
            "–",
        )
    ]
    for name in ("linear", "dense", "convolutional", DENOISING, "variational"):
        means = [_seeds(clean, name, f"{split}_loss").mean() for split in ("training", "test")]
        means.append(_seeds(noisy, name, "test_loss_noisy").mean())
        rates = report.distinct(clean[clean["condition"] == name]["learning_rate"])
        rows.append((name, rates, *map(report.number, means)))
    header = ("autoencoder", "rate", "training error", "test error", "test error, noisy digits")
    caption = (
        "Mean squared error of a pixel, ink being 1, mean over seeds; of the variational one the "
        f"negative evidence bound in nats an image. Scores: {report.CHOSEN}."
    )
    return report.Table(header, tuple(rows), frozenset(range(1, 5)), caption)


def _pictures(config: Any, plan: Any, chosen: dict[str, Any], pca: Any) -> list[Any]:
    import jax
    import numpy as np

    from jaxdl import report

    models, test = _models(config), {n: array[0] for n, array in plan.data["test"].items()}
    x = test["x"][[int(np.argmax(test["y"] == digit)) for digit in range(10)]]
    noise = config.noise * jax.random.normal(jax.random.key(0), x.shape)
    shown = dict.fromkeys(("dense", "convolutional", "variational"), "clean")
    shown[DENOISING] = "noisy"
    params = {name: _params(plan, chosen[split], name) for name, split in shown.items()}

    def restore(name: str, x: Any) -> Any:
        model = models["dense" if name == DENOISING else name]
        outputs = model.apply({"params": params[name]}, x, train=False)
        return jax.nn.sigmoid(outputs) if name == "variational" else outputs

    def sheet(slug: str, rows: dict[str, Any], columns: list[str], title: str, caption: str) -> Any:
        cells = np.stack([np.asarray(row)[..., 0] for row in rows.values()])
        figure = report.images(1 - cells, list(rows), columns, title)
        return report.Picture(slug, report.to_png(figure), title, caption)

    digits = [str(digit) for digit in range(10)]
    seen = {"digit": x, "principal components": pca(x)}
    seen |= {name: restore(name, x) for name in ("dense", "convolutional", "variational")}
    dirty = {"digit": x, "noisy": x + noise}
    dirty |= {name: restore(name, x + noise) for name in ("dense", DENOISING)}
    vae = models["variational"]
    logits = vae.apply({"params": params["variational"]}, jax.random.key(1), 40, method="sample")
    samples = np.asarray(jax.nn.sigmoid(logits)).reshape(4, 10, 8, 8, 1)
    drawn = {f"samples {10 * row + 1} to {10 * row + 10}": samples[row] for row in range(4)}
    title = f"Digits of the test set, from {config.code} numbers each"
    return [
        sheet("reconstructions", seen, digits, title, "Ink is black; the first seed."),
        sheet("denoised", dirty, digits, "Noisy digits of the test set", "The first seed."),
        sheet("samples", drawn, [], "Means decoded from the prior by the VAE", "40 draws."),
    ]


def _params(plan: Any, chosen: Any, condition: str) -> Any:
    """Parameters of the first seed at the rate that all seeds chose."""
    return plan.replay(chosen[chosen["condition"] == condition].iloc[0]).params


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
