"""Every experiment, for a few steps, through the launcher: `make test-experiments`."""

import html
import importlib
import json
import pkgutil

import pytest
from support import short

import experiments
from jaxdl import launch
from jaxdl.launch import config, runner

NAMES = [
    module.name
    for module in pkgutil.iter_modules(experiments.__path__)
    if not module.name.startswith("_")
]
TABLE_ONLY = ("linear_models",)


@pytest.mark.parametrize("name", NAMES)
def test_a_few_steps_go_the_whole_way(name, tmp_path, capsys):
    module = importlib.import_module(f"experiments.{name}")
    confirm = getattr(module, "confirm", None)
    experiment = launch.Experiment(
        module.Config, module.plan, module.conclude, module.CLAIMS, confirm=confirm
    )
    values = short.SHORT | short.FEWER.get(name, {})
    arguments = [f"--config.{key}={value}" for key, value in values.items()]
    command = config.parse(["x", f"--workdir={tmp_path / 'run'}", *arguments], module.Config, name)
    assert runner.launch(experiment, name, command) == 0
    verdict = json.loads((tmp_path / "run/verdict.json").read_text())
    assert verdict["claims"]
    for claim in verdict["claims"]:
        assert claim["verdict"] in ("holds", "fails", "inconclusive", "depends")
    page = (tmp_path / "run/report.html").read_text()
    assert "data:image/png" in page or name in TABLE_ONLY
    asked = html.escape(module.__doc__.splitlines()[0])
    assert f'<p class="question">{asked}' in page
    assert "report.html" in capsys.readouterr().out
