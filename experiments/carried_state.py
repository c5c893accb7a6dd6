"""Does a carried state make up for gradients that are cut, and do streams beat shuffled chunks?

LSTM language models of characters on docstrings, all with equally many characters in a step. The
text as parallel streams, in chunks of 16 or of 64, the state carried from one chunk to the next and
no gradient across; and the same chunks of 16 shuffled, each begun with a state of zeros. Tested on
pieces of 256 characters, read in one go, so that a network that never saw more than 16 shows it.
The rate of each is chosen on validation.

    python -m experiments.carried_state --workdir=runs/carried_state  # 3 minutes on 2 cores
"""

import numpy as np
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import batches, splits
from jaxdl.data.sources import documents
from jaxdl.data.text import streams, vocabulary
from jaxdl.launch import setting
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Section

UNIT = "bit a character"
CLAIMS = NOTHING_LOST, STREAMS = (
    Claim("S4", "cutting gradients after 16 steps loses nothing where the state is carried",
          "paired difference in test bits, chunks of 16 minus chunks of 64", below=0.03, unit=UNIT),
    Claim("S4", "streams with a carried state need fewer bits than shuffled chunks",
          "paired difference in test bits, shuffled minus streams", above=0.03, unit=UNIT),
)  # fmt: skip
SHORT, LONG, SHUFFLED = ("streams, 16", "streams, 64", "shuffled, 16")
LENGTHS = {SHORT: 16, LONG: 64, SHUFFLED: 16}
TESTED, PIECE, FEATURES = 51_200, 256, 32


class Config(launch.Config):
    """The network, how it is trained, and on how much text."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(4, "Seeds of each setting.", low=2)
    characters: int = setting(400_000, "Characters to train on.", low=10_000)
    in_step: int = setting(1024, "Characters in a step, a multiple of 64.", low=64)
    width: int = setting(96, "Units of the LSTM.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(
        3e-3, 1e-2, 3e-2, 0.1, help="Peak rates of Adam."
    )


def load(config: Config) -> tuple[dict[int, sweep.Data], int]:
    """By the length of a chunk: streams to train on, one batch after the other; how many ids."""
    if config.in_step % max(LENGTHS.values()):
        raise launch.UserError("config.in_step: a multiple of 64 is needed")
    texts = {}
    for name, part in documents.split(documents.docstrings())._asdict().items():
        shuffled = documents.sample(part, len(part), np.random.default_rng(0))
        size = config.characters if name == "train" else TESTED + 1
        texts[name] = "\n\n".join(shuffled)[:size]
    known = vocabulary.build(texts["train"])
    ids = {name: vocabulary.encode(known, text) for name, text in texts.items()}
    held_out = {}
    for name in ("validation", "test"):
        size = (len(ids[name]) - 1) // PIECE * PIECE
        x, y = (ids[name][shift : shift + size].reshape(-1, PIECE) for shift in (0, 1))
        held_out[name] = {"x": x, "y": y}
    evaluated = splits.in_batches(held_out, 50)
    found: dict[int, sweep.Data] = {}
    for length in set(LENGTHS.values()):
        rows = streams.streams(ids["train"], config.in_step // length)
        chunks = streams.chunks(rows, length)
        flat = {name: each.reshape(-1, *each.shape[2:]) for name, each in chunks.items()}
        found[length] = {**evaluated, "train": flat}
    return found, len(known)


def plan(config: Config) -> sweep.Plan:
    """One program per way to read; rate and seed are numbers inside it."""
    data, size = load(config)
    model = LanguageModel(size, FEATURES, RNN(config.width))
    points = sweep.grid(learning_rate=config.learning_rates)

    def program(way: str) -> sweep.Run:
        shuffled = way == SHUFFLED
        run = sweep.make_run(
            sweep.by_rate(
                tasks.language_model(model, carried=not shuffled), adam, cosine(config.steps)
            ),
            steps=config.steps,
            batch_size=config.in_step // LENGTHS[way],
            order=batches.shuffled_indices if shuffled else batches.ordered_indices,
        )
        return sweep.on_part(str(LENGTHS[way]), run)

    return sweep.plan(
        {way: (program(way), points) for way in LENGTHS},
        {str(length): each for length, each in data.items()},
        seeds=config.seeds,
        column="way",
    )


def in_bits(results: sweep.Results) -> pd.DataFrame:
    """The trials with `validation_bits` and `test_bits` a character."""
    frame = results.frame()
    bits = {f"{part}_bits": frame[f"{part}_loss"] / np.log(2) for part in ("validation", "test")}
    return frame.assign(**bits)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Bits a character on test, paired over seeds, at the rates that other seeds chose."""
    frame = in_bits(results)
    tuned = stats.tune(frame, "way", "learning_rate", "validation_bits")
    claims = [
        NOTHING_LOST.judge(tuned.gain("test_bits", SHORT, LONG)),
        STREAMS.judge(tuned.gain("test_bits", SHUFFLED, SHORT)),
    ]
    table = report.tuned_table(tuned, "test_bits", against=SHORT)
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats a character)")
    return launch.Conclusion(claims, [Section("By the way to read", (table, *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
