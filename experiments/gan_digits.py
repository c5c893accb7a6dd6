"""Digits on demand: a conditional DCGAN, judged by a frozen classifier.

The labels go to both players. An MLP that was trained once on the same 1,077 digits says which
digit it sees in 100 samples of each class. Rates are chosen by its agreement with the label that
was asked for over one draw of samples, and judged by another. Since one good picture a class would
satisfy it, the spread of the samples within a class is compared with that of the digits.

Claims: the classifier agrees with the label in more than 80 % of the samples, and in more than half
of those of the worst class; within a class the samples vary at least half as much as the digits.

Command: python -m experiments.gan_digits --workdir=runs/gan_digits
Minutes: 2 on 2 cores.
Last result: 2026-11-21, 2-core Xeon (shared, 198 s), jax 0.10.2, rate 0.001. The classifier agrees
with the label in 94.5 % of the samples (93.3 … 95.8; of the test digits: 96.9 %) and in the worst
class in 79.7 % (73.4 … 86.0; 88.6 %); the spread is 0.94 (0.92 … 0.96) of that of the digits: all
hold.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch, tasks
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(1500, "Training steps of each trial, of both players.", low=1),
    "seeds": Field(6, "Seeds of each setting.", low=2),
    "batch_size": Field(64, "Digits, and generated ones, in a step.", low=2, high=1077),
    "features": Field(
        (32, 16), "Channels of the generator; the discriminator's backwards.", low=1, repeats=True
    ),
    "learning_rates": Field((3e-4, 1e-3, 3e-3), "Rates of Adam to try, for both players.", low=0),
}
LATENT, CLASSES, EACH, SEGMENTS = 16, 10, 100, 5
AGREEMENT, WORST, SPREAD = 0.8, 0.5, 0.5
MEASURES = (
    ("agreement", "the frozen classifier sees the label that was asked of a conditional DCGAN",
     "share of samples", "right", AGREEMENT),
    ("worst_class", "the same in the class where that is rarest",
     "share of its samples", "right, worst class", WORST),
    ("spread", "the samples vary within a class at least half as much as the digits",
     "ratio of standard deviations within a class", "spread, of that of the digits", SPREAD),
)  # fmt: skip
SCALES: dict[str, Any] = {"agreement": "share", "worst_class": "share", "spread": "positive"}
SAMPLES = {"agreement": EACH * CLASSES, "worst_class": EACH}
"""How many samples a share is a share of."""


def plan(config: Any) -> launch.Plan:
    """One program; rate and seed are numbers inside it. The classifier is part of the data."""
    from jaxdl import sweep
    from jaxdl.data import catalog, scaling, splits

    digits, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    data = {**digits, "classifier": _classifier(digits["train"])}
    trials = sweep.trials(
        ["DCGAN"], sweep.grid(learning_rate=config.learning_rates), range(config.seeds)
    )
    labels = {"DCGAN": {"model": "DCGAN"}}
    segments = config.steps // _segment(config)
    return launch.Plan({"DCGAN": _run(config)}, trials, data, segments, {}, labels)


def _segment(config: Any) -> int:
    """Steps of a segment."""
    return config.steps // launch.segments(config.steps, SEGMENTS)


def _judge() -> Any:
    from jaxdl import tasks
    from jaxdl.models import MLP

    return tasks.classification(MLP((128,), CLASSES))


def _classifier(digits: Any) -> Any:
    """Parameters of an MLP after 1,000 steps on the training split."""
    import jax

    from jaxdl import train
    from jaxdl.data import batches
    from jaxdl.optimizers import adam

    task, tx, key = _judge(), adam(3e-3), jax.random.key(0)

    def fit(digits: Any) -> Any:
        rows = batches.shuffled_indices(batches.order_key(key), len(digits["y"]), 64, 0, 1000)
        state = train.init(task, tx, key, batches.take(digits, rows[0]))
        step = lambda state, rows: train.step(task, tx, state, batches.take(digits, rows))  # noqa: E731
        return jax.lax.scan(step, state, rows)[0].params

    return jax.jit(fit)(digits)


def _task(config: Any) -> Any:
    import jax

    from jaxdl.models import DCDiscriminator, DCGenerator

    size = (8, 8)
    return tasks.gan(
        DCGenerator(config.features, size, num_classes=CLASSES, output=jax.nn.sigmoid),
        DCDiscriminator(config.features[::-1], num_classes=CLASSES),
        LATENT,
    )


def _samples(task: Any, state: Any, purpose: str, each: int) -> Any:
    """`[each, 10, 8, 8]`, a column a class."""
    import jax
    import jax.numpy as jnp

    from jaxdl import keys

    z = jax.random.normal(keys.named(state.key, purpose), (each * CLASSES, LATENT))
    y = jnp.tile(jnp.arange(CLASSES), each)
    images = task.predict(state.params, state.model_state, {"z": z, "y": y})
    return images.reshape(each, CLASSES, 8, 8)


def _run(config: Any) -> Any:
    """Training that asks the classifier after each segment."""
    import jax
    import jax.numpy as jnp

    from jaxdl import sweep
    from jaxdl.optimizers import adam

    task, judge = _task(config), _judge()

    def build(hparams: dict[str, Any]) -> Any:
        rate = hparams["learning_rate"]
        return task, tasks.two_player(adam(rate, 0.5), adam(rate, 0.5))

    def deviation(digits: Any) -> Any:
        x, y = digits["x"].reshape(-1, 64), jax.nn.one_hot(digits["y"], CLASSES)
        means = y.T @ x / y.sum(axis=0)[:, None]
        return jnp.sqrt(jnp.square(x - y @ means).mean())

    def evaluate(hparams: Any, state: Any, data: Any) -> Any:
        images = _samples(task, state, "judged", 2 * EACH)
        logits = judge.predict(data["classifier"], {}, {"x": images.reshape(-1, 64)})
        seen = logits.argmax(axis=-1).reshape(2, EACH, CLASSES)
        right = (seen == jnp.arange(CLASSES).reshape(1, 1, -1)).mean(axis=1)
        metrics = {"spread": images.var(axis=0).mean() ** 0.5 / deviation(data["train"])}
        for split, shares in zip(("validation", "test"), right, strict=True):
            metrics[f"{split}_agreement"] = shares.mean()
            metrics[f"{split}_worst_class"] = shares.min()
        return metrics

    run = sweep.make_run(build, steps=_segment(config), batch_size=config.batch_size)
    return run._replace(evaluate=evaluate)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """The rate by the agreement of one draw, the claims by that of another."""
    from jaxdl import report, stats

    frame = results.to_pandas().rename(columns={"spread": "test_spread"})
    best = stats.select(frame, ["model"], "learning_rate", "validation_agreement")
    chosen = stats.chosen_trials(frame, best, ["model", "learning_rate"])
    claims = [
        report.judge(
            "V8", sentence, quantity, "1", threshold,
            stats.mean_interval(
                chosen[f"test_{name}"].astype(float), SCALES[name], examples=SAMPLES.get(name)
            ),
            "above",
        )
        for name, sentence, quantity, _, threshold in MEASURES
    ]  # fmt: skip
    rate = best["learning_rate"].iloc[0]
    rows = tuple(
        (
            "DCGAN",
            report.number(each) + "*" * bool(each == rate),
            str(len(trials)),
            *(report.number(trials[f"test_{name}"].astype(float).mean()) for name, *_ in MEASURES),
        )
        for each, trials in frame.groupby("learning_rate")
    )
    right = _right_on_digits(plan.data)
    row = (
        "digits of the test set",
        "–",
        "–",
        *map(report.number, (right.mean(), right.min())),
        "–",
    )
    header = ("images", "rate", "seeds", *(f"{short} (1)" for *_, short, _ in MEASURES))
    table = report.Table(
        header, (*rows, row), frozenset(range(1, 6)), "Means over seeds. * chosen by all."
    )
    report.show(table)
    curves = results.curve_frame("test_agreement", frame)
    figure = report.training_curves(
        curves.assign(step=curves["step"] * _segment(config)),
        y="test_agreement",
        panel="model",
        line="learning_rate",
        title="The classifier sees the label that was asked for",
        y_label="share of samples (1)",
        y_scale="linear",
    )
    alt = "Agreement of the classifier by training step"
    pictures = (
        *_sheets(config, plan, rate),
        report.Picture("agreement", report.to_png(figure), alt),
    )
    sections = [report.Section("By rate", (table,)), report.Section("Samples", pictures)]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def _right_on_digits(data: Any) -> Any:
    """Share of the test digits of each class that the classifier gets right, `[10]`."""
    import numpy as np

    x, y, mask = (np.concatenate(data["test"][name]) for name in ("x", "y", "mask"))
    x, y = x[mask > 0], y[mask > 0]
    seen = _judge().predict(data["classifier"], {}, {"x": x}).argmax(axis=-1)
    return np.array([(np.asarray(seen)[y == digit] == digit).mean() for digit in range(CLASSES)])


def _sheets(config: Any, plan: launch.Plan, rate: float) -> list[Any]:
    """Samples of the first seed: in the course of training, and many of each class at its end."""
    import jax
    import numpy as np

    from jaxdl import report

    run, task = plan.programs["DCGAN"], _task(config)

    @jax.jit
    def course(hparams: Any, data: Any) -> Any:
        def segment(state: Any, _: Any) -> Any:
            state, _ = run.advance(hparams, state, data)
            return state, _samples(task, state, "shown", 8)

        state = run.init(hparams, jax.random.key(0), data)
        return jax.lax.scan(segment, state, None, plan.segments)[1]

    samples = np.asarray(course({"learning_rate": np.float32(rate)}, plan.data))
    steps = [f"step {_segment(config) * (n + 1)}" for n in range(plan.segments)]
    rows = [f"sample {n + 1}" for n in range(8)]
    digits = [str(digit) for digit in range(CLASSES)]
    sheets = (
        ("course", samples[:, 0], steps, "The same noise in the course of training"),
        ("samples", samples[-1], rows, "Samples at the end of training, by the digit asked for"),
    )
    return [
        report.Picture(name, report.to_png(report.images(cells, rows, digits, title)), title)
        for name, cells, rows, title in sheets
    ]


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
