"""An experiment in a file of the user's own, that of the guide, from a folder outside of here."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest
from support import pages
from support.processes import wait_for

GUIDE = (pages.ROOT / "docs/pages/guides/experiment.md").read_text()
OWN, ANALYSIS = re.findall(r"```python title=.*?\n(.*?)```", GUIDE, re.DOTALL)
FEW = ("--config.steps=20", "--config.seeds=2")


def environment():
    own = {**os.environ, "PYTHONPATH": str(pages.ROOT)}
    own.pop("JAX_NUM_CPU_DEVICES")
    return own


def start(folder, *command):
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(folder, *command):
    process = start(folder, *command)
    out, err = process.communicate()
    return process.returncode, out, err


def rows(workdir):
    return (workdir / "trials.jsonl").read_text()


def losses(workdir):
    found = map(json.loads, rows(workdir).splitlines())
    return {row["trial"]: row["test_loss"] for row in found}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """With `runs/wide`, launched as a script."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mine.py").write_text(OWN)
    code, out, err = run(folder, "mine.py", "--workdir=runs/wide", *FEW)
    assert (code, "report.html" in out) == (0, True), err
    return folder


def test_it_is_short_and_has_report_and_verdict(folder):
    assert len(OWN.splitlines()) <= 30
    (claim,) = json.loads((folder / "runs/wide/verdict.json").read_text())["claims"]
    assert claim["verdict"] in ("holds", "fails", "inconclusive")
    facts = json.loads((folder / "runs/wide/environment.json").read_text())
    assert facts["device"].startswith(f"{len(os.sched_getaffinity(0))} × CPU core")
    assert facts["file"] == str(folder / "mine.py")


def test_help_and_dry_run_come_for_free(folder):
    code, out, _ = run(folder, "-m", "jaxdl", "run", "mine.py", "--help")
    assert code == 0
    assert f"Usage: python {folder / 'mine.py'} [FLAGS]" in out
    assert "--config.rates=0.001,0.003,0.01" in out
    code, out, err = run(folder, "mine.py", "--dry_run", "--workdir=runs/dry", *FEW)
    assert code == 0, err
    assert "2 programs, 12 trials" in out
    assert not (folder / "runs/dry").exists()


def test_a_mistake_is_one_line_and_a_finished_run_is_complete(folder):
    code, out, err = run(folder, "-m", "jaxdl", "run", "mine.py", "--config.rate=1")
    assert (code, out, err.count("\n")) == (2, "", 1), err
    code, out, _ = run(folder, "-m", "jaxdl", "run", "mine.py", "--workdir=runs/wide", *FEW)
    assert (code, "is complete" in out) == (0, True)


def test_killed_the_same_command_goes_on(folder):
    workdir = folder / "runs/killed"
    command = ("-m", "jaxdl", "run", "mine.py", f"--workdir={workdir}", *FEW)
    process = start(folder, *command)
    wait_for((workdir / "trials.jsonl").exists, process)
    process.kill()  # the first program has ended, the second is compiled
    process.communicate()
    assert '"status": "interrupted"' in run(folder, "-m", "jaxdl", "list", "--json")[1]
    code, _, err = run(folder, *command)
    assert code == 0, err
    assert rows(workdir) == rows(folder / "runs/wide")


def test_the_command_of_the_report_repeats_it_from_anywhere(folder, tmp_path):
    page = (folder / "runs/wide/report.md").read_text()
    line = re.search(r"How to repeat it.*?```\w*\s+(.*?)\s+```", page, re.DOTALL)[1]
    python, *words = shlex.split(line)
    assert python == "python"
    code, _, err = run(tmp_path, *words)
    assert code == 0, err
    assert rows(folder / "runs/wide_again") == rows(folder / "runs/wide")


def test_it_is_repeated_and_compared_only_by_the_file_that_is_named(folder):
    command = ("-m", "jaxdl", "repeat", "runs/wide", "--to", "runs/again")
    code, _, err = run(folder, *command)
    assert (code, err.count("\n")) == (2, 1)
    assert f"add --experiment={folder / 'mine.py'}" in err
    code, out, err = run(folder, *command, "--experiment=mine.py")
    assert code == 0, out + err


def test_its_trials_run_in_other_processes_too(folder):
    more = ("--launcher=processes", "--workers=1", "--workdir=runs/elsewhere")
    code, _, err = run(folder, "mine.py", *more, *FEW)
    assert code == 0, err
    here, there = losses(folder / "runs/wide"), losses(folder / "runs/elsewhere")
    assert there == pytest.approx(here, rel=1e-4)


def test_the_analysis_of_the_guide_reads_it(folder):
    code, out, err = run(folder, "-c", ANALYSIS)
    assert code == 0, err
    assert "16 units" in out
    assert "(12, 20)" in out
