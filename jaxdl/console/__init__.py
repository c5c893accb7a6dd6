"""The command `jaxdl`: experiments and what they have left, from a terminal, one verb a module.

A verb is imported when it is asked for, so that `jaxdl --help` takes no time.
"""

import argparse
import importlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from jaxdl._errors import UserError
from jaxdl._text import meant

USER_ERROR = 2
"""The exit code for a mistake in the command. Of a verb: 0, all is as it should be; 1, not so."""
VERBS = "run", "list", "watch", "open", "diff", "verify", "repeat", "export"

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command."""

    def error(self, message: str) -> NoReturn:
        verb = next((word for word in sys.argv[1:] if not word.startswith("-")), "")
        hint = "" if verb in VERBS else meant(verb, VERBS)
        print(f"{self.prog}: {message}{hint or f'; see {self.prog} -h'}", file=sys.stderr)
        sys.exit(USER_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="jaxdl", description="Experiments and their workdirs, from a terminal.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str, **workdirs: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        for workdir, of in workdirs.items():
            made.add_argument(workdir, type=Path, metavar="WORKDIR", help=of)
        return made

    run = verb(
        "run",
        "Launch an experiment, as `python -m experiments.NAME` or `python FILE` does. Exit code 0: "
        "done; 1: failed; 2: a mistake in the command; 75: interrupted.",
    )
    run.add_argument(
        "experiment", help="NAME, of a file in experiments/; or the FILE of one of your own"
    )
    run.add_argument(
        "flags", nargs=argparse.REMAINDER, help="those of the experiment: --workdir, --help, ..."
    ).required = False  # some versions of Python ask for at least one
    listed = verb("list", "List the runs in a folder and below it, the newest first.")
    listed.add_argument(
        "folder", nargs="?", type=Path, default=Path("runs"), metavar="DIR", help="default: runs"
    )
    listed.add_argument("--json", dest="as_json", action="store_true", help="for programs")
    _add_verbs_of_runs(verb)
    return parser


def _add_verbs_of_runs(verb: Callable[..., argparse.ArgumentParser]) -> None:
    """Those that take the workdir of one run, or of two."""
    of_both = "of a sweep, or of training on a stream"
    watch = verb("watch", "Show how a run goes on, until it is over or Ctrl-C.", workdir=of_both)
    watch.add_argument("--once", action="store_true", help="show what there is now, and end")
    verb("open", "Show the report of a run in the browser.", workdir="of an experiment")
    verb(
        "diff",
        "Say in a table what two runs differ in: configuration, environment, conditions, results. "
        "Exit code 0: nothing; 1: something.",
        first=of_both,
        second="of the run that is compared with it",
    )
    verb(
        "verify",
        "Say in a table what is in a workdir and whether it is whole. Exit code 0: it is; 1: "
        "something is damaged.",
        workdir=of_both,
    )
    repeat = verb(
        "repeat",
        "Run an experiment again from its config.json alone and compare bit by bit. Exit code 0: "
        "equal; 1: something differs.",
        workdir="of an experiment",
    )
    repeat.add_argument(
        "--to", type=Path, required=True, metavar="NEW", help="workdir of the second run"
    )
    repeat.add_argument(
        "--experiment", default="", metavar="FILE", help="that made it, where it was a file's"
    )
    export = verb(
        "export",
        "Write the chosen model as a file that JAX alone reads.",
        workdir="of a finished run",
    )
    export.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="a ZIP file to write"
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Does what a command line (default: that of the process) asks for; returns the exit code."""
    arguments = vars(_parser().parse_args(argv))
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    verb = importlib.import_module(f"jaxdl.console.{arguments.pop('verb')}")
    try:
        return verb.run(**arguments)
    except UserError as error:
        print(f"jaxdl: {error}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        if error.filename is None:
            raise
        print(f"jaxdl: {error.filename}: {error.strerror}", file=sys.stderr)
        return USER_ERROR
