"""As what an experiment was launched: in this process, and in others as scripts and modules."""

import importlib
import os
import subprocess
import sys

import pytest
from support import pages

from jaxdl import launch
from jaxdl.launch import launched

FILE = """
from jaxdl import launch
from jaxdl.launch import launched

def plan(config): ...
def conclude(config, plan, results): ...

mine = launch.Experiment(launch.Config, plan, conclude)
print(launched.name_of(mine), *launched.words_of(mine))
"""

BROKEN = '''"""
Which of two is better: the one,
    or the other?

More of it.
"""
'''


def test_an_imported_module_is_launched_by_its_name():
    module = importlib.import_module("experiments.xor")
    mine = launch.Experiment(module.Config, module.plan, module.conclude)
    assert launched.name_of(mine) == "xor"
    assert launched.command_of(mine, "--a=b c") == "python -m experiments.xor '--a=b c'"


def test_the_question_is_the_first_sentence_of_the_file_however_it_is_broken(tmp_path, monkeypatch):
    (tmp_path / "broken_question.py").write_text(BROKEN + FILE)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("broken_question")
    assert launched.question_of(module.mine) == "Which of two is better: the one, or the other?"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (("own/my file.py",), "my file {folder}/own/my file.py"),
        (("-m", "own.thing"), "thing -m own.thing"),
    ],
)
def test_a_script_is_its_file_and_a_module_its_name(tmp_path, command, said):
    (tmp_path / "own").mkdir()
    for name in ("my file.py", "thing.py"):
        (tmp_path / "own" / name).write_text(FILE)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(pages.ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == said.format(folder=tmp_path) + "\n", done.stderr


def test_what_is_in_no_file_is_told(tmp_path):
    program = FILE.replace("print(", "launch.main(mine)\nprint(")
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=pages.ROOT, capture_output=True, text=True
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
