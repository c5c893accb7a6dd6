"""Every experiment, for a few steps, through the launcher."""

import importlib
import json
import pkgutil
import re

import pytest

import experiments
from jaxdl.launch import config, runner

NAMES = [module.name for module in pkgutil.iter_modules(experiments.__path__)]
SHORT = ("--config.steps=4", "--config.seeds=2")


def module_of(name):
    return importlib.import_module(f"experiments.{name}")


@pytest.mark.parametrize("name", NAMES)
def test_the_head_of_the_file_says_what_a_reader_needs(name):
    head = module_of(name).__doc__
    assert re.search(r"^Claims?:", head, re.MULTILINE)
    assert f"python -m experiments.{name}" in head
    assert re.search(r"^Minutes: [0-9.]+", head, re.MULTILINE)
    assert re.search(r"^Last result: [0-9]{4}-[0-9]{2}-[0-9]{2}", head, re.MULTILINE)
    assert "RESULT" not in head


@pytest.mark.parametrize("name", NAMES)
def test_a_run_can_be_repeated_from_its_configuration_alone(name, tmp_path):
    fields = module_of(name).FIELDS
    first = config.parse(["x"], fields, name).config
    (tmp_path / "config.json").write_text(json.dumps(first.to_dict()))
    again = config.parse(["x", f"--config={tmp_path / 'config.json'}"], fields, name).config
    assert again.to_dict() == first.to_dict()


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_go_the_whole_way(name, tmp_path, capsys):
    module = module_of(name)
    experiment = runner.Experiment(module.FIELDS, module.plan, module.conclude)
    command = config.parse(["x", f"--workdir={tmp_path / 'run'}", *SHORT], module.FIELDS, name)
    assert runner.launch(experiment, name, command) == 0
    verdict = json.loads((tmp_path / "run/verdict.json").read_text())
    assert verdict["seeds"] == 2
    assert verdict["claims"]
    for claim in verdict["claims"]:
        assert claim["verdict"] in ("holds", "fails", "inconclusive", "depends")
    page = (tmp_path / "run/report.html").read_text()
    assert "data:image/png" in page or name in TABLE_ONLY
    assert "report.html" in capsys.readouterr().out


TABLE_ONLY = ("linear_models",)
