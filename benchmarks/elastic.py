"""A sweep on a Dask cluster whose workers come and go: 4 workers, two killed, one that joins late,
the driver killed once and started again; then the same by one worker, and the ledgers compared.

    python -m benchmarks.elastic --workdir=runs/elastic  # 2,000 digits trials
    python -m benchmarks.elastic --workdir=runs/elastic --trials=48 --steps=20

It prints what `docs/cluster.md` reckons with: rows a second, bytes a trial, seconds a part.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import digits

if TYPE_CHECKING:
    from jaxdl import sweep

WORKERS = 4
EVENTS = ((0.2, "a worker killed"), (0.4, "the driver killed"), (0.5, "a worker joins"))
"""Share of rows in the ledger after which something happens."""
LAST = (0.6, "a worker killed")
ONE_DEVICE = {"JAX_NUM_CPU_DEVICES": "1", "NPROC": "2"}


def plan(trials: int, steps: int) -> "sweep.Plan":
    """Digits, one program, a rate for each trial; for workers, too."""
    from jaxdl import sweep

    return sweep.Plan(**digits.sweep_of(trials, steps))


def drive(workdir: Path, trials: int, steps: int, workers: int) -> None:
    """The driver: of a Dask cluster if the environment names one, else of processes here."""
    from jaxdl import cluster, sweep

    elastic = "DASK_SCHEDULER_ADDRESS" in os.environ
    cluster.execute(
        plan(trials, steps),
        cluster.command("benchmarks.elastic:plan", workdir, trials=trials, steps=steps),
        workdir=workdir,
        launcher=cluster.Elastic(workers) if elastic else cluster.Processes(workers),
        progress=sweep.reporter(),
    )


class Show:
    """A cluster on this machine, and a driver that runs a sweep on it."""

    def __init__(self, arguments: argparse.Namespace, workdir: Path) -> None:
        self.arguments, self.workdir = arguments, workdir
        self.processes: list[subprocess.Popen[bytes]] = []
        file = workdir.with_suffix(".scheduler.json")
        file.unlink(missing_ok=True)
        scheduler = self._start(
            "distributed.cli.dask_scheduler",
            "--scheduler-file",
            file,
            "--port=0",
            "--host=127.0.0.1",
            "--no-dashboard",
        )
        while not file.exists() and scheduler.poll() is None:
            time.sleep(0.1)
        self.address = json.loads(file.read_text())["address"]
        self.members: list[subprocess.Popen[bytes]] = []

    def _start(self, module: str, *words: object, **more: str) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            [sys.executable, "-m", module, *map(str, words)],
            env={**os.environ, **ONE_DEVICE, **more},
        )
        self.processes.append(process)
        return process

    def join(self) -> None:
        """One worker more."""
        words = (self.address, "--nthreads=1", "--no-nanny", "--no-dashboard")
        self.members.append(self._start("distributed.cli.dask_worker", *words))

    def drive(self) -> "subprocess.Popen[bytes]":
        """Starts the driver."""
        process = driver(self.arguments, self.workdir, DASK_SCHEDULER_ADDRESS=self.address)
        self.processes.append(process)
        return process

    def run(self) -> None:
        """Until all trials have rows."""
        for _ in range(self.arguments.workers):
            self.join()
        process = self.drive()
        for share, event in (*EVENTS, LAST):
            while rows(self.workdir) < share * self.arguments.trials and process.poll() is None:
                time.sleep(0.1)
            print(f"{rows(self.workdir)} rows: {event}", flush=True)
            if event == "the driver killed":
                process.kill()
                process.wait()
                process = self.drive()
            elif event == "a worker joins":
                self.join()
            else:
                self.members.pop(0).kill()
        if process.wait():
            raise SystemExit(f"the driver ended with exit code {process.returncode}")

    def end(self) -> None:
        """Ends all that is left of the cluster, and of its drivers."""
        for process in self.processes:
            process.kill()
            process.wait()


def driver(arguments: argparse.Namespace, workdir: Path, **more: str) -> "subprocess.Popen[bytes]":
    """A process that drives a sweep in this workdir."""
    sizes = [f"--{name}={getattr(arguments, name)}" for name in ("trials", "steps", "workers")]
    words = ["-m", "benchmarks.elastic", f"--workdir={workdir}", *sizes, "--drive"]
    return subprocess.Popen([sys.executable, *words], env={**os.environ, **ONE_DEVICE, **more})


def rows(workdir: Path) -> int:
    """Rows in the ledger."""
    path = workdir / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def timed(function: Callable[[], Any]) -> float:
    """Seconds that a call took."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def told(workdir: Path, seconds: float) -> Iterator[str]:
    """What a sweep took, in words."""
    clock = [json.loads(line) for line in (workdir / "clock.jsonl").read_text().splitlines()]
    ran = [noted["running"] for noted in clock if "running" in noted]
    count = rows(workdir)
    yield f"{count / seconds:.3g} rows a second, {seconds:.0f} s"
    for name in ("trials.jsonl", "curves.npz"):
        yield f"{(workdir / name).stat().st_size / count:.0f} bytes a trial in {name}"
    yield f"{sum(ran) / len(ran):.3g} s a chunk of lanes, {len(ran)} of them"
    yield f"{sum(noted.get('compiling', 0.0) for noted in clock):.3g} s of compiling, all together"


def merging(workdir: Path, parts: int = 200) -> str:
    """How fast a driver merges parts, of rows and curves such as those of this workdir."""
    from jaxdl import sweep
    from jaxdl.sweep import ledger, store
    from jaxdl.sweep import parts as chunks

    of, size = ledger.read(workdir / "trials.jsonl"), 10
    curves = {name: values[:size] for name, values in store.read_curves(workdir).items()}
    target, trial = workdir / "merging", sweep.Trial("adam", {}, 0)
    for number in range(parts):
        chunks.write(target, f"{number:016}", chunks.Part([trial], size, size))
        place = chunks.folder(target, f"{number:016}")
        mine = [{**row, "trial": f"{number}-{n}"} for n, row in enumerate(of[:size])]
        ledger.append(place / "trials.jsonl", [*mine, {**of[0], "trial": sweep.trial_id(trial)}])
        store._write_npz(place / "curves.npz", curves)
        (place / "conditions.json").write_text((workdir / "conditions.json").read_text())
    found = chunks.found(target)
    seconds = timed(lambda: [chunks.merge(target, f"{n:016}", found) for n in range(parts)])
    return f"{1e3 * seconds / parts:.3g} ms to merge a part: {parts / seconds:.0f} parts a second"


def main() -> None:
    """Runs the demonstration, or with `--drive` the driver of one."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--workdir", type=Path, required=True)
    parser.add_argument("--trials", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=digits.STEPS)
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("--drive", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.drive:
        drive(arguments.workdir, arguments.trials, arguments.steps, arguments.workers)
        return
    arguments.workdir.mkdir(parents=True, exist_ok=True)
    elastic, one = arguments.workdir / "elastic", arguments.workdir / "one"
    with contextlib.ExitStack() as stack:
        show = Show(arguments, elastic)
        stack.callback(show.end)
        seconds = timed(show.run)
    print("\n".join(["elastic:", *told(elastic, seconds)]), flush=True)
    arguments.workers = 1
    seconds = timed(lambda: driver(arguments, one).wait())
    print("\n".join(["one worker:", *told(one, seconds), merging(one)]), flush=True)
    ours, theirs = (
        sorted((each / "trials.jsonl").read_text().splitlines()) for each in (elastic, one)
    )
    trials = {json.loads(line)["trial"] for line in ours}
    print(f"{len(ours)} rows of {len(trials)} trials; {len(set(ours) ^ set(theirs))} rows differ")
    raise SystemExit(ours != theirs)


if __name__ == "__main__":
    main()
