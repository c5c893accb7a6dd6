"""How is a small BERT best pretrained: how many words masked, by what, and with pairs of sentences?

Docstrings, 2,000 words. Pretraining guesses masked words, and whether a sentence follows another;
then the network is tuned on few labels of other docstrings: of which of eight packages one is,
and whether two sentences, not neighbours, are of one docstring. The share of masked words,
what stands in their place (80 % the mask, 10 % another word, 10 % the word; or the mask always) and
the weight of the loss on pairs are numbers of one program, in which each trial is pretrained and
then tuned at every rate. A seed moves initialization, masks and batches; the rate of tuning is
chosen on validation, that of pretraining is one for all. Labels, rates and initialization were set
after short runs of a few seeds in which test accuracy was seen; the thresholds stayed.

    python -m experiments.bert_pretraining --workdir=runs/bert_pretraining  # 5 minutes on 2 cores
    python -m experiments.bert_pretraining --workdir=runs/bert_pretraining \\
        --fill="If None, the [MASK] is used."  # or --attend="Returns a copy of the array."
    # Eight times the steps of pretraining, 30 minutes on 2 cores:
    python -m experiments.bert_pretraining --config.full=true --workdir=runs/bert_pretraining_full
"""

import functools
import itertools
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
import pandas as pd

from experiments import _costs
from experiments._costs import Phase
from experiments._small_bert import PACKAGES, attend, fill, load, network, symbols
from jaxdl import keys, launch, metrics, report, stats, sweep, tasks, train
from jaxdl.data.text import masking
from jaxdl.data.text.vocabulary import END, Vocabulary
from jaxdl.launch import setting
from jaxdl.models import BERT, BERTPretraining
from jaxdl.models.pretrained import PairClassifier, SentenceClassifier
from jaxdl.optimizers import adam, schedules
from jaxdl.params import transplant
from jaxdl.report import Claim, Section
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

CLAIMS = PRETRAINED, FEW, MANY, FATES, PAIRS = (
    Claim("T5", "pretraining is worth it: packages are told better than from scratch",
          "paired difference in test accuracy", above=0.02, unit="points"),
    Claim("T5", "too few masks are slow: packages are told better after 15 % than after 5 %",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("T5", "too many masks starve: packages are told better after 15 % than after 60 %",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("T5", "80/10/10 is better than the mask always: packages are told better after tuning",
          "paired difference in test accuracy", above=0.005, unit="points"),
    Claim("T5", "the loss on pairs helps on pairs",
          "paired difference in test accuracy of pairs", above=0.02, unit="points"),
)  # fmt: skip
BASE, SCRATCH = "15 %", "not pretrained"
USUAL = {"share": 0.15, "masks": 0.8, "pairs": 1.0, "kept": 1.0}
STUDY: dict[str, dict[str, float]] = {
    BASE: USUAL,
    "5 %": USUAL | {"share": 0.05},
    "40 %": USUAL | {"share": 0.4},
    "60 %": USUAL | {"share": 0.6},
    "15 %, the mask always": USUAL | {"masks": 1.0},
    "15 %, no pairs": USUAL | {"pairs": 0.0},
    SCRATCH: USUAL | {"kept": 0.0},
}
"""Of the words, the share to guess, and of these that of masks; the weight of the loss on pairs;
whether what is tuned is what was pretrained."""


class Config(launch.Config):
    """The network, its pretraining and its tuning."""

    steps: int = setting(400, "Steps of pretraining of each trial.", low=1)
    tuning_steps: int = setting(80, "Steps of tuning, for each task and rate.", low=1)
    seeds: int = setting(4, "Seeds of each condition.", low=1)
    full: bool = setting(False, "A long run: eight times the steps of pretraining.")
    batch_size: int = setting(32, "Sentences, or pairs of them, in a step.", low=1, high=100)
    documents: int = setting(20_000, "Docstrings to pretrain on, at most.", low=100)
    vocabulary: int = setting(2000, "Words, the special ones among them.", low=10)
    width: int = setting(64, "Numbers that stand for a word.", low=4)
    depth: int = setting(2, "Layers.", low=1)
    heads: int = setting(4, "Heads of each layer.", low=1)
    learning_rate: float = setting(3e-3, "Peak rate of Adam in pretraining.", low=1e-12)
    tuning_rates: tuple[float, ...] = setting((3e-3, 1e-2), "Peak rates to tune at.", low=1e-12)
    watts: float = setting(15.0, "What a busy core takes, for the estimate of energy.", low=0.0)


def options(config: Config, known: Vocabulary) -> dict[str, int]:
    """The numbers of `network`."""
    own = {name: getattr(config, name) for name in ("width", "depth", "heads")}
    return {"vocabulary": len(known), **own}


def pretraining(body: BERT, known: Vocabulary, hparams: Mapping[str, Any]) -> Task:
    """Words masked anew in every step, and pairs as heavy as the trial says."""
    masks, share = hparams["masks"], hparams["share"]
    fates = jnp.stack([jnp.asarray(fate) for fate in (masks, (1 - masks) / 2, (1 - masks) / 2)])
    mask = functools.partial(masking.masked, symbols=symbols(known), share=share, fates=fates)
    task = tasks.masked_language_model(BERTPretraining(body), hparams["pairs"])
    return tasks.noise.in_training(task, mask)


def readers(body: BERT) -> dict[str, Task]:
    """What is told after tuning: by the mean of all states of which package, by [CLS] the pairs."""
    return {
        "packages": tasks.classification(SentenceClassifier(body, PACKAGES)),
        "pairs": tasks.classification(PairClassifier(body, 2, END)),
    }


def run(config: Config, known: Vocabulary) -> sweep.Run:
    """A trial: pretraining, then tuning of what it gave on each task at each rate."""
    body, rates = network(**options(config, known)), jnp.array(config.tuning_rates)

    def trained(
        rate: float | Array, task: Task, key: Array, arrays: Batch, params: PyTree, steps: int
    ) -> PyTree:
        shape = schedules.warmup_then(steps // 10, schedules.cosine(steps - steps // 10))
        tx, size = adam(schedules.scaled(rate, shape)), config.batch_size
        return train.fit_scan(
            task, tx, key, arrays, steps=steps, batch_size=size, params=params
        ).params

    def init(hparams: PyTree, key: Array, data: sweep.Data) -> TrainState:
        first = {name: array[:1] for name, array in data["train"]["text"].items()}
        task = pretraining(body, known, hparams)
        params = {"text": task.init(keys.named(key, "text"), first)[0]}
        for name, reader in readers(body).items():
            own = reader.init(keys.named(key, name), first)[0]
            params[name] = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(rates)), own)
        return TrainState(jnp.zeros((), jnp.int32), key, params, {}, ())

    def advance(
        hparams: PyTree, state: TrainState, data: sweep.Data
    ) -> tuple[TrainState, dict[str, Array]]:
        params, arrays, steps = dict(state.params), data["train"], steps_of(config)
        task, key = pretraining(body, known, hparams), keys.named(state.key, "pretraining")
        params["text"] = trained(
            config.learning_rate, task, key, arrays["text"], params["text"], steps
        )
        for name, reader in readers(body).items():
            fresh = jax.tree.map(lambda leaf: leaf[0], params[name])
            ready = transplant(fresh, params["text"], "^body/")
            begin = jax.tree.map(functools.partial(jnp.where, hparams["kept"]), ready, fresh)
            tune = functools.partial(
                trained, task=reader, key=keys.named(state.key, f"tuning {name}"),
                arrays=arrays[name], params=begin, steps=config.tuning_steps,
            )  # fmt: skip
            params[name] = jax.lax.map(tune, rates)
        # Not finite where a network is not.
        sizes = jnp.stack([optax.tree.norm(own) for own in params.values()])
        step = state.step + steps + 2 * len(rates) * config.tuning_steps
        return state._replace(step=step, params=params), {"norm": jnp.atleast_1d(sizes.sum())}

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        found = {}
        for split, (name, reader) in itertools.product(
            ("validation", "test"), readers(body).items()
        ):
            right = functools.partial(accuracy, reader, data[split][name])
            for place, value in enumerate(jax.lax.map(right, state.params[name])):
                found[f"{split}_{name}_{place}_accuracy"] = value
        return found

    return sweep.Run(init, advance, evaluate)


def accuracy(task: Task, held_out: Batch, params: PyTree) -> Array:
    """The share that is right in evaluation batches."""

    def right(batch: Batch) -> metrics.Pair:
        return metrics.accuracy(task.predict(params, {}, batch), batch["y"], batch["mask"])

    total, weight = jax.tree.map(jnp.sum, jax.lax.map(right, dict(held_out)))
    return total / weight


def plan(config: Config) -> sweep.Plan:
    """One program; how a trial is pretrained is numbers inside it."""
    data, known = load(config.documents, config.vocabulary)
    points: list[sweep.Point] = [{"condition": name, **each} for name, each in STUDY.items()]
    return sweep.plan(
        {"bert": (run(config, known), points)},
        data,
        seeds=config.seeds,
        categories={"condition": list(STUDY)},
        keep_states=True,
    )


def steps_of(config: Config) -> int:
    """Steps of pretraining."""
    return config.steps * (8 if config.full else 1)


def tuned_on(name: str, config: Config, frame: pd.DataFrame) -> stats.Tuned:
    """The conditions at their rates of tuning, each of which has a column in a trial's row."""
    of_rates = [
        frame.assign(rate=rate).rename(
            columns={f"{split}_{name}_{place}_accuracy": f"{split}_accuracy"
                     for split in ("validation", "test")}
        )
        for place, rate in enumerate(config.tuning_rates)
    ]  # fmt: skip
    kept = ["condition", "rate", "seed", "status", "validation_accuracy", "test_accuracy"]
    found = pd.concat([each[kept] for each in of_rates], ignore_index=True)
    return stats.tune(found, "condition", "rate")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Accuracy after tuning, paired over seeds, at the rates that other seeds chose."""
    _, known = load(config.documents, config.vocabulary)
    frame = results.frame()
    tuned = {name: tuned_on(name, config, frame) for name in ("packages", "pairs")}

    def gain(name: str, other: str) -> stats.Interval:
        return tuned[name].gain("test_accuracy", BASE, other)

    claims = [
        PRETRAINED.judge(gain("packages", SCRATCH)),
        FEW.judge(gain("packages", "5 %")),
        MANY.judge(gain("packages", "60 %")),
        FATES.judge(gain("packages", "15 %, the mask always")),
        PAIRS.judge(gain("pairs", "15 %, no pairs")),
    ]
    accuracies = [
        Section(f"Tuned on {name}", (report.tuned_table(each, "test_accuracy", against=BASE),))
        for name, each in tuned.items()
    ]
    mine = frame[(frame["condition"] == BASE) & (frame["status"] == "ok")]
    for row in mine.head(1).to_dict("records"):
        launch.save_best(
            results.workdir, plan.replay(row).params["text"], {}, None,
            task="masked_language_model", model="bert_pretraining",
            options=options(config, known), input_shape=None, words=list(known.words),
            trial=row["trial"],
        )  # fmt: skip
    gains = report.interval_map(
        {name: {other: gain(name, other) for other in STUDY if other != BASE} for name in tuned},
        down="pretraining", across="tuned on",
        title="15 % of the words masked, above other ways to pretrain",
        label="difference in test accuracy (points)",
        caption="Mean over seeds and its 95 % interval, paired.",
    )  # fmt: skip
    costly = Section("What it costs", (costs(config, plan, known),))
    return launch.Conclusion(claims, [*accuracies, Section("In one view", (gains,)), costly])


def costs(config: Config, plan: sweep.Plan, known: Vocabulary) -> report.Table:
    """Operations and joules of pretraining with and without pairs, and of tuning."""
    body = network(**options(config, known))
    alone = tasks.masked_language_model(BERTPretraining(body, next_sentence=False))
    mask = functools.partial(masking.masked, symbols=symbols(known))
    of_text, of_pairs = (first(config, plan, name) for name in ("text", "pairs"))
    both, without = pretraining(body, known, STUDY[BASE]), tasks.noise.in_training(alone, mask)
    phases = {
        "pretraining": Phase(both, of_text, steps_of(config)),
        "pretraining without pairs": Phase(without, of_text, steps_of(config)),
        "tuning on pairs": Phase(readers(body)["pairs"], of_pairs, config.tuning_steps),
    }
    return _costs.table(
        phases,
        config.watts,
        "All conditions cost the same: logits are computed at all places, of pairs too where their "
        "loss weighs nothing.",
    )


def first(config: Config, plan: sweep.Plan, name: str) -> Batch:
    """A batch of training."""
    return {key: array[: config.batch_size] for key, array in plan.data["train"][name].items()}


USES = {
    "fill": launch.Use("A sentence with [MASK] in it, to see the likeliest words.", fill),
    "attend": launch.Use("A sentence, to draw what each of its words looks at.", attend),
}

if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS, USES))
