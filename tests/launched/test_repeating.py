"""The command at the end of a report, given to a shell, makes the same run again."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from support import pages

SMALL = (
    "--config.steps=20",
    "--config.seeds=2",
    "--config.hidden=0,2",
    "--config.learning_rates=0.1",
)


def run(words, folder):
    ended = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(pages.ROOT)},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def repeated(workdir):
    """The words of the command that the page shows, after `python`."""
    (shown,) = re.findall(r"```\n(python .*)\n```", (workdir / "report.md").read_text())
    python, *words = shlex.split(shown)
    assert python == "python"
    return words


def what_was_found(workdir):
    verdict = json.loads((workdir / "verdict.json").read_text())
    return verdict["claims"], verdict["seeds"], json.loads((workdir / "config.json").read_text())


@pytest.mark.parametrize("spaces", ["run", "a run"])
def test_an_experiment_of_the_checkout_is_repeated_as_it_was(tmp_path, spaces):
    first = tmp_path / spaces
    run(["-m", "experiments.xor", f"--workdir={first}", *SMALL], pages.ROOT)
    words = repeated(first)
    assert words[:2] == ["-m", "experiments.xor"]
    run(words, pages.ROOT)
    again = tmp_path / f"{spaces}_again"
    assert what_was_found(again) == what_was_found(first)
    assert what_was_found(again)[2]["steps"] == 20
