"""What is said of a hyperparameter that a program wants as a Python number."""

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from support import tiny_sweep as tiny

from jaxdl import sweep, tasks
from jaxdl.optimizers import adam


def schedule(h):
    return tiny.task({"initializer": 1}), optax.adam(
        optax.warmup_cosine_decay_schedule(0.0, h["peak"], 2, 10)
    )


def dropout(h):
    model = nn.Sequential([nn.Dense(4), nn.Dropout(h["rate"], deterministic=False), nn.Dense(2)])
    return tasks.classification(model), adam(h["peak"])


def branch(h):
    return tiny.task({"initializer": 1}), adam(0.1 if h["rate"] > 0.5 else 0.2)


def width(h):
    return tasks.classification(nn.Sequential([nn.Dense(h["units"]), nn.Dense(2)])), adam(0.1)


def to_numpy(h):
    return tiny.task({"initializer": 1}), adam(float(np.sqrt(h["rate"])))


CASES = {
    "schedule": (schedule, "peak", "schedules.scaled"),
    "dropout": (dropout, "rate", "layers.Dropout takes a traced rate"),
    "branch": (branch, "rate", "jnp.where or lax.cond"),
    "width": (width, "units", "one program for each value"),
    "numpy": (to_numpy, "rate", "jnp.where"),
}


@pytest.mark.parametrize(("build", "name", "remedy"), CASES.values(), ids=CASES)
def test_the_hyperparameter_the_place_and_the_remedy_are_named(tmp_path, build, name, remedy):
    run = sweep.make_run(build, steps=2, batch_size=8)
    trials = sweep.trials(["a"], sweep.grid(peak=[0.1], rate=[0.1, 0.2], units=[3, 4]), [0])
    with pytest.raises(sweep.Failed) as failure:
        sweep.execute({"a": run}, trials, tiny.DATA, workdir=tmp_path)
    message = str(failure.value)
    assert message.startswith(f"program a: {name} is used as a Python number in line ")
    assert remedy in message
    assert "\n" not in message


def test_a_hyperparameter_that_the_trials_lack_is_named(tmp_path):
    def build(h):
        return tiny.task({"initializer": 1}), adam(h["learning_rate"])

    run = sweep.make_run(build, steps=2, batch_size=8)
    trials = sweep.trials(["a"], sweep.grid(lr=[0.1, 0.2]), [0])
    with pytest.raises(sweep.Failed) as failure:
        sweep.execute({"a": run}, trials, tiny.DATA, workdir=tmp_path)
    assert str(failure.value) == (
        "program a: the run asks for the hyperparameter 'learning_rate'; its trials have lr"
    )


def test_a_training_split_that_is_not_there_is_named(tmp_path):
    def build(h):
        return tiny.task({"initializer": 1}), adam(h["lr"])

    run = sweep.make_run(build, steps=2, batch_size=8)
    trials = sweep.trials(["a"], sweep.grid(lr=[0.1]), [0])
    data = {"validation": tiny.DATA["validation"]}
    with pytest.raises(sweep.Failed) as failure:
        sweep.execute({"a": run}, trials, data, workdir=tmp_path)
    assert str(failure.value) == (
        "program a: the run trains on data['train']; the splits that it was given are validation"
    )


def test_another_key_that_is_missing_is_not_taken_for_a_hyperparameter(tmp_path):
    def build(h):
        return tiny.task({"initializer": 1}), adam({"rate": h["lr"]}["learning_rate"])

    run = sweep.make_run(build, steps=2, batch_size=8)
    trials = sweep.trials(["a"], sweep.grid(lr=[0.1]), [0])
    with pytest.raises(sweep.Failed, match="program a: KeyError: 'learning_rate'"):
        sweep.execute({"a": run}, trials, tiny.DATA, workdir=tmp_path)


def transformed(update):
    """A run by SGD whose gradients and count go through `(gradients, count) -> both`."""
    tx = optax.GradientTransformation(
        lambda params: jnp.zeros((), jnp.int32),
        lambda updates, count, params=None: update(updates, count),
    )
    return sweep.make_run(
        lambda h: (tiny.task({"initializer": 1}), optax.chain(tx, optax.sgd(h["lr"]))),
        steps=2,
        batch_size=8,
    )


def calling(updates, count):
    """Raises as XLA does of a callback: a real one would be waited for when Python ends."""
    raise RuntimeError(
        "INTERNAL: CpuCallback error calling callback: Traceback (most recent call last):\n"
        '  File "mine.py", line 3, in refuse\nRuntimeError: 0 is too large\nfor this'
    )


@pytest.mark.parametrize(
    ("update", "said"),
    [
        (calling, "RuntimeError: INTERNAL: .* callback: RuntimeError: 0 is too large$"),
        (lambda updates, count: (updates, count + 0.5), "differ: .*int32.*float32"),
    ],
)
def test_what_a_message_announces_in_its_first_line_is_told_with_it(tmp_path, update, said):
    trials = sweep.trials(["a"], sweep.grid(lr=[0.1]), [0])
    with pytest.raises(sweep.Failed, match=said) as failure:
        sweep.execute({"a": transformed(update)}, trials, tiny.DATA, workdir=tmp_path)
    assert "\n" not in str(failure.value)
