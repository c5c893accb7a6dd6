"""The command `jaxdl`: what is asked of a workdir from a terminal, one verb a module.

A verb is imported when it is asked for, so that `jaxdl --help` takes no time.
"""

import argparse
import difflib
import importlib
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

USER_ERROR = 2
"""The exit code for a mistake in the command. Of a verb: 0, all is as it should be; 1, not so."""

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with a command."""

    def error(self, message: str) -> NoReturn:
        verbs = [word for word in sys.argv[1:] if not word.startswith("-")]
        near = (
            difflib.get_close_matches(verbs[0], ["verify", "repeat", "watch", "export"], 1)
            if verbs
            else []
        )
        hint = f"did you mean {near[0]}?" if near and near[0] != verbs[0] else f"see {self.prog} -h"
        print(f"{self.prog}: {message}; {hint}", file=sys.stderr)
        sys.exit(USER_ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="jaxdl", description="What is asked of a workdir from a terminal.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, text: str, workdir: str) -> argparse.ArgumentParser:
        made = verbs.add_parser(name, help=text, description=text)
        made.add_argument("workdir", type=Path, metavar="WORKDIR", help=workdir)
        return made

    verb(
        "verify",
        "Say in a table what is in a workdir and whether it is whole. Exit code 0: it is; 1: "
        "something is damaged.",
        "of a sweep, or of training on a stream",
    )
    repeat = verb(
        "repeat",
        "Run an experiment again from its config.json alone and compare bit by bit. Exit code 0: "
        "equal; 1: something differs.",
        "of an experiment",
    )
    repeat.add_argument(
        "--to", type=Path, required=True, metavar="NEW", help="workdir of the second run"
    )
    export = verb(
        "export", "Write the chosen model as a file that JAX alone reads.", "of a finished run"
    )
    export.add_argument(
        "--to", type=Path, required=True, metavar="FILE", help="a ZIP file to write"
    )
    watch = verb(
        "watch",
        "Show how a run goes on, until it is over or Ctrl-C.",
        "of a sweep, or of training on a stream",
    )
    watch.add_argument("--once", action="store_true", help="show what there is now, and end")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Does what a command line (default: that of the process) asks for; returns the exit code."""
    arguments = vars(_parser().parse_args(argv))
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    verb = importlib.import_module(f"jaxdl.console.{arguments.pop('verb')}")
    launch = importlib.import_module("jaxdl.launch")
    try:
        return verb.run(**arguments)
    except launch.UserError as error:
        print(f"jaxdl: {error}", file=sys.stderr)
        return USER_ERROR
