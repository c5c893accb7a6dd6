"""The claims of the comparison of optimizers."""

import json

import pytest
from support.compared import made_up

from benchmarks import optimizers, run_all, stress, suite
from jaxdl import launch
from jaxdl.launch import config

NAN = float("nan")


def test_a_candidate_that_diverges_where_the_baseline_does_not_has_lost():
    good = [0.9, 0.8, 0.7, 0.85, 0.75]
    for scores, verdict in (
        ({"a": [NAN] * 5, "b": good}, "fails"),
        ({"a": good, "b": [NAN] * 5}, "holds"),
        ({"a": [NAN] * 5, "b": [NAN] * 5}, "inconclusive"),
        ({"a": [NAN] * 3, "b": good[:3]}, "fails"),
    ):
        found = made_up(**scores)
        judged = optimizers.judged(found, found.study.workloads[0])
        assert judged.verdict == verdict
        assert (
            judged.claim
            == "a run of the candidate is better than one of the strongest baseline (digits_mlp)"
        )
    lost = made_up(a=[NAN] * 3, b=good[:3])
    assert lost.text().startswith("a loses on digits_mlp (3 of 3 seeds of a diverged: a run is")


def test_a_candidate_that_is_worse_by_the_same_on_every_seed_has_lost():
    """A run of a deterministic problem is one run, whatever the seed: there is no spread."""
    for a, b, verdict, how in (
        ([0.5] * 5, [0.9] * 5, "fails", "loses"),
        ([0.9] * 3, [0.5] * 3, "holds", "wins"),
        ([0.9] * 5, [0.9] * 5, "inconclusive", "ties"),
        # By two hundredths on each, but runs of one seed and another overlap.
        ([0.52, 0.54, 0.56], [0.5, 0.52, 0.54], "inconclusive", "ties"),
    ):
        found = made_up(a=a, b=b)
        (workload,) = found.study.workloads
        assert optimizers.judged(found, workload).verdict == verdict
        assert found.outcome(workload, "b") == how
        assert found.text().startswith(f"a {how} on digits_mlp (")


def test_where_all_end_the_claim_is_of_the_difference():
    found = made_up(a=[0.9, 0.91, 0.92], b=[0.5, 0.5, 0.5])
    judged = optimizers.judged(found, found.study.workloads[0])
    assert (judged.verdict, judged.claim) == (
        "holds",
        "the candidate is better than the strongest baseline (digits_mlp)",
    )


def test_the_figures_of_a_run_are_kept_beside_those_of_others(tmp_path, monkeypatch):
    monkeypatch.setattr(run_all, "FOLDER", tmp_path)
    monkeypatch.setattr(run_all, "RESULTS", tmp_path)
    (tmp_path / "run").mkdir()
    facts = {"device": "2 × CPU core", "date": "2026-11-30", "python": "3.11", "jax": "0.10.2"}
    facts |= {"flax": "0.12.8", "optax": "0.2.8", "command": ["--config.quick=true"]}
    (tmp_path / "run/environment.json").write_text(json.dumps(facts))
    (tmp_path / "run/verdict.json").write_text('{"seconds": 600}')
    (tmp_path / "run/figures.md").write_text("words\n\n| a |\n")
    said = optimizers.record(tmp_path / "run", "cpu")
    assert said == f"kept in {tmp_path / 'optimizers.cpu.md'}"
    text = (tmp_path / "RESULTS.md").read_text()
    assert text.startswith(run_all.HEAD)
    assert "\n## optimizers: 2 × CPU core\n\nPython 3.11, jax 0.10.2, flax" in text
    assert "--config.quick=true` in 10 minutes.\n\nwords\n\n| a |\n" in text
    with pytest.raises(ValueError, match="not a plain file name"):
        optimizers.record(tmp_path / "run", "../cpu")


def test_the_suite_is_as_large_as_it_says():
    settings = suite.get_config()
    assert len(settings.workloads) >= 8
    assert len({settings.candidate, *settings.baselines}) >= 8
    assert (settings.points, settings.seeds) == (7, 3)
    study, name = optimizers.study(settings)
    study.check()
    assert name == settings.candidate


def test_a_candidate_of_another_kind_has_baselines_and_workloads_of_its_kind(tmp_path, monkeypatch):
    (tmp_path / "my_kinds.py").write_text(
        "import jax\n"
        "def draw(key, shape, dtype):\n"
        "    return jax.random.normal(key, shape, dtype)\n"
        "def half(steps):\n"
        "    return lambda step: 0.5\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def asked(*given):
        return optimizers.study(config.parse(["x", *given], optimizers.Config, "x").config)

    study, name = asked("--config.candidate=my_kinds:draw", "--config.optimizer=sgd")
    assert list(study.entrants) == [name, "own initializer"] == ["draw", "own initializer"]
    assert study.workloads[0].name == "digits_mlp"
    study, _ = asked("--config.candidate=my_kinds:half", "--config.quick=true")
    assert list(study.entrants) == ["half", "constant", "cosine"]
    with pytest.raises(launch.UserError, match="'adam' is no schedule here: give module"):
        asked("--config.candidate=my_kinds:half", "--config.baselines=adam")
    with pytest.raises(launch.UserError, match=r"'adan' is none of sgd, .*; did you mean adam"):
        asked("--config.candidate=adam", "--config.optimizer=adan")
    with pytest.raises(launch.UserError, match="half is of the kind schedule, no optimizer"):
        stress.exam(stress.Config(candidate="my_kinds:half"))


def test_a_grid_has_36_rates_and_halton_three_studies_of_five():
    given = {"": 36, "--config.protocol=halton": 15, "--config.quick=true": 8}
    for text, points in given.items():
        asked = config.parse(["x", *filter(None, [text])], optimizers.Config, "x").config
        assert optimizers.study(asked)[0].points == points
