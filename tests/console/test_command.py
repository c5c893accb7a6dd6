"""The command line `jaxdl`, and how fast it says what it can do."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from jaxdl import console

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "VERB"),
        (["verfy", "x"], "did you mean verify?"),
        (["verify"], "WORKDIR"),
        (["repeat", "x"], "--to"),
        (["watch", "x", "--twice"], "--twice"),
        (["lst"], "did you mean list?"),
        (["diff", "x"], "WORKDIR"),
        (["run"], "required: experiment;"),
    ],
)
def test_a_mistake_is_one_line(capsys, monkeypatch, arguments, message):
    monkeypatch.setattr(sys, "argv", ["jaxdl", *arguments])
    with pytest.raises(SystemExit) as ended:
        console.main()
    out, err = capsys.readouterr()
    assert (ended.value.code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_help_takes_no_time():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "jaxdl", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert all(verb in done.stdout for verb in console.VERBS)
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.5
