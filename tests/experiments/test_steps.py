"""A number of steps that no usual number of segments divides is trained in full."""

import importlib

import jax
import numpy as np
import pytest

from jaxdl import sweep
from jaxdl.launch import config

STEPS = 39


def plan_of(name):
    module = importlib.import_module(f"experiments.{name}")
    arguments = ["x", f"--config.steps={STEPS}", "--config.seeds=2"]
    settings = config.parse(arguments, module.Config, name).config
    return module, settings, module.plan(settings)


def test_small_data_trains_every_step():
    _, _, plan = plan_of("small_data")
    run, trial = plan.programs["MLP"], plan.trials[0]
    hparams = {name: np.float32(0.5) for name in trial.hparams} | {"condition": np.int32(0)}
    hparams |= {name: np.int32(v) for name, v in trial.hparams.items() if isinstance(v, int)}
    state = jax.eval_shape(lambda h, d: run.init(h, jax.random.key(0), d), hparams, plan.data)
    _, curves = jax.eval_shape(run.advance, hparams, state, plan.data)
    assert plan.segments * curves["loss"].shape[0] == STEPS


@pytest.mark.parametrize("name", ["gan_digits", "gan_ring"])
def test_games_train_every_step(name):
    _, settings, plan = plan_of(name)
    assert plan.segments * settings.segment == STEPS


@pytest.mark.parametrize(("steps", "most", "count"), [(39, 20, 13), (40, 20, 20), (7, 5, 1)])
def test_segments_are_of_one_length_and_leave_nothing_out(steps, most, count):
    assert sweep.segments(steps, most) == count
