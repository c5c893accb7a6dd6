"""Is a GRU as good as an LSTM of as many weights, and do peepholes help?

Language models of characters on docstrings with one layer of each cell, as many units as give it
the weights of the LSTM. Text as parallel streams, the state carried. The rate of each cell is
chosen on validation; a seed moves the initialization, and is shared by the cells.

    python -m experiments.equal_cells --workdir=runs/equal_cells  # 3 minutes on 2 cores
"""

from experiments import carried_state
from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import batches
from jaxdl.layers.cells import CELLS, Cell
from jaxdl.layers.recurrent import RNN
from jaxdl.models import LanguageModel
from jaxdl.optimizers import adam
from jaxdl.optimizers.schedules import cosine
from jaxdl.report import Claim, Section

UNIT, MORE = "bit a character", "paired difference in test bits from the LSTM"
CLAIMS = AS_GOOD, PEEPHOLES, GATES = (
    Claim("S1", "a GRU is as good as an LSTM of as many weights", MORE, below=0.03, unit=UNIT),
    Claim("S1", "peepholes make an LSTM better", MORE, below=-0.01, unit=UNIT),
    Claim("S1", "an Elman network of as many weights is worse than an LSTM",
          MORE, above=0.03, unit=UNIT),
)  # fmt: skip
LSTM, LENGTH = "lstm", 64
COMPARED = {"gru": AS_GOOD, "peephole": PEEPHOLES, "elman": GATES}


class Config(carried_state.Config):
    """The network, how it is trained, and on how much text."""


def weights(cell: Cell, units: int) -> int:
    """Weights and biases of a layer of so many units."""
    own = sum(rows for _, rows in cell.weights)
    return cell.gates * units * (carried_state.FEATURES + units + 1) + own * units


def units(cell: Cell, width: int) -> int:
    """How many units give a cell the weights of an LSTM of `width` units, or nearly."""
    wanted = weights(CELLS[LSTM], width)
    return min(range(1, 4 * width + 1), key=lambda count: abs(weights(cell, count) - wanted))


def plan(config: Config) -> sweep.Plan:
    """One program per cell; rate and seed are numbers inside it."""
    data, size = carried_state.load(config)
    points = sweep.grid(learning_rate=config.learning_rates)

    def program(cell: Cell) -> sweep.Run:
        model = LanguageModel(size, carried_state.FEATURES, RNN(units(cell, config.width), cell))
        return sweep.make_run(
            sweep.by_rate(tasks.language_model(model, carried=True), adam, cosine(config.steps)),
            steps=config.steps,
            batch_size=config.in_step // LENGTH,
            order=batches.ordered_indices,
        )

    programs = {name: (program(CELLS[name]), points) for name in (LSTM, *COMPARED)}
    return sweep.plan(programs, data[LENGTH], seeds=config.seeds, column="cell")


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Bits a character on test, paired over seeds, at the rates that other seeds chose."""
    frame = carried_state.in_bits(results)
    tuned = stats.tune(frame, "cell", "learning_rate", "validation_bits")
    claims = [claim.judge(tuned.gain("test_bits", name, LSTM)) for name, claim in COMPARED.items()]
    sizes = ", ".join(
        f"{name} {units(CELLS[name], config.width)} units, "
        f"{weights(CELLS[name], units(CELLS[name], config.width)):,} weights"
        for name in (LSTM, *COMPARED)
    )
    table = report.tuned_table(tuned, "test_bits", against=LSTM)
    curves = report.tuned_curves(results, tuned, y_label="training loss (nats a character)")
    return launch.Conclusion(claims, [Section("By cell", (table, f"Layers: {sizes}.", *curves))])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
