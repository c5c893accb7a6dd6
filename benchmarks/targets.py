"""Targets of workloads by `workloads.RULE`, from a sweep of Adam at constant rates.

    python -m benchmarks.targets digits_mlp topics  # a minute on 2 cores

The rate is chosen by the median over the seeds, and what it reaches is rounded to the easier side;
the numbers go into the files of the workloads by hand.
"""

import math
import sys
import tempfile
from pathlib import Path

from jaxdl import sweep, workloads
from jaxdl.optimizers import adam
from jaxdl.workloads import Workload

RATES, SEEDS, DIGITS = sweep.log_spaced(1e-4, 0.1, 7), 5, 3


def reached(workload: Workload) -> tuple[float, float]:
    """(rate, validation metric) of the best rate's median seed after 3/4 of the budget."""
    part = workload._replace(steps=3 * workload.steps // 4)
    run = sweep.of_workload(part, lambda hparams: adam(hparams["learning_rate"]))
    points = sweep.grid(learning_rate=RATES)
    plan = sweep.plan({"adam": (run, points)}, workload.data(), seeds=SEEDS)
    with tempfile.TemporaryDirectory() as folder:
        frame = plan.execute(Path(folder)).frame()
    frame = frame[frame["status"].eq("ok")]
    medians = frame.groupby("learning_rate")[f"validation_{workload.metric}"].median()
    best = medians.idxmax() if workload.kind.mode == "max" else medians.idxmin()
    return float(best), float(medians[best])


def easier(workload: Workload, value: float) -> float:
    """The value with `DIGITS` significant digits, rounded to the side that is reached first."""
    places = DIGITS - 1 - math.floor(math.log10(value))
    away = math.floor if workload.kind.mode == "max" else math.ceil
    return round(away(value * 10**places) / 10**places, places)


def main() -> None:
    """Prints a line for each workload that is named."""
    for name in sys.argv[1:]:
        workload = workloads.named(name)
        rate, value = reached(workload)
        print(f"{name}: {easier(workload, value)} {workload.metric} ({value:.5g}, rate {rate:g})")


if __name__ == "__main__":
    main()
