"""Every experiment, for a few steps, through the launcher."""

import importlib
import json
import pkgutil
import re

import pytest

import experiments
from jaxdl import stats
from jaxdl.launch import config, runner

NAMES = [module.name for module in pkgutil.iter_modules(experiments.__path__)]
SHORT = {"steps": "4", "seeds": "2"}
# What else is cut down where the time goes into compiling many programs.
FEWER = {
    "autoencoders": {"channels": "4", "learning_rates": "0.003"},
    "backprop_cost": {"widths": "16,64", "depths": "1,2"},
    "batch_norm": {"depth": "2", "rates": "4"},
    "batch_sizes": {"batch_sizes": "8,32"},
    "captions": {"scenes": "64", "features": "4,4", "width": "8"},
    "char_rnn": {"characters": "80000", "hidden": "8"},
    "cnn_vs_mlp": {"channels": "2,4", "hidden": "16"},
    "context_length": {"contexts": "8"},
    "counting": {"cells": "lstm", "trained": "2", "tested": "6"},
    "deblurring": {"patches": "64", "features": "4"},
    "digits_cnn": {"channels": "4,8", "hidden": "16", "learning_rates": "0.01"},
    "ensembles": {"tables": "wine", "members": "3"},
    "exploding_gradients": {"scales": "0.5,1.5", "length": "10"},
    "gan_digits": {"features": "8,4"},
    "gradient_lag": {"cells": "elman,lstm", "lag": "5", "hidden": "4"},
    "hashing_trick": {"documents": "40", "bits": "4,10"},
    "input_scaling": {"datasets": "wine"},
    "long_memory": {
        "cells": "lstm",
        "adding_lengths": "20",
        "copy_lengths": "20",
        "learning_rates": "0.01",
    },
    "ngram_vs_neural": {"words": "20000", "vocabulary": "200", "features": "4", "hidden": "8"},
    "norms_and_batch_size": {"batch_sizes": "2,16"},
    "optimizers_x_initializers": {"optimizers": "sgd,adam", "learning_rates": "0.01,0.1"},
    "padding": {"steps": "2", "buckets": "2", "units": "8", "batch_size": "512"},
    "pretrained_embeddings": {
        "words": "5000",
        "vocabulary": "500",
        "dimensions": "8",
        "learning_rates": "0.01",
    },
    "pronunciation": {"words": "200", "width": "8", "learning_rates": "0.003"},
    "recurrent_dropout": {"characters": "2000", "width": "8", "rates": "0.5"},
    "residual_depth": {"depths": "8,14", "channels": "4"},
    "shuffling": {"examples": "20,50"},
    "siamese_retrieval": {"words": "200", "width": "8", "learning_rates": "0.01"},
    "signal_propagation": {"depth": "4", "width": "16", "activations": "relu,tanh,sigmoid"},
    "skip_thoughts": {"documents": "300", "vocabulary": "100", "width": "8"},
    "softmax_cost": {"sizes": "100,300"},
    "sparse_features": {"size": "32", "optimizers": "adagrad,sgd"},
    "tagging": {
        "documents": "1000",
        "hidden": "8",
        "taggers": "two directions,forward",
        "learning_rates": "0.01",
    },
    "text_cnn": {"documents": "2000", "bodies": "bag of words,n-grams", "learning_rates": "0.003"},
    "unseen_words": {"documents": "600", "dimensions": "8", "buckets": "500", "epochs": "1"},
    "wavefront": {"widths": "8", "layers": "1,2", "lengths": "8,16"},
    "word_order": {"documents": "300", "features": "4"},
    "word_windows": {"documents": "400", "dimensions": "8"},
}


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
def test_no_claim_is_run_with_fewer_seeds_than_its_interval_needs(name):
    module = module_of(name)
    documented = re.findall(r"--config.seeds=(\d+)", module.__doc__)
    seeds = [module.FIELDS["seeds"].default, *map(int, documented)]
    assert min(seeds) >= stats.FEWEST


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
    values = SHORT | FEWER.get(name, {})
    arguments = [f"--config.{key}={value}" for key, value in values.items()]
    command = config.parse(["x", f"--workdir={tmp_path / 'run'}", *arguments], module.FIELDS, name)
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
