"""What `jaxdl run` launches; that it really does is in `tests/launched/test_own_file.py`."""

import pytest

from jaxdl import _cpu, console
from jaxdl.console import run


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES")
    return tmp_path


def test_a_name_is_a_module_of_a_checkout_on_every_core(here, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/other")
    words, environment = run.command("xor")
    assert words == ("-m", "experiments.xor")
    assert environment["PYTHONPATH"].endswith(":/other")
    assert environment["JAX_NUM_CPU_DEVICES"] == str(_cpu.count())


def test_that_of_the_current_folder_goes_first(here):
    (here / "experiments").mkdir()
    (here / "experiments/xor.py").touch()
    assert run.command("xor")[1]["PYTHONPATH"].split(":")[0] == str(here)


def test_where_no_experiments_are_it_is_said_where_they_are():
    said = run._hint("optimizers_x_initializers", {})
    assert said.startswith(": there are none here; go to a checkout of jaxdl")


def test_a_file_is_a_file_whatever_its_name(here):
    (here / "xor.py").touch()
    assert run.command("xor.py")[0] == ("xor.py",)
    assert run.command(str(here / "xor.py"))[0] == (str(here / "xor.py"),)


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        ("xro", "did you mean xor?"),
        ("unheard_of", "such as mine.py"),
        ("unheard_of.py", "there is no file unheard_of.py"),
        ("own", "did you mean own.py?"),
        ("_small_bert", "no experiment is named _small_bert"),
    ],
)
def test_what_is_not_there_is_one_line(here, capsys, experiment, message):
    (here / "own.py").touch()
    assert console.main(["run", experiment, "--workdir=x"]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
