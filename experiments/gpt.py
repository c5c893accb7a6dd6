"""Masked attention or recurrence or counting: which predicts characters best after equal time?

A small GPT (pre-norm, positions by ALiBi) and `char_rnn`'s LSTM read docstrings; both train for
equally long on two cores, so that the LSTM takes `pace` steps while the GPT takes one; the report
says how long a step of each really took. The LSTM's state is carried from chunk to chunk, the GPT
begins anew in each. Held-out documents, bits a character: in windows of twice a chunk only the
second half counts, so that every character has a chunk's length before it. Also against the best
of `char_rnn`'s n-gram models, which count the same text. A seed moves initialization and, for the
GPT, the order of chunks; the rate is chosen on validation.

    python -m experiments.gpt --workdir=runs/gpt  # 5 minutes on 2 cores
    python -m experiments.gpt --workdir=runs/gpt --generate="Returns the "
    # Six times as long:
    python -m experiments.gpt --config.full=true --workdir=runs/gpt_full  # 30 minutes on 2 cores
"""

import functools
import math
from pathlib import Path

import numpy as np
import optax

from experiments import _costs, char_rnn
from jaxdl import launch, report, stats, sweep
from jaxdl.data import batches
from jaxdl.data.text import vocabulary
from jaxdl.data.text.vocabulary import PAD, Vocabulary
from jaxdl.launch import setting
from jaxdl.launch.best import Loaded
from jaxdl.layers.positions import ALiBi
from jaxdl.models import GPT
from jaxdl.optimizers import adam, schedules
from jaxdl.report import Claim, Section
from jaxdl.tasks import language_model
from jaxdl.types import Array, PyTree, Task

CLAIMS = RECURRENT, COUNTED = (
    Claim("T4", "a GPT needs fewer bits a character than an LSTM that trains as long",
          "bits of the LSTM minus those of the GPT, paired over seeds", above=0.0,
          unit="bit a character"),
    Claim("T4", "a GPT needs fewer bits a character than the best n-gram model",
          "bits of the n-gram model minus those of the GPT", above=0.0, unit="bit a character"),
)  # fmt: skip
OURS, LSTM = "GPT", "LSTM"
WARM_UP = 0.1


class Config(char_rnn.Config):
    """Both networks and the text; what is not here is the LSTM's, as in `char_rnn`."""

    steps: int = setting(280, "Training steps of each GPT.", low=1)
    pace: float = setting(3.0, "Steps of the LSTM in the time of one of the GPT.", low=0.01)
    characters: int = setting(2_000_000, "Characters of the text to use.", low=10_000)
    learning_rates: tuple[float, ...] = setting((1e-2, 2e-2), "Peak rates of the LSTM.", low=1e-12)
    gpt_rates: tuple[float, ...] = setting((3e-3, 6e-3), "Peak rates of the GPT.", low=1e-12)
    width: int = setting(128, "Numbers that stand for a character in the GPT.", low=4)
    depth: int = setting(2, "Layers of the GPT.", low=1)
    heads: int = setting(4, "Heads of each layer.", low=1)
    evaluations: int = setting(1, "Evaluations on the way, at most.", low=1)


def load(config: Config) -> tuple[sweep.Data, Vocabulary]:
    """Chunks of the streams to train on, windows of the documents to evaluate on."""
    data, known = char_rnn.load(config)
    parts = char_rnn.texts(config)
    held_out = {
        name: windows(vocabulary.encode(known, parts[name][: char_rnn.EVALUATED]), config.length)
        for name in ("validation", "test")
    }
    return {"train": data["train"], **held_out}, known


def windows(ids: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Evaluation batches of 2·length characters, of which the second half counts."""
    if len(ids) <= 2 * length:
        raise launch.UserError(f"config.length: {len(ids)} held-out characters, {2 * length} read")
    cut = np.lib.stride_tricks.sliding_window_view(ids, 2 * length + 1)[::length]
    y = np.where(np.arange(2 * length) < length, PAD, cut[:, 1:])
    return batches.padded_batches({"x": cut[:, :-1], "y": y.astype(np.int32)}, 64)


def network(vocabulary: int, width: int, depth: int, heads: int) -> GPT:
    """The model, from plain numbers; places beyond a chunk's are no different to it."""
    return GPT(vocabulary, width, depth, heads, length=char_rnn.SHOWN, positions=ALiBi())


def options(config: Config, size: int) -> dict[str, int]:
    """The numbers of `network`."""
    return {"vocabulary": size, "width": config.width, "depth": config.depth, "heads": config.heads}


def tasks(config: Config, size: int) -> dict[str, Task]:
    """Both networks, as what they learn."""
    lstm = char_rnn.network(size, config.features, config.hidden, config.dropout)
    return {
        OURS: language_model(network(**options(config, size)), padding=PAD),
        LSTM: language_model(lstm, padding=PAD, carried=True),
    }


def plan(config: Config) -> sweep.Plan:
    """A program for each network; rate and seed are numbers inside it."""
    data, known = load(config)
    total = config.steps * (6 if config.full else 1)
    segments = sweep.segments(total, config.evaluations)
    of_gpt = total // segments
    parts = {OURS: of_gpt, LSTM: max(1, round(config.pace * of_gpt))}
    rates = {OURS: config.gpt_rates, LSTM: config.learning_rates}
    orders = {OURS: batches.shuffled_indices, LSTM: batches.ordered_indices}

    def run(name: str, task: Task) -> sweep.Run:
        steps = segments * parts[name]
        warm_up = round(WARM_UP * steps)
        shape = schedules.warmup_then(warm_up, schedules.cosine(steps - warm_up))

        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = schedules.scaled(hparams["learning_rate"], shape)
            return task, optax.chain(optax.clip_by_global_norm(config.clip), adam(rate))

        return sweep.make_run(
            build, steps=parts[name], batch_size=config.batch_size, order=orders[name]
        )

    programs = {
        name: (run(name, task), sweep.grid(learning_rate=rates[name]))
        for name, task in tasks(config, len(known)).items()
    }
    return sweep.plan(
        programs, data, seeds=config.seeds, column="model", segments=segments, keep_states=True
    )


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Bits a character on test, at the rates that others chose; samples of the first seed."""
    parts = char_rnn.texts(config)
    known = vocabulary.build(parts["train"])
    frame = results.frame()
    tuned = stats.tune(frame, "model", "learning_rate", "validation_loss")
    counted = char_rnn.n_grams(parts, known)
    order = min(counted, key=lambda order: counted[order]["validation"])
    bits = {name: tuned.scores(f"{name}_loss") / math.log(2) for name in counted[order]}
    test, learned = bits["test"], tasks(config, len(known))
    batch = {name: array[: config.batch_size] for name, array in plan.data["train"].items()}
    rows: list[dict[str, report.tables.Cell]] = [
        {
            "model": f"{order}-gram",
            **counted[order],
            "rate": None,
            "steps": None,
            "a step (ms)": None,
            "operations (10¹²)": None,
            "energy (J)": None,
            "characters read": len(parts["train"]),
        }
    ]
    for name in (LSTM, OURS):
        mine = tuned.of(name)
        steps = int(mine["steps"].max())
        seconds = _costs.seconds(learned[name], batch)
        rows.append(
            {
                "model": name, **{part: stats.mean_interval(bits[part][name]) for part in bits},
                "rate": report.distinct(mine["learning_rate"]), "steps": steps,
                "a step (ms)": 1000 * seconds,
                "operations (10¹²)": steps * _costs.operations(learned[name], batch) / 1e12,
                "energy (J)": steps * seconds * _costs.WATTS,
                "characters read": steps * config.batch_size * config.length,
            }
        )  # fmt: skip
    table = report.table(
        rows,
        f"Bits a character, the order chosen on validation; networks: means of {config.seeds} "
        f"seeds, {report.CHOSEN}, and 95 % intervals. A step was timed alone, the median of "
        f"{_costs.TIMED}. Operations: two for each number that a product multiplies and adds; "
        f"energy: at {_costs.WATTS:g} W, an assumption. Both are of one trial.",
    )
    picture = report.course(
        results, tuned.trials.assign(text="docstrings"), panel="text", line="model",
        title="Training", y_label="training loss (nats a character)",
    )  # fmt: skip
    claims = [
        RECURRENT.judge(stats.paired_interval(test[LSTM], test[OURS])),
        COUNTED.judge(stats.mean_interval(counted[order]["test"] - test[OURS]), f"order {order}"),
    ]
    shown = []
    if row := stats.example(frame, tuned, OURS):
        launch.save_best(
            results.workdir, plan.replay(row).params, {}, None, task="language_model",
            model="gpt", options=options(config, len(known)), input_shape=None,
            words=list(known.words),
            **{name: row[name] for name in ("trial", "learning_rate", "seed")},
        )  # fmt: skip
        loaded, prompt = trained(results.workdir), parts["validation"][: char_rnn.PROMPT]
        model = network(**options(config, len(known)))
        shown = char_rnn.samples(loaded, model, functools.partial(begin, model), prompt)
    return launch.Conclusion(claims, [Section("Models", (table, picture)), *shown])


def trained(workdir: Path) -> Loaded:
    """The GPT that a run has kept."""
    return launch.load(workdir, lambda found: language_model(network(**found["options"])))


def begin(model: GPT, variables: PyTree, ids: Array) -> tuple[PyTree, Array]:
    """The cache of all characters but the last, with room for what is shown, and these."""
    places = ids.shape[1] + char_rnn.SHOWN
    return model.apply(variables, ids, None, places, method="begin")  # type: ignore[return-value]


def complete(workdir: Path, prompt: str) -> str:
    """Three texts that go on from a prompt of the user's."""
    loaded = trained(workdir)
    model = network(**loaded.description["options"])
    return char_rnn.three(loaded, model, functools.partial(begin, model), prompt)


USES = {"generate": launch.Use("Text to go on from, three times, at temperature 0.7.", complete)}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
