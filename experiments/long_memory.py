"""What recurrent cells remember over many steps: the adding and the copy task.

Adding (Hochreiter & Schmidhuber 1997): read T pairs, say the sum of the two marked numbers; always
answering 1 has the mean squared error 1/6. Copy (Arjovsky, Shah & Bengio 2016): repeat the symbols
of the first steps at the end of T steps; that takes twelve times the steps, and is asked of an LSTM
and an Elman network alone. All cells have as many units, which gives those with gates more weights.
The rate of a cell is chosen on validation; a seed moves initialization and batches, and is shared
by the cells. Each T that is run is a claim of its own; the thresholds are a fifth and half of the
error 1/6, and 20 points above chance. The adding task's errors are averaged over seeds
arithmetically, since a geometric mean forgives a seed that has learned nothing. Steps and rates
were set after a look at seed 0, those of copying at 0 and 1, which are judged too.

    python -m experiments.long_memory --workdir=runs/long_memory  # 5 minutes on 2 cores
"""

import math

import numpy as np
import optax

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import splits
from jaxdl.data.sources import sequences
from jaxdl.launch import setting
from jaxdl.layers.cells import CELLS, Cell
from jaxdl.layers.recurrent import RNN
from jaxdl.models import Acceptor, OneHot, Transducer
from jaxdl.optimizers import adam, clip_by_global_norm, schedules
from jaxdl.report import Claim, Judged, Section
from jaxdl.tasks import language_model
from jaxdl.types import Batch, PyTree, Task

TESTED, REMEMBERED, SYMBOLS = 1000, 5, 8
PARTS = {"train": (8192, 0), "validation": (TESTED, 1), "test": (TESTED, 2)}
"""How many examples a part has, and the seed that draws them."""
CONSTANT, CHANCE = 1 / 6, 1 / SYMBOLS
UNITS = {
    "adding": ("squared error", f"always answering 1: {CONSTANT:.2g}"),
    "copy": ("nats a recalled symbol", f"without memory: {math.log(SYMBOLS):.2g}"),
}
"""Of each task: the unit of the loss, and what it is without learning."""
ERROR = "mean squared error on test, arithmetic mean over seeds"
RECALL = "share of symbols recalled on test"
CLAIMS = ADDS, STUCK, COPIES, COPIES_MORE = (
    Claim("S1", "an LSTM adds", ERROR, below=CONSTANT / 5),
    Claim("S1", "an Elman network does not add", ERROR, above=CONSTANT / 2),
    Claim("S1", "an LSTM copies", RECALL, above=CHANCE + 0.2, unit="%"),
    Claim("S1", "an LSTM copies more than an Elman network", f"difference in the {RECALL}",
          above=0.1, unit="points"),
)  # fmt: skip


class Config(launch.Config):
    """Which cells are compared, over how many steps of which task."""

    seeds: int = setting(4, "Seeds of each setting.", low=1)
    adding_lengths: tuple[int, ...] = setting((50, 200), "Steps T of the adding task.", low=20)
    copy_lengths: tuple[int, ...] = setting((50,), "Steps T of the copy task.", low=20)
    cells: tuple[str, ...] = setting(
        ("elman", "lstm", "peephole", "coupled", "gru", "minimal_gru"), "Cells that add."
    )
    copy_cells: tuple[str, ...] = setting(("lstm", "elman"), "Cells that copy.")
    copy_steps: int = setting(12_000, "Training steps of those that copy.", low=1)
    copy_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, help="Their learning rates.")
    hidden: int = setting(32, "Units of each network.", low=1)
    learning_rates: tuple[float, ...] = launch.rates(3e-3, 1e-2, 3e-2)


def plan(config: Config) -> sweep.Plan:
    """One program per task, length and cell; rate and seed are numbers inside it."""
    tasks_of = {
        "adding": (
            config.adding_lengths,
            launch.choose_all("cells", config.cells, CELLS),
            config.learning_rates,
        ),
        "copy": (
            config.copy_lengths,
            launch.choose_all("copy_cells", config.copy_cells, CELLS),
            config.copy_rates,
        ),
    }
    data, programs, labels = {}, {}, {}
    for task, (lengths, cells, rates) in tasks_of.items():
        points = sweep.grid(learning_rate=rates)
        for length in lengths:
            case = f"{task}, T = {length}"
            parts = {name: examples(task, length, *drawn) for name, drawn in PARTS.items()}
            data[case] = splits.in_batches(parts, 250)
            for name, cell in cells.items():
                program = f"{case}, {name}"
                programs[program] = (remembering(config, task, case, cell), points)
                labels[program] = {"task": task, "case": case, "cell": name}
    return sweep.plan(programs, data, seeds=config.seeds, labels=labels)


def examples(task: str, length: int, count: int, seed: int) -> Batch:
    """x and y of a task over `length` steps; of the copy task, y is 0 where it does not count."""
    rng = np.random.default_rng(seed)
    if task == "adding":
        made = sequences.adding(rng, count, length)
        return {"x": made["x"], "y": made["y"][:, None]}
    made = sequences.copy_memory(rng, count, length - 2 * REMEMBERED, REMEMBERED, SYMBOLS)
    return {"x": made["x"], "y": made["y"]}


def remembering(config: Config, task: str, case: str, cell: Cell) -> sweep.Run:
    """Training of a cell on a task, with the data of one case."""
    body = RNN(config.hidden, cell)
    steps = config.steps if task == "adding" else config.copy_steps
    learned = (
        tasks.regression(Acceptor(1, body))
        if task == "adding"
        else language_model(Transducer(SYMBOLS + 2, body, OneHot(SYMBOLS + 2)), padding=0)
    )

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        rate = schedules.scaled(hparams["learning_rate"], schedules.cosine(steps))
        return learned, optax.chain(clip_by_global_norm(1.0), adam(rate))

    run = sweep.make_run(build, steps=steps, batch_size=32)
    return sweep.on_part(case, run)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Error and recall on test at the rates that other seeds chose; learning curves."""
    by = ("task", "case", "cell")
    by_task = stats.tune(results.frame(), by, "learning_rate", "validation_loss").groups("task")
    cases = [
        (task, *each) for task, mine in by_task.items() for each in mine.groups("case").items()
    ]
    claims = [claim for each in cases for claim in judged(*each)]
    rows = [
        {
            "task": case,
            "cell": cell,
            "rate": report.distinct(mine["learning_rate"]),
            "squared error, or share recalled": score(task, found, str(cell)),
        }
        for task, case, found in cases
        for cell, mine in found.trials.groupby("cell", sort=False)
    ]
    caption = (
        f"On test, {report.CHOSEN}: arithmetic means and 95 % intervals over seeds. "
        f"Answering 1: {CONSTANT:.3f} in the adding task; "
        f"chance: {CHANCE:.3f} of {REMEMBERED} symbols recalled in the copy task."
    )
    pictures = []
    for task, mine in by_task.items():
        unit, level = UNITS[task]
        title = f"The {task} task, at the rate of each cell; {level}"
        drawn = report.tuned_curves(results, mine, title=title, y_label=f"training loss ({unit})")
        pictures += [picture._replace(name=f"{task}_curves") for picture in drawn]
    return launch.Conclusion(claims, [Section("By cell", (report.table(rows, caption), *pictures))])


def score(task: str, found: stats.Tuned, cell: str) -> stats.Interval:
    """The error, or the share of symbols recalled, those of a sequence being together."""
    if task == "adding":
        return stats.mean_interval(found.scores("test_loss")[cell])
    return found.interval("test_accuracy", cell, TESTED)


def judged(task: str, case: str, found: stats.Tuned) -> list[Judged]:
    """The claims about the cells that were run on a case."""
    where, cells = case.split(", ")[1], set(found.selection["cell"])
    of_task = {"adding": {"lstm": ADDS, "elman": STUCK}, "copy": {"lstm": COPIES}}[task]
    asked = {cell: claim for cell, claim in of_task.items() if cell in cells}
    claims = [claim.judge(score(task, found, cell), where) for cell, claim in asked.items()]
    if task == "copy" and {"lstm", "elman"} <= cells:
        claims.append(COPIES_MORE.judge(found.gain("test_accuracy", "lstm", "elman"), where))
    return claims


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
