"""What a person sees while a sweep runs: a bar on a terminal, plain lines elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from rich import progress as columns
from rich.console import Console

SECONDS_BETWEEN_LINES = 5.0


class Progress:
    """Counts trials and seconds, and shows nothing. Compilation is counted apart."""

    def __init__(self) -> None:
        self.trials = self.compilations = self.failed = 0
        self.before = self.done = self.running = self.compiling = 0.0
        self.began = time.perf_counter()
        self.blocks = 0
        """Of `showing`, one within the other."""
        self.ready: Callable[[], object] = lambda: None
        """Called when a program is compiled and is to run."""

    def start(self, trials: int, done: int) -> None:
        """A round begins: `done` of `trials` were finished by an earlier one, or earlier launch.

        What failed is tried again; what the rounds so far have done goes on counting for the rate.
        """
        fresh = self.done - self.before
        self.trials, self.before, self.done, self.failed = trials, done - fresh, float(done), 0
        self.show("")

    def compiled(self, program: str, count: int, seconds: float) -> None:
        """`count` functions of a program were compiled in `seconds`."""
        self.compilations += count
        self.compiling += seconds
        self.show(program)
        self.ready()

    def advance(self, program: str, trials: float, seconds: float) -> None:
        """A segment took `seconds`; it was worth `trials` trials (a fraction of each)."""
        self.done += trials
        self.running += seconds
        self.show(program)

    def resumed(self, program: str, trials: float) -> None:
        """An earlier launch had done work worth so many trials of a chunk."""
        self.before += trials
        self.advance(program, trials, 0.0)

    def recount(self, done: float) -> None:
        """`done` trials are done: what a chunk had begun is lost."""
        self.done = done

    def show(self, program: str) -> None:
        """Called after each change."""

    def note(self, text: str) -> None:
        """One line for the reader."""

    def finish(self) -> None:
        """No more will come."""

    def aside(self, what: str) -> contextlib.AbstractContextManager[Any]:
        """Says, while the block lasts, that something else than trials is under way."""
        self.note(what)
        return contextlib.nullcontext()

    @property
    def rate(self) -> float:
        """Trials per second of running time; nan before the first."""
        return (self.done - self.before) / self.running if self.running else float("nan")

    def __str__(self) -> str:
        fresh = self.done - self.before
        counted = f"{self.done:.0f}/{self.trials} trials"
        if self.failed:
            counted += f", {self.failed} failed"
        compiled = f"{self.compilations} compilations in {self.compiling:.1f} s"
        if not fresh or not self.running:
            return f"{counted}, {compiled}"
        ahead = self.trials - self.failed - self.done
        left = ahead * (time.perf_counter() - self.began) / fresh
        return f"{counted}, {self.rate:.3g} trials/s, {compiled}, left {_clock(left)}"


class Lines(Progress):
    """A plain line every few seconds, for logs and pipes."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.stream = stream
        self.last = 0.0

    def show(self, program: str) -> None:
        if program and time.perf_counter() - self.last > SECONDS_BETWEEN_LINES:
            self.last = time.perf_counter()
            self.note(f"{program}: {self}")

    def note(self, text: str) -> None:
        print(text, file=self.stream, flush=True)

    def finish(self) -> None:
        if self.trials:
            self.note(str(self))


class Bar(Progress):
    """A live bar for a terminal."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.bar = columns.Progress(
            columns.TextColumn("{task.description:<10}"),
            columns.BarColumn(bar_width=20),
            columns.TaskProgressColumn(),
            columns.TextColumn("{task.fields[line]}"),
            console=Console(file=stream),
        )
        self.row = self.bar.add_task("", line="", total=None)

    def show(self, program: str) -> None:
        self.bar.start()
        self.bar.update(
            self.row, description=program, total=self.trials, completed=self.done, line=str(self)
        )

    def note(self, text: str) -> None:
        self.bar.console.print(text, highlight=False, markup=False)

    def finish(self) -> None:
        self.bar.stop()

    def aside(self, what: str) -> contextlib.AbstractContextManager[Any]:
        return self.bar.console.status(what)


def reporter(stream: TextIO | None = None) -> Progress:
    """A bar if `stream` (default: stderr) is a terminal, lines if not."""
    stream = sys.stderr if stream is None else stream
    return Bar(stream) if stream.isatty() else Lines(stream)


@contextlib.contextmanager
def showing(progress: Progress | None) -> Iterator[Progress]:
    """That progress, or a `reporter()`; it finishes where the outermost such block ends.

    Raises ValueError for what is no progress.
    """
    shown = reporter() if progress is None else progress
    if not isinstance(shown, Progress):
        raise ValueError(f"progress: sweep.Progress() shows nothing; {shown!r} is none")
    shown.blocks += 1
    try:
        yield shown
    finally:
        shown.blocks -= 1
        if not shown.blocks:
            shown.finish()


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
