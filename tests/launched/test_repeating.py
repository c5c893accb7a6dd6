"""The command at the end of a report, given to a shell, makes the same run again."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support import pages

SMALL = (
    "--config.steps=20",
    "--config.seeds=2",
    "--config.hidden=0,2",
    "--config.learning_rates=0.1",
)
OWN = '''"""A number that each seed draws."""

from jaxdl import launch, report, stats, sweep
from jaxdl.launch import setting

CLAIMS = (report.Claim("mine", "points are below ten", "point", below=10),)


class Config(launch.Config):
    """Where points are."""

    scale: float = setting(1.0, "Of the points.")


def plan(config):
    return sweep.untrained("draw", [{"x": config.scale * 2}], seeds=3)


def conclude(config, plan, results):
    found = stats.mean_interval(results.frame()["x"])
    return launch.Conclusion([CLAIMS[0].judge(found)], [])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
'''


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


def test_a_file_of_the_users_own_is_repeated_as_it_was(tmp_path):
    (tmp_path / "my").mkdir()
    (tmp_path / "my/points.py").write_text(OWN)
    out = run(["my/points.py", "--workdir=runs/points", "--config.scale=2.5"], tmp_path)
    assert "points are below ten. Point: 5, to be below 10" in out
    words = repeated(tmp_path / "runs/points")
    assert words == [
        "my/points.py",
        "--config=runs/points/config.json",
        "--workdir=runs/points_again",
    ]
    run(words, tmp_path)
    first, again = Path("runs/points"), Path("runs/points_again")
    assert what_was_found(tmp_path / again) == what_was_found(tmp_path / first)
    assert "Usage: python my/points.py [FLAGS]" in run(["my/points.py", "--help"], tmp_path)
