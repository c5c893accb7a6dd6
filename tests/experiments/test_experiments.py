"""Every experiment: its head, its configuration, its plan and programs, its conclusion."""

import importlib
import json
import math
import pkgutil
import re

import pytest
from support import short, synthetic

import experiments
from jaxdl import clocks, launch, report, stats
from jaxdl.launch import config
from jaxdl.launch.experiment import Conclusion

NAMES = [
    module.name
    for module in pkgutil.iter_modules(experiments.__path__)
    if not module.name.startswith("_")
]
every = pytest.mark.parametrize("name", NAMES)


def module_of(name):
    return importlib.import_module(f"experiments.{name}")


@every
def test_the_head_of_the_file_says_what_a_reader_needs(name):
    head = module_of(name).__doc__
    assert re.search(rf"^    python -m experiments\.{name} ", head, re.MULTILINE)
    assert re.search(r"# [0-9.]+( to [0-9.]+)? minutes? on 2 cores", head)


@every
def test_claims_are_declared_and_printed_by_help(name):
    module = module_of(name)
    assert module.CLAIMS
    for claim in module.CLAIMS:
        assert isinstance(claim, report.Claim)
        assert math.isfinite(claim.threshold)
        # Shares are fractions in code, whatever print makes of them.
        if claim.unit in ("%", "points"):
            assert abs(claim.threshold) <= 1


@every
def test_no_claim_is_run_with_fewer_seeds_than_its_interval_needs(name):
    module = module_of(name)
    documented = re.findall(r"--config.seeds=(\d+)", module.__doc__)
    seeds = [module.Config().seeds, *map(int, documented)]
    assert min(seeds) >= stats.FEWEST


@every
def test_a_run_can_be_repeated_from_its_configuration_alone(name, tmp_path):
    kind = module_of(name).Config
    assert issubclass(kind, launch.Config)
    first = config.parse(["x"], kind, name).config
    (tmp_path / "config.json").write_text(json.dumps(first.to_dict()))
    again = config.parse(["x", f"--config={tmp_path / 'config.json'}"], kind, name).config
    assert again == first == kind()


@every
def test_a_ledger_with_diverged_and_missing_trials_is_concluded(name, tmp_path, monkeypatch):
    monkeypatch.setattr(clocks, "in_turn", synthetic.in_turn)
    module = module_of(name)
    settings = short.SHORT | {"seeds": "3"} | short.FEWER.get(name, {})
    arguments = [f"--config.{key}={value}" for key, value in settings.items()]
    chosen = config.parse(["x", *arguments], module.Config, name).config
    (tmp_path / "fresh").mkdir()
    plan = synthetic.Unrun(*module.plan(chosen)._replace(workdir=tmp_path))
    found = synthetic.results(plan, tmp_path)
    confirmed = []
    if hasattr(module, "confirm"):
        second = module.confirm(chosen, plan, found)
        confirmed.append(synthetic.results(second, tmp_path / "fresh", missing=0))
    conclusion = module.conclude(chosen, plan, found, *confirmed)
    assert isinstance(conclusion, Conclusion)
    declared = {claim.row for claim in module.CLAIMS}
    assert {claim.row for claim in conclusion.claims} <= declared
    for claim in conclusion.claims:
        json.dumps(report.to_json(claim), allow_nan=False)
    page = report.write(report.Report(name, "", tuple(conclusion.sections)), tmp_path)
    assert page.stat().st_size > 1000
