"""What people wait for: the first rows of a run, a list of 1,000 runs, the flagship's report."""

import importlib
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl._workdir import LEDGER

ALONE = "--alone"
ROOT = Path(__file__).parents[1]
FLAGSHIP = "optimizers_x_initializers"
RUNS, STEPS = 1000, 30
FIRST_ROWS, LIST, REPORT = 5.0, 1.0, 3.0
"""Seconds that are asked for."""


def reported(workdir: str) -> float:
    """Seconds to import `jaxdl.report` and to make the report of a search, which is run before."""
    began = time.perf_counter()
    from jaxdl import report

    importing = time.perf_counter() - began
    flagship = importlib.import_module(f"experiments.{FLAGSHIP}")
    config = flagship.Config(steps=STEPS)
    plan = flagship.plan(config)
    results = plan.execute(Path(workdir))
    frame, examples = results.frame(), len(plan.data["test"]["y"])
    columns = flagship.names(config, frame)

    began = time.perf_counter()
    summary = report.summary(frame, metric=columns.metric, score=columns.score)
    curves = results.curve_frame("loss", report.chosen_trials(frame, summary))
    lead, sections = report.comparison(frame, curves, columns, examples=examples)
    explored = report.trials(plan, [results])
    assert explored is not None
    page = report.Report(FLAGSHIP, lead, (*sections, report.Section("Trials", (explored,))))
    with tempfile.TemporaryDirectory() as folder:
        report.write(page, folder)
    return importing + time.perf_counter() - began


def first_rows(workdir: Path, cache: Path) -> float:
    """Seconds from a launch of the flagship to its first rows, after which it is ended."""
    command = [sys.executable, "-m", "jaxdl", "run", FLAGSHIP, f"--workdir={workdir}"]
    variables = {**os.environ, "JAX_COMPILATION_CACHE_DIR": str(cache)}
    began = time.perf_counter()
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, cwd=ROOT, env=variables, stdout=quiet, stderr=quiet) as launched:
        while not (workdir / LEDGER).is_file() or not (workdir / LEDGER).stat().st_size:
            if launched.poll() is not None:
                raise RuntimeError(f"{' '.join(command)} ended with {launched.returncode}")
            time.sleep(0.01)
        spent = time.perf_counter() - began
        launched.terminate()
    return spent


def listed(folder: Path) -> float:
    """Seconds of `jaxdl list` on a folder of runs."""
    command = [sys.executable, "-m", "jaxdl", "list", str(folder)]
    return harness.seconds(
        lambda: subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    )


def measure(quick: bool) -> Iterator[Row]:
    """Each in processes of their own."""
    repeats, runs = (1, 100) if quick else (5, RUNS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fresh, cache = map("new{}".format, itertools.count()), folder / "xla"
        first_rows(folder / "before", cache)
        case = "first rows of the flagship in a new workdir, where it has been run before"
        yield _row(case, FIRST_ROWS, repeats, lambda: first_rows(folder / next(fresh), cache))
        for number in range(runs):
            shutil.copytree(folder / "before", folder / "runs" / str(number))
        yield _row(f"jaxdl list of {runs} runs", LIST, repeats, lambda: listed(folder / "runs"))
        command = [sys.executable, "-m", "benchmarks.reports", ALONE, str(folder / "search")]

        def report() -> float:
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            return float(done.stdout.split()[-1])

        report()  # runs the search
        trials = len((folder / "search" / LEDGER).read_text().splitlines())
        case = f"import of jaxdl.report, and the flagship's report of {trials} trials"
        yield _row(case, REPORT, repeats, report)


def _row(case: str, asked: float, repeats: int, measured: Callable[[], float]) -> Row:
    (found,) = harness.alternate(repeats, measured)
    return harness.within(case, found, asked, "what is asked for")


if __name__ == "__main__":
    if ALONE in sys.argv:
        print(reported(sys.argv[-1]))
    else:
        harness.main(__doc__ or "", measure)
