"""A sentence autoencoder: how much of a line does a context of fixed length hold?

Lines of 4 to 24 characters of English prose (docstrings) are read by a bidirectional GRU, and a GRU
decoder of 64 units says them again. It is given the encoder's last states, c, at every step; or it
attends to all of the encoder's outputs, of the same width. Accuracy of characters on test by the
length of the line, the characters before being given (teacher forcing), so that a decoder without
any context would be right sometimes too. A seed moves the initialization and the batches; the rate
is chosen on validation, by context and width.

Claims: with a fixed context, the accuracy at 24 characters is 10 points or more below that at 4, at
either width; with attention it is 2 points below at most; at 24 characters the wider fixed context
is 5 points or more better than the narrow one.

Command: python -m experiments.context_length --workdir=runs/context_length
Minutes: 1.8 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 107 s), jax 0.10.2: points of accuracy at 24
characters minus that at 4. Fixed context of 16: −32.4 [−35.6, −29.1] (94 % to 62 %), of 64: −26.2
[−26.9, −25.4] (100 % to 73 %), holds. Attention of 16: −1.1 [−3.2, 1.0], inconclusive; of 64: −0.1
[−0.2, −0.1], holds. At 24 characters the fixed context of 64 is 11.7 [9.5, 13.9] points above that
of 16, holds. Trained for 800 steps: with more, a fixed context may hold more.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(800, "Training steps of each trial.", low=1),
    "seeds": Field(3, "Seeds of each setting.", low=1),
    "batch_size": Field(32, "Lines in a step.", low=1),
    "contexts": Field((16, 64), "Widths of the context, ascending.", low=2),
    "width": Field(64, "Units of the decoder.", low=1),
    "learning_rates": Field((3e-3, 1e-2), "Peak rates of Adam to try.", low=1e-12),
}
LENGTHS = (4, 8, 12, 16, 20, 24)
EXAMPLES = {"train": 20000, "validation": 600, "test": 1200}
LETTERS = " abcdefghijklmnopqrstuvwxyz"
PAD, START, END, FIRST = 0, 1, 2, 3
DOCUMENTS = 4000
KINDS = ("fixed", "attention")
TEN_POINTS, TWO_POINTS, FIVE_POINTS = -0.1, -0.02, 0.05


def plan(config: Any) -> launch.Plan:
    """One program a kind of context and width."""
    import numpy as np

    from jaxdl import sweep
    from jaxdl.data import batches
    from jaxdl.data.sources import documents
    from jaxdl.optimizers import adam, schedules

    rng = np.random.default_rng(0)
    found = documents.docstrings()
    few = rng.choice(len(found), min(DOCUMENTS, len(found)), replace=False)
    parts = documents.split([found[place] for place in few])._asdict()
    data: dict[str, Any] = {name: lines(rng, parts[name], n) for name, n in EXAMPLES.items()}
    for name in ("validation", "test"):
        data[name] = batches.padded_batches(data[name], 300)

    def run(kind: str, context: int) -> sweep.Run:
        def build(hparams: dict[str, Any]) -> Any:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            return by_length(network(config, kind, context)), adam(rate)

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    conditions = [(kind, context) for kind in KINDS for context in config.contexts]
    programs = {f"{kind} {context}": run(kind, context) for kind, context in conditions}
    labels = {
        f"{kind} {context}": {"kind": kind, "context": str(context)} for kind, context in conditions
    }
    settings = sweep.grid(learning_rate=config.learning_rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    return launch.Plan(programs, trials, data, 1, labels=labels, keep_states=True)


def lines(rng: Any, texts: Any, count: int) -> dict[str, Any]:
    """`count` lines of the texts from the beginning of a word on, all lengths equally often."""
    import re

    import numpy as np

    text = re.sub("[^a-z]+", " ", " ".join(texts).lower()).strip()
    length = np.resize(LENGTHS, count)
    words = np.array([match.start() for match in re.finditer("[a-z]+", text)])
    first = rng.choice(words[words < len(text) - LENGTHS[-1]], count)
    letters = np.frombuffer(text.encode(), np.uint8).astype(np.int32)
    ids = FIRST + np.where(letters == ord(" "), 0, letters - ord("a") + 1)
    step = np.arange(LENGTHS[-1])
    x = np.where(step < length[:, None], ids[first[:, None] + step], PAD).astype(np.int32)
    y = np.zeros((count, LENGTHS[-1] + 2), np.int32)
    y[:, 0], y[:, 1:-1] = START, x
    y[np.arange(count), length + 1] = END
    return {"x": x, "y": y, "length": length.astype(np.int32)}


def network(config: Any, kind: str, context: int) -> Any:
    """Encoder with outputs of the context's width, and the decoder."""
    import flax.linen as nn

    from jaxdl.layers.attention import Additive, Soft
    from jaxdl.models import Attentive, Encoder, FixedContext, Seq2Seq

    ids, width = FIRST + len(LETTERS), config.width
    # Flax's orthogonal default costs seconds of compilation, and the lines are short.
    init = nn.initializers.lecun_normal()
    decoder = (
        FixedContext(width, recurrent_init=init)
        if kind == "fixed"
        else Attentive(width, recurrent_init=init, attention=Soft(Additive(32)))
    )
    encoder = Encoder(ids, 32, context // 2, recurrent_init=init)
    return Seq2Seq(encoder, decoder, ids, 32)


def by_length(model: Any) -> Any:
    """The task; after training it also reports the accuracy of each length."""
    import jax.numpy as jnp

    from jaxdl import losses, metrics
    from jaxdl.tasks import sequence_to_sequence
    from jaxdl.tasks._examples import ratio

    task = sequence_to_sequence(model, PAD)

    def loss(params: Any, model_state: Any, batch: Any, key: Any, *, train: bool) -> Any:
        if train:
            return task.loss(params, model_state, batch, key, train=True)
        logits, _ = task.predict(params, model_state, batch)
        y = jnp.asarray(batch["y"])[:, 1:]
        real = (y != PAD) * batch["mask"][:, None]
        nats = metrics.mean(losses.softmax_cross_entropy(logits, y), real)
        right = metrics.accuracy(logits, y, real)
        reported = {"loss": nats, "accuracy": right}
        for length in LENGTHS:
            of_it = real * (batch["length"] == length)[:, None]
            reported[f"accuracy_{length}"] = metrics.accuracy(logits, y, of_it)
        return ratio(*nats), (model_state, reported)

    return task._replace(loss=loss)


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Accuracy by length at the rate of each context, differences paired over seeds."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    on = ["kind", "context"]
    best = stats.select(frame, on, "learning_rate")
    chosen = stats.chosen_trials(frame, best, [*on, "learning_rate"])
    seeds = {
        condition: trials.set_index("seed").sort_index()
        for condition, trials in chosen.groupby(on, sort=False)
    }
    short, long = (f"test_accuracy_{length}" for length in (LENGTHS[0], LENGTHS[-1]))

    def lost(kind: str, context: int, threshold: float, direction: Any, words: str) -> Any:
        mine = seeds[kind, f"{context}"].astype({short: float, long: float})
        quantity = f"test accuracy at 24 characters minus that at 4, {kind}, width {context}"
        interval = stats.paired_interval(mine[long], mine[short])
        return report.judge("S8", words, quantity, "1", threshold, interval, direction)

    fixed = "a context of fixed length loses 10 points of accuracy or more with length"
    attention = "attention loses 2 points of accuracy at most with length"
    claims = [
        *report.depends(
            [lost("fixed", width, TEN_POINTS, "below", fixed) for width in config.contexts]
        ),
        *report.depends(
            [lost("attention", width, TWO_POINTS, "above", attention) for width in config.contexts]
        ),
    ]
    if len(set(config.contexts)) > 1:
        narrow, wide = (
            seeds["fixed", f"{width}"][long].astype(float)
            for width in (min(config.contexts), max(config.contexts))
        )
        words = "a wider context of fixed length holds more of a long line"
        quantity = "test accuracy at 24 characters, widest minus narrowest fixed context"
        interval = stats.paired_interval(wide, narrow)
        claims.append(report.judge("S8", words, quantity, "1", FIVE_POINTS, interval, "above"))
    shown = frame.merge(best[[*on, "learning_rate"]]).sort_values("seed")
    table = _table(chosen)
    report.show(table)
    headline = "; ".join(dict.fromkeys(f"{each.claim}: {each.verdict}" for each in claims))
    blocks = (_picture(chosen), table, *_said_again(config, plan, shown))
    return launch.Conclusion(claims, [report.Section("By length", blocks)], headline)


def _table(chosen: Any) -> Any:
    from jaxdl import report

    rows = []
    for (kind, context), trials in chosen.groupby(["kind", "context"], sort=False):
        means = [
            report.percent(trials[f"test_accuracy_{length}"].astype(float).mean(skipna=False))
            for length in LENGTHS
        ]
        rate = report.distinct(trials["learning_rate"])
        rows.append((str(kind), str(context), rate, *means))
    header = ("context", "width", "rate", *(f"{length}" for length in LENGTHS))
    caption = (
        "Characters right on test in %, by the characters of the line: means over seeds, "
        f"{report.CHOSEN}."
    )
    return report.Table(header, tuple(rows), frozenset(range(1, 9)), caption)


def _picture(chosen: Any) -> Any:
    from jaxdl import report
    from jaxdl.report import panels
    from jaxdl.report.style import house_style

    names = {f"test_accuracy_{length}": length for length in LENGTHS}
    long = chosen.melt(["kind", "context", "seed"], list(names), "length", "accuracy")
    long = long.assign(
        length=long["length"].map(names),
        accuracy=100 * long["accuracy"].astype(float),
        width=long["context"],
    )
    with house_style():
        figure, _ = panels.small_multiples(
            long, "length", "accuracy", "kind", "width",
            title="Characters said again, by the length of the line",
            x_label="length of the line (characters)", y_label="accuracy on test (%)",
            x_scale="linear", y_scale="linear", marker_every=1, heights=(2.6,),
        )  # fmt: skip
    caption = "Left the last states at every step, right attention, by width of the context."
    return report.Picture("length", report.to_png(figure), "Accuracy by length", caption)


def _said_again(config: Any, plan: launch.Plan, shown: Any) -> list[Any]:
    """A test line of each length, as the widest fixed context has it said again."""
    import jax
    import numpy as np

    from jaxdl import decoding, report

    wide = max(config.contexts)
    trained = shown[(shown["status"] == "ok") & (shown["kind"] == "fixed")]
    trained = trained[trained["context"] == f"{wide}"]
    model = network(config, "fixed", wide)
    test = plan.data["test"]
    x = test["x"][0][: len(LENGTHS)]

    @jax.jit
    def again(params: Any, x: Any) -> Any:
        variables = {"params": params}
        carry = model.apply(variables, x, (x != PAD).astype("float32"), method="begin")
        start = jax.numpy.full(len(x), START)

        def step(carry: Any, tokens: Any) -> Any:
            return model.apply(variables, carry, tokens, method="step")

        return decoding.greedy(step, carry, start, LENGTHS[-1] + 1, END)

    def text(ids: Any) -> str:
        ids = list(ids)
        ids = ids[: ids.index(END)] if END in ids else ids
        return "".join(LETTERS[i - FIRST] if i >= FIRST else "·" for i in ids if i != PAD)

    tables = []
    for _, row in trained.head(1).iterrows():
        said = np.asarray(again(plan.replay(row).params, x))
        pairs = tuple((text(one), text(other)) for one, other in zip(x, said, strict=True))
        caption = f"Greedy decoding from a fixed context of {wide} numbers, first seed."
        tables.append(report.Table(("line", "said again"), pairs, frozenset(), caption))
    return tables


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")
