"""Whether a module is told that it trains, whatever its argument for that is named."""

import functools
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import tasks, train
from jaxdl.layers.dropout import Dropout
from jaxdl.optimizers import sgd
from jaxdl.tasks import language_model, linen

KEY = jax.random.key(0)
ONES = jnp.ones((4, 5000))


class Dropped(nn.Module):
    """Dropout of 0.9, beside statistics of the batch."""

    def trained(self, x, trains):
        nn.BatchNorm(use_running_average=not trains)(x)
        return Dropout(0.9)(x, train=trains)


class Train(Dropped):
    @nn.compact
    def __call__(self, x, *, train):
        return self.trained(x, train)


class Training(Dropped):
    @nn.compact
    def __call__(self, x, training=False):
        return self.trained(x, training)


class IsTraining(Dropped):
    @nn.compact
    def __call__(self, x, is_training: bool = False):
        return self.trained(x, is_training)


class Deterministic(Dropped):
    @nn.compact
    def __call__(self, x, deterministic=True):
        return self.trained(x, not deterministic)


class UseRunningAverage(Dropped):
    @nn.compact
    def __call__(self, x, *, use_running_average=True):
        return self.trained(x, not use_running_average)


class TrainField(Dropped):
    train: bool = False

    @nn.compact
    def __call__(self, x):
        return self.trained(x, self.train)


class DeterministicField(Dropped):
    deterministic: bool = True

    @nn.compact
    def __call__(self, x):
        return self.trained(x, not self.deterministic)


ARGUMENTS = [Train, Training, IsTraining, Deterministic, UseRunningAverage]


@pytest.mark.parametrize("model", [*ARGUMENTS, TrainField, DeterministicField])
def test_dropout_and_statistics_follow_the_argument_that_the_module_has(model):
    model = model()
    params, state = linen.init(model, KEY, ONES)
    train = jax.jit(lambda: linen.apply(model, params, state, ONES, train=True, key=KEY))
    trained, moved = jax.device_get(train())
    # Nine of ten are dropped, the others ten times as large.
    assert (trained == 0).mean() == pytest.approx(0.9, abs=0.01)
    assert trained.max() == pytest.approx(10)
    np.testing.assert_allclose(moved["batch_stats"]["BatchNorm_0"]["mean"], 0.01, rtol=1e-5)
    after, kept = linen.apply(model, params, state, ONES, train=False)
    np.testing.assert_array_equal(after, ONES)
    assert kept is state


@pytest.mark.parametrize("lifted", [nn.jit(Training, static_argnums=2), nn.remat(Training)])
def test_lifted_modules_are_told_as_well(lifted):
    assert linen._flags(lifted(), (ONES,), True, {}) == {"training": True}


class Both(nn.Module):
    def __call__(self, x, train=False, deterministic=True):
        return x


class Anything(nn.Module):
    def __call__(self, x, **options):
        return x


class Sounds(nn.Module):
    def __call__(self, x, inference=True):
        return x


class Needs(nn.Module):
    def __call__(self, x, temperature, *, train):
        return x


class Quiet(nn.Module):
    def __call__(self, x, train=False):
        return x


@pytest.mark.parametrize(
    ("model", "line"),
    [
        (Both(), "Both takes both train and deterministic"),
        (Anything(), r"Anything.__call__ takes \*\*options, in which no argument says"),
        (Sounds(), "would keep inference=True in training: name that argument as one of train,"),
        (Needs(), r"is called as Needs\(..., train=\): missing a required argument: 'temperature'"),
        (nn.Sequential([nn.Dense(2), Quiet()]), "does not tell Quiet its train"),
        (nn.Sequential([nn.Sequential([Quiet()])]), "does not tell Quiet its train"),
    ],
    ids=["two", "kwargs", "unknown name", "needed", "sequential", "nested"],
)
def test_what_cannot_be_told_is_refused(model, line):
    with pytest.raises(TypeError, match=line):
        linen.init(model, KEY, ONES)


def test_models_without_an_argument_for_it_are_not_told():
    layers = [nn.Dense(2), nn.relu]
    linen.init(nn.Sequential(layers), KEY, ONES)
    linen.init(nn.Dense(2), KEY, ONES)


def test_a_carried_language_model_is_told_by_any_name():
    class Model(nn.Module):
        @nn.compact
        def __call__(self, x, carry=None, *, deterministic):
            carry = jnp.zeros((len(x), 2)) if carry is None else carry
            return carry + 1, nn.Embed(5, 5)(x)

    batch = {"x": np.zeros((2, 3), int), "y": np.zeros((2, 3), int), "start": np.zeros(2)}
    task = language_model(Model(), carried=True)

    @jax.jit
    def step():
        return train.step(task, sgd(0.1), train.init(task, sgd(0.1), KEY, batch), batch)[0]

    np.testing.assert_array_equal(step().model_state["carry"], np.ones((2, 2)))


def test_a_traced_rate_of_flax_dropout_names_the_layer_that_takes_one():
    def build(rate):
        class Dropped(nn.Module):
            @nn.compact
            def __call__(self, x, *, train):
                return nn.Dropout(rate)(x, deterministic=not train)

        return linen.init(Dropped(), KEY, ONES)

    with pytest.raises(TypeError, match=r"use jaxdl.layers.dropout.Dropout, whose rate may be"):
        jax.jit(build)(0.5)


def test_another_traced_condition_keeps_its_own_error():
    def build(rate):
        class Branching(nn.Module):
            def __call__(self, x):
                return x if rate > 0 else -x

        return linen.init(Branching(), KEY, ONES)

    with pytest.raises(jax.errors.TracerBoolConversionError):
        jax.jit(build)(0.5)


@pytest.mark.parametrize(
    ("width", "shape", "remedy"),
    [(1, (4,), r"give the targets as y\[:, None\]"), (None, (4, 1), r"as y\[:, 0\]")],
)
@pytest.mark.parametrize("loss", [None, lambda a, b: (a - b) ** 2], ids=["default", "own"])
def test_targets_of_another_rank_than_the_outputs_name_the_remedy(width, shape, remedy, loss):
    class Scores(nn.Module):
        @nn.compact
        def __call__(self, x):
            outputs = nn.Dense(1)(x)
            return outputs if width else outputs[:, 0]

    options = {} if loss is None else {"loss": loss}
    task = tasks.regression(Scores(), **options)
    batch = {"x": np.ones((4, 3), np.float32), "y": np.zeros(shape, np.float32)}
    params, state = jax.eval_shape(task.init, KEY, batch)
    with pytest.raises(ValueError, match=remedy):
        jax.eval_shape(functools.partial(task.loss, train=True), params, state, batch, KEY)


class Encoder(nn.Module):
    """Gives one array, of two rows for two examples."""

    @nn.compact
    def __call__(self, x, *others, train):
        return nn.Embed(5, 4)(x)


TOKENS = np.ones((2, 4), np.int32)


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (tasks.language_model, "(carry, logits [B, T, V])"),
        (tasks.sequence_to_sequence, "(logits [B, T, V], attention)"),
        (tasks.drawn_attention, "(logits [B, T, V], attention drawn)"),
        (tasks.bidirectional_language_model, "(logits ahead, logits back)"),
    ],
)
def test_an_array_of_two_rows_is_no_pair(task, named):
    made, batch = task(Encoder()), {"x": TOKENS, "y": TOKENS}

    def loss():
        params, model_state = made.init(jax.random.key(0), batch)
        return made.loss(params, model_state, batch, jax.random.key(1), train=True)

    with pytest.raises(TypeError, match=re.escape(f", where {named} is needed")) as raised:
        jax.eval_shape(loss)
    assert "Encoder gives one array [2, " in str(raised.value)
