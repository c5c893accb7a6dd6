"""What a sweep runs: programs, the trials of each, and their data."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from jaxdl.sweep import _options, chunk
from jaxdl.sweep._replay import kept_state, replay
from jaxdl.sweep.engine import check_prune, run_all
from jaxdl.sweep.progress import Progress, showing
from jaxdl.sweep.results import Results, warn_if_nothing
from jaxdl.sweep.run import NO_DATA, Data, Run, without_training
from jaxdl.sweep.rungs import Halving
from jaxdl.sweep.space import Point, Trial, trial_id, trials
from jaxdl.types import TrainState


class Plan(NamedTuple):
    """What a sweep runs; see `execute`, whose arguments these are.

    prune: successive halving, see `execute`.
    keep_states: for few trials or small ones, the states that `replay` then reads.
    keep_curves, batched: for many trials of few numbers: False, and True.
    ask: for a search in rounds, `(workdir, results so far) -> all trials so far`, asked again and
        again until there is none that has not run; `asked` makes one.
    follow: how many trials an experiment runs besides, in `confirm` or again in `conclude`.
    workdir: of the run, once it has one.
    """

    programs: Mapping[str, Run]
    trials: Sequence[Trial]
    data: Data
    segments: int = 1
    categories: Mapping[str, Sequence[str]] = {}
    labels: Mapping[str, Mapping[str, str]] = {}
    prune: Halving | None = None
    keep_states: bool = False
    keep_curves: bool = True
    batched: bool = False
    ask: Callable[[Path, Results], Sequence[Trial]] | None = None
    follow: int = 0
    workdir: Path | None = None

    def __repr__(self) -> str:
        """What it runs, without its data."""
        counts = Counter(trial.program for trial in self.trials)
        listed = ", ".join(f"{count} trials of {name}" for name, count in counts.items())
        return f"Plan({listed or 'no trials'}; segments={self.segments})"

    def execute(self, workdir: str | Path, **options: Any) -> Results:
        """Runs what is left of it, as `sweep.execute` does."""
        return warn_if_nothing(self.run_all(workdir, **options))

    def run_all(
        self, workdir: str | Path, *, progress: Progress | None = None, **options: Any
    ) -> Results:
        """`execute` for a part of something larger: does not warn where nothing came out."""
        _options.check_names(options, _options.NAMES)
        workdir = Path(workdir)
        with showing(progress) as shown:

            def run(trials: Sequence[Trial]) -> Results:
                return run_all(
                    self.programs,
                    trials,
                    self.data,
                    workdir=workdir,
                    segments=self.segments,
                    categories=self.categories,
                    labels=self.labels,
                    prune=self.prune,
                    keep_states=self.keep_states,
                    keep_curves=self.keep_curves,
                    batched=self.batched,
                    progress=shown,
                    **options,
                )

            return self.in_rounds(workdir, run)

    def check(self) -> None:
        """Raises PruneError, and compiles nothing, for rungs or a metric that there are not."""
        if self.prune is not None:
            self.prune.check(self.segments)
        check_prune(self.prune, self.programs, self.trials, self.data, self.categories)

    def in_rounds(self, workdir: Path, run: Callable[[Sequence[Trial]], Results]) -> Results:
        """What `run` finds of the trials, and of those that are asked for in the light of it."""
        found, trials = run(self.trials), list(self.trials)
        while self.ask is not None:
            asked = list(self.ask(workdir, found))
            if not {*map(trial_id, asked)} - {*map(trial_id, trials)}:
                break
            found, trials = run(asked), asked
        return found

    def replay(self, row: Mapping[str, Any]) -> TrainState:
        """The state at the end of the trial of a row of its results: that of the run itself where
        it was kept, else of the same run again, bit for bit where the device gives equal bits."""
        trial = self._trial(row)
        run = self.programs[trial.program]
        if self.workdir is not None:
            kept = kept_state(self.workdir, run, trial, row, self.data, self.categories)
            if kept is not None:
                return kept
        return replay(
            run,
            trial,
            self.data,
            segments=self.segments,
            lanes=int(row["lanes"]),
            categories=self.categories,
            row=row,
            batched=self.batched,
        )

    def _trial(self, row: Mapping[str, Any]) -> Trial:
        """That of a row, be it asked for."""
        mine = [trial for trial in self.trials if trial.program == row["program"]]
        for trial in mine:
            if trial_id(trial) == row["trial"]:
                return trial
        point = {name: type(value)(row[name]) for name, value in mine[0].hparams.items()}
        return Trial(row["program"], point, int(row["seed"]))


def plan(
    programs: Mapping[str, tuple[Run, Sequence[Point]]],
    data: Data,
    *,
    seeds: int,
    column: str = "program",
    labels: Mapping[str, Mapping[str, str]] | None = None,
    **options: Any,
) -> Plan:
    """Each program with its points, crossed with the seeds 0 … `seeds` − 1.

    Args:
        programs: `{name: (run, points)}`; the points of `grid`, `halton` or `random`.
        data: what every run is given.
        seeds: how many.
        column: under which the names of the programs stand in the results, beside `program`.
        labels: further columns, `{name of a program: {column: value}}`.
        options: `segments`, `categories` and so on, as in `Plan`. ValueError for a text in a point
            that is not among the categories.

    Raises ValueError for another option, for seeds that are no number of them, and for a program
    that is no `(run, points)`.
    """
    _options.check_names(options, Plan._fields[3:])
    _options.check_count("seeds", seeds)
    for name, given in programs.items():
        if not isinstance(given, tuple) or len(given) != 2:
            raise ValueError(
                f"programs: give (run, points) of {name}, not a {type(given).__name__}"
            )
    runs = {name: run for name, (run, _) in programs.items()}
    tried: list[Trial] = []
    for name, (_, points) in programs.items():
        mine = trials([name], points, range(seeds))
        chunk.columns(mine, options.get("categories", {}))
        tried += mine
    known = {name: dict((labels or {}).get(name, {})) for name in programs}
    if column != "program":
        known = {name: {column: name, **columns} for name, columns in known.items()}
    return Plan(runs, tried, data, labels=known if any(known.values()) else {}, **options)


def untrained(
    program: str,
    points: Sequence[Point],
    *,
    seeds: int,
    evaluate: Callable[[Any, TrainState, Data], dict[str, Any]] = lambda *_: {},
) -> Plan:
    """A plan that trains nothing: what its trials are about is measured in `conclude`.

    evaluate: what else is said of a point, as in `without_training`.
    """
    return plan({program: (without_training(evaluate), points)}, NO_DATA, seeds=seeds)


def segments(steps: int, at_most: int) -> int:
    """The most segments of one length, up to so many, that training of `steps` is divided into."""
    return max(count for count in range(1, at_most + 1) if steps % count == 0)
