"""Do vectors of words in their context help a tagger more than the same text's static ones?

The markup of docstrings is to be found, as in `tagging`, by two directions of an LSTM that read
characters too, with 300 or 3000 sentences to learn from. Beside its own vectors of words, which it
learns from the labels alone, the tagger reads nothing; or the embeddings of a language model of
both directions that has read the training documents without their markup; or a learned mix of all
of its layers (ELMo). That model is of one seed and stays as it is. A seed moves the labelled
sentences, the tagger and the batches; the rate is chosen by validation loss in each cell.

    python -m experiments.elmo --workdir=runs/elmo  # 8 minutes on 2 cores
"""

import flax.linen as nn
import jax
import numpy as np
import optax

from experiments import _costs, tagging
from jaxdl import launch, models, optimizers, report, stats, sweep, tasks, train
from jaxdl.data.sources import documents, markup
from jaxdl.data.text import bio, streams, vocabulary
from jaxdl.data.text.vocabulary import Vocabulary
from jaxdl.launch import setting
from jaxdl.layers.dropout import Dropout
from jaxdl.layers.recurrent import RNN, Bidirectional
from jaxdl.models import CharacterFeatures, ELMo, Tagger
from jaxdl.optimizers import adam, schedules
from jaxdl.params import transplant
from jaxdl.report import Claim, Picture, Section
from jaxdl.types import Array, PyTree, Task, TrainState

CLAIMS = IN_CONTEXT, ABOVE_NONE = (
    Claim("T6", "vectors in context tag better than static ones of the same text",
          "paired difference in test f1, in context minus static", above=0.02, unit="points"),
    Claim("T6", "vectors in context tag better than those learned from labels alone",
          "paired difference in test f1, in context minus none", above=0.02, unit="points"),
)  # fmt: skip
SENTENCES, BATCH, WINDOW = (300, 3000), 32, 32
NONE, STATIC, CONTEXT = "labels alone", "static", "in context"


class Config(launch.Config):
    """The language model, the taggers, and their training."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=2)
    documents: int = setting(25000, "Docstrings to take, of all splits.", low=500)
    vocabulary: int = setting(3000, "Words that are known.", low=10)
    features: int = setting(64, "Units of each direction and layer of the language model.", low=1)
    language_steps: int = setting(800, "Training steps of the language model.", low=1)
    streams: int = setting(32, "Windows in a step of the language model.", low=1)
    language_rate: float = setting(1e-2, "Peak rate of Adam for the language model.", low=1e-12)
    dropout: float = setting(0.1, "Dropout rate of the language model.", low=0, high=0.99)
    width: int = setting(
        48, "Units of each direction of the tagger, and of its own vectors.", low=1
    )
    letters: int = setting(32, "Numbers that the characters of a word give.", low=1)
    learning_rates: tuple[float, ...] = setting(
        (3e-3, 1e-2), "Peak rates of Adam for the tagger.", low=1e-12
    )


class Static(nn.Module):
    """The embeddings of a language model, twice, as its layers are."""

    model: ELMo

    def __call__(self, ids: Array, *, train: bool) -> Array:
        return self.model.states(ids, train=train)[0]


def load(config: Config) -> tuple[sweep.Data, Vocabulary, int, int]:
    """Tagged sentences as a run takes them, all words, how many are known, how many characters."""
    options = tagging.Config(documents=config.documents)
    data, words, characters = tagging.load(options)
    size = min(len(words), config.vocabulary)
    data = {name: {**part, "words": rare(part["words"], size)} for name, part in data.items()}
    return data, words, size, len(characters)


def rare(ids: np.ndarray, size: int) -> np.ndarray:
    """Ids of which the first so many are known."""
    return np.where(ids < size, ids, vocabulary.UNKNOWN).astype(np.int32)


def unlabelled(config: Config, known: Vocabulary) -> np.ndarray:
    """The running text of the training documents, without markup."""
    rng = np.random.default_rng(0)
    found = documents.split(documents.sample(documents.docstrings(), config.documents, rng)).train
    sentences = (markup.plain(one)[0] for text in found for one in markup.marked_up(text))
    end = np.array([vocabulary.END])
    ids = [(vocabulary.encode(known, markup.words(sentence)), end) for sentence in sentences]
    return np.concatenate([part for pair in ids for part in pair])


def reading(config: Config, size: int) -> Task:
    """What the language model of so many words learns by."""
    model = ELMo(size, config.features, dropout=Dropout(config.dropout))
    return tasks.bidirectional_language_model(model)


def language_model(config: Config, ids: np.ndarray, size: int) -> PyTree:
    """Parameters of the language model that has learned this text."""
    task, steps = reading(config, size), config.language_steps
    rate = schedules.scaled(config.language_rate, schedules.cosine(steps))
    tx = optax.chain(optimizers.clip_by_global_norm(1.0), adam(rate))
    arrays = {"x": streams.streams(ids, len(ids) // WINDOW)}

    @jax.jit
    def fit(key: Array, arrays: PyTree) -> PyTree:
        options = {"steps": steps, "batch_size": config.streams}
        return train.fit_scan(task, tx, key, arrays, **options).params

    return jax.device_get(fit(jax.random.key(0), arrays))


def plan(config: Config) -> sweep.Plan:
    """A program a kind of vectors; the number of sentences and the rate are numbers inside it."""
    data, words, size, characters = load(config)
    ids = rare(unlabelled(config, words), size)
    points = sweep.grid(labels=SENTENCES, learning_rate=config.learning_rates)

    def run(context: nn.Module | None) -> sweep.Run:
        task = tagged(config, context, size, characters)

        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(config.steps))
            tx = adam(rate)
            return task, tx if context is None else optimizers.freeze(tx, "^context/model/")

        return sweep.few_labels(
            with_model(sweep.make_run(build, steps=config.steps, batch_size=BATCH))
        )

    return sweep.plan(
        {name: (run(context), points) for name, context in contexts(config, size).items()},
        {**data, "model": language_model(config, ids, size)},
        seeds=config.seeds,
    )


def contexts(config: Config, size: int) -> dict[str, nn.Module | None]:
    """What a tagger reads beside its own vectors, by the kind of vectors."""
    read = ELMo(size, config.features)
    return {NONE: None, STATIC: Static(read), CONTEXT: models.Contextual(read)}


def tagged(config: Config, context: nn.Module | None, size: int, characters: int) -> Task:
    """What a tagger of so many words and characters learns by."""
    body = Bidirectional(RNN(config.width), RNN(config.width, reverse=True))
    letters = CharacterFeatures(characters, config.letters)
    tags = len(bio.labels(markup.TYPES))
    return tasks.tagging(Tagger(size, config.width, body, tags, letters, context))


def with_model(run: sweep.Run) -> sweep.Run:
    """The run whose tagger begins with the language model in the data, where it has one; it reports
    the share of each of its layers in the mix."""

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        state = run.init(hparams, key, data)
        if "context" not in state.params:
            return state
        known = {"context": {"model": data["model"]}}
        return state._replace(params=transplant(state.params, known, "^context/model/"))

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        found = run.evaluate(hparams, state, {k: part for k, part in data.items() if k != "model"})
        mix = state.params.get("context", {}).get("mix")
        shares = () if mix is None else tuple(jax.nn.softmax(mix["weights"]))
        return found | {f"share_{layer}": share for layer, share in enumerate(shares)}

    return run._replace(init=init, evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """F1 on test by vectors and number of sentences, at the rates that other seeds chose."""
    frame = results.frame().rename(columns={"program": "vectors"})
    frame = frame.assign(labels=frame["labels"].astype(int))
    frame = frame.sort_values("labels", kind="stable", ignore_index=True)
    tuned = stats.tune(frame, ("labels", "vectors"), "learning_rate", "validation_loss")

    def gains(baseline: str) -> dict[str, stats.Interval]:
        return {
            f"{count} sentences": tuned.gain("test_f1", (count, CONTEXT), (count, baseline))
            for count in SENTENCES
        }

    claims = [*IN_CONTEXT.judge_each(gains(STATIC)), *ABOVE_NONE.judge_each(gains(NONE))]
    rows = [
        {
            "labelled sentences": str(count),
            **{f"layer {n}": tuned.of((count, CONTEXT))[f"share_{n}"].mean() for n in range(3)},
        }
        for count in SENTENCES
    ]
    names = [f"against {where}, {count}" for where in (STATIC, NONE) for count in SENTENCES]
    figure = report.intervals(claims, names, title="What is gained in span F1")
    blocks = (
        Picture("gains", figure, "Vectors in context against others, by labelled sentences"),
        report.tuned_table(tuned, "test_f1", against=NONE),
        report.tuned_table(tuned, "test_accuracy", against=NONE),
        report.table(
            rows, "The share of each layer in the mix, the embeddings first: means over seeds."
        ),
    )
    costly = Section("What it costs", (costs(config, plan),))
    return launch.Conclusion(claims, [Section("Tagging held-out documents", blocks), costly])


def costs(config: Config, plan: sweep.Plan) -> report.Table:
    """Operations and joules of the language model, once, and of a trial by kind of vectors."""
    *_, size, characters = load(config)
    windows = {"x": np.ones((config.streams, WINDOW), np.int32)}
    rows = {name: array[:BATCH] for name, array in plan.data["train"].items()}
    phases = {"language model": _costs.Phase(reading(config, size), windows, config.language_steps)}
    for name, context in contexts(config, size).items():
        task = tagged(config, context, size, characters)
        if context is not None:
            task = _costs.frozen(task, "^context/model/")
        phases[f"tagger, {name}"] = _costs.Phase(task, rows, config.steps)
    return _costs.table(phases, note="A tagger: of one trial; in what is frozen there alone.")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
