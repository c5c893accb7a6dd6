"""How well does a small convolutional network classify a set of small images?

Two blocks of convolution and max pooling, a dense layer, dropout, Adam on a cosine schedule; the
images are only scaled. Each seed is at the rate that other seeds chose on validation. The report
shows the errors and the filters of the best seed, whose model lies in best/ afterwards.

    python -m experiments.digits_cnn --workdir=runs/digits_cnn  # 0.5 minutes on 2 cores

MNIST, 99 %: --config.dataset=mnist --config.data_dir=DIR --config.steps=4000
--config.learning_rates=0.001 --config.threshold=0.99; with --config.train_examples=8000, 97.5 %.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
import pandas as pd
from scipy.special import log_softmax

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import CNN
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine, scaled
from jaxdl.report import Claim, Picture, Section

CLAIMS = (ACCURATE,) = (
    Claim("V3", "a convolutional network classifies better than the threshold",
          "test accuracy", above=0.98, unit="%"),
)  # fmt: skip
EVALUATION_BATCH, SHOWN = 256, 10


class Config(launch.DatasetConfig):
    """Which network is trained on which images, and how well it is to do."""

    steps: int = setting(800, "Training steps of each trial.", low=1)
    seeds: int = setting(12, "Seeds of each rate.", low=1)
    batch_size: int = setting(64, "Examples in a step.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2)
    dropout: float = setting(0.4, "Dropout rate in front of each dense layer.", low=0.0, high=0.99)
    channels: tuple[int, ...] = launch.widths(32, 64, help="Channels of each block's convolution.")
    hidden: tuple[int, ...] = launch.widths(128, help="Widths of the dense layers before the last.")
    evaluations: int = setting(5, "Evaluations on the way, at most.", low=1)
    threshold: float = setting(0.98, "Test accuracy that is claimed.", low=0.0, high=1.0)
    train_examples: int = setting(0, "Training examples to keep, the first ones; 0: all.", low=0)


def load(config: Config) -> tuple[sweep.Data, scaling.Scaling, dict[str, Any]]:
    """The data as a run takes it, the scaling of its inputs, and the options of the model."""
    dataset = catalog.load(config.dataset, config.data_dir or None)
    if config.train_examples:
        kept = {name: rows[: config.train_examples] for name, rows in dataset.train.items()}
        dataset = dataset._replace(train=kept)
    examples = len(dataset.train["y"])
    if config.batch_size > examples:
        raise launch.UserError(f"config.batch_size: more than the {examples} training examples")
    options = {
        "blocks": tuple((width,) for width in config.channels),
        "outputs": dataset.num_classes,
        "hidden": config.hidden,
        "dropout": config.dropout,
    }
    return *splits.for_run(dataset, scaling.fit_max, EVALUATION_BATCH), options


def plan(config: Config) -> sweep.Plan:
    """One program; rate and seed are numbers inside it."""
    data, _, options = load(config)
    task = tasks.classification(CNN(**options))
    segments = sweep.segments(config.steps, config.evaluations)
    run = sweep.make_run(
        lambda hparams: (task, adam(scaled(hparams["learning_rate"], cosine(config.steps)))),
        steps=config.steps // segments,
        batch_size=config.batch_size,
    )
    programs = {"cnn": (run, sweep.grid(learning_rate=config.learning_rates))}
    labels = {"cnn": {"model": "CNN"}}
    return sweep.plan(
        programs, data, seeds=config.seeds, labels=labels, segments=segments, keep_states=True
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rate chosen on validation; the seed that is best there is saved and looked into."""
    frame, by = results.frame(), ["model"]
    examples = int(plan.data["test"]["mask"].sum())
    summary = report.summary(frame, by, examples=examples)
    tuned = stats.tune(frame, by, "learning_rate")
    title = f"Training on {config.dataset}, with dropout"
    curves = report.course(results, frame, panel="model", line="learning_rate", title=title)
    sections = [Section("By rate", [report.summary_table(summary, by), curves])]
    finished = stats.jointly_chosen(frame, tuned).query("status == 'ok'")
    if not finished.empty:
        best = finished.loc[finished["validation_accuracy"].idxmax()]
        sections.append(look_into(config, plan, best))
    accuracy = tuned.interval("test_accuracy", "CNN", examples)
    claim = dataclasses.replace(ACCURATE, above=config.threshold).judge(accuracy, config.dataset)
    headline = f"{config.dataset}: {report.percent(accuracy.mean)} % on test"
    return launch.Conclusion([claim], sections, headline)


def look_into(config: Config, plan: sweep.Plan, row: pd.Series) -> Section:
    """Saves the model of a ledger row as best/; its errors and first filters as a section."""
    assert plan.workdir is not None, "a plan that has results has a workdir"
    state, (_, scale, options) = plan.replay(row.to_dict()), load(config)
    launch.save_best(
        plan.workdir,
        state.params,
        state.model_state,
        scale,
        task="classification",
        model="cnn",
        options=options,
        input_shape=plan.data["train"]["x"].shape[1:],
        trial=row["trial"],
        test_accuracy=float(row["test_accuracy"]),
    )
    test = plan.data["test"]
    predict = jax.jit(tasks.classification(CNN(**options)).predict)
    batches = [predict(state.params, state.model_state, {"x": x}) for x in test["x"]]
    real = np.asarray(test["mask"]).ravel() > 0
    flat = {name: np.asarray(test[name]).reshape(-1, *test[name].shape[2:]) for name in "xy"}
    x, y, logits = flat["x"][real], flat["y"][real], np.concatenate(jax.device_get(batches))[real]
    kernels = np.asarray(state.params["Conv_0"]["kernel"])
    pictures = (confusion(y, logits), *mistakes(x, y, logits), filters(kernels))
    return Section("The model in best/", pictures)


def confusion(y: np.ndarray, logits: np.ndarray) -> Picture:
    """How many test images of each class are taken for which class."""
    predicted, classes = logits.argmax(axis=1), range(logits.shape[1])
    counts = pd.crosstab(pd.Series(y, name="true class"), pd.Series(predicted, name="predicted"))
    counts = counts.reindex(index=classes, columns=classes).rename_axis(columns="predicted class")
    title = f"{(y != predicted).sum()} of {len(y)} test images are misclassified"
    cells = counts.where(counts > 0)
    figure = report.heat_map(cells, title=title, label="test images", decimals=0)
    return Picture("confusion", figure, "Confusion matrix", "Numbers of test images; – is none.")


def mistakes(x: np.ndarray, y: np.ndarray, logits: np.ndarray) -> list[Picture]:
    """The errors with the largest loss, if there are any."""
    loss = -log_softmax(logits, axis=1)[np.arange(len(y)), y]
    wrong = np.flatnonzero(logits.argmax(axis=1) != y)
    wrong = wrong[np.argsort(-loss[wrong])][:SHOWN]
    if not wrong.size:
        return []
    labels = [f"{y[i]}, not {logits[i].argmax()}" for i in wrong]
    shown = x[wrong][..., 0] if x.shape[-1] == 1 else x[wrong]
    figure = report.images(shown[None], ["true,\nnot said"], labels, "Worst errors")
    caption = "Test images of the largest loss: the true class, and the one that the network says."
    return [Picture("mistakes", figure, "Misclassified images", caption)]


def filters(kernel: np.ndarray) -> Picture:
    """`[h, w, C, F]`: in colour for three channels, else the first channel."""
    tiles = np.moveaxis(kernel, -1, 0)
    tiles = tiles if tiles.shape[-1] == 3 else tiles[..., 0]
    columns, limit = min(16, len(tiles)), float(np.abs(tiles).max())
    tiles = tiles[: len(tiles) // columns * columns].reshape(-1, columns, *tiles.shape[1:])
    title = "Kernels of the first convolution"
    figure = report.images(tiles, [], [], title, low=-limit, high=limit)
    caption = f"Black is −{limit:.2f}, grey 0, white {limit:.2f}."
    return Picture("filters", figure, "First-layer kernels", caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
