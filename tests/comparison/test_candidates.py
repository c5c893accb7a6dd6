"""Candidates of all kinds: told by what they return, and what is wrong with one in a line."""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import comparison, initializers, losses, workloads
from jaxdl.comparison import ENTRANTS, USUAL, Study, against, entrant, find, kind_of
from jaxdl.optimizers import adam, schedules
from jaxdl.sweep.distributions import Choice, LogUniform, Uniform

DIGITS = workloads.named("digits_mlp")._replace(steps=20)


def falling(steps):
    return lambda step: 1 - step / steps


def small_uniform(key, shape, dtype=jnp.float32):
    return jax.random.uniform(key, shape, dtype, -0.1, 0.1)


def squared(logits, labels):
    return ((jax.nn.softmax(logits) - jax.nn.one_hot(labels, logits.shape[-1])) ** 2).sum(axis=-1)


@pytest.mark.parametrize(
    ("candidate", "kind"),
    [
        (adam, "optimizer"),
        (lambda learning_rate: optax.adam(learning_rate), "optimizer"),
        (falling, "schedule"),
        (schedules.cosine, "schedule"),
        (functools.partial(schedules.cosine, floor=0.1), "schedule"),
        (small_uniform, "initializer"),
        (initializers.he_normal, "initializer"),
        (initializers.orthogonal, "initializer"),
        (nn.initializers.normal(0.1), "initializer"),
        (squared, "loss"),
        (losses.softmax_cross_entropy, "loss"),
        (optax.softmax_cross_entropy_with_integer_labels, "loss"),
    ],
)
def test_a_candidate_is_told_by_what_it_returns(candidate, kind):
    assert kind_of(candidate) == kind
    assert entrant(candidate).kind == kind


def test_every_initializer_is_one():
    assert {kind_of(init) for init in initializers.INITIALIZERS.values()} == {"initializer"}


def raising(error):
    def made(learning_rate):
        raise error

    return made


WRONG = {
    "mine cannot be made of {'learning_rate': 0.001}: ValueError: two lines": raising(
        ValueError("two\nlines")
    ),
    "mine cannot be made of {'learning_rate': 0.001}: KeyError": raising(KeyError()),
    "mine cannot be made of {'learning_rate': 0.001}: SystemExit: 3": raising(SystemExit(3)),
    "its shape gives nan at step 0 of 100": lambda steps: lambda step: jnp.nan * step,
    "its shape gives -1 at step 0 of 100": lambda steps: lambda step: step - 1,
    "its shape raises TracerBoolConversionError": lambda steps: lambda step: 1 if step else 0.5,
    "mine gives float32[6, 8] for the shape (8, 6)": lambda key, shape, dtype=jnp.float32: jnp.ones(
        shape[::-1], dtype
    ),
    "mine raises TypeError": lambda key, shape: jnp.ones(shape),
    "mine gives float32[] for 4 examples: a float for each": lambda outputs, labels: (
        optax.softmax_cross_entropy_with_integer_labels(outputs, labels).mean()
    ),
    "mine is not finite": lambda outputs, labels: jnp.log(outputs[:, 0]),
    "mine needs one and two. As an optimizer it is to need the rate alone": lambda one, two: (
        one.nothing
    ),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_wrong_is_said_in_one_line(said):
    with pytest.raises(ValueError) as caught:
        entrant(WRONG[said], "mine")
    assert str(caught.value).startswith(said if said.startswith("mine") else f"mine: {said}")
    assert "\n" not in str(caught.value)


def test_a_wrong_signature_is_not_quoted_as_what_it_does_not_mean_to_be():
    rate = "the rate alone: give the others defaults, or the function a `space` and `defaults`"
    said = {
        f"needs a and b. As an optimizer it is to need {rate}": lambda a, b: a.nothing,
        "needs key and size. As an initializer it gives TypeError: ": lambda key, size: size + key,
        "needs outputs and y. As a loss it gives NoneType": lambda outputs, y: None,
    }
    for words, function in said.items():
        with pytest.raises(ValueError) as caught:
            entrant(function, "mine")
        before, *others = str(caught.value).partition(" (an optimizer is")
        assert before.startswith(f"mine {words}")
        assert before.count("it gives") == ("it gives" in words)
        assert others[0]


def heavy(learning_rate, decay):
    return optax.sgd(learning_rate, momentum=decay)


def with_space(**space):
    def made(rate, decay):
        return heavy(rate, decay)

    made.space = space
    return made


def test_an_optimizer_may_need_more_than_a_rate():
    made = with_space(rate=LogUniform(1e-3, 1.0), decay=Uniform(0.5, 0.9))
    made.defaults = {}
    assert entrant(made).kind == "optimizer"
    assert entrant(made).point().keys() == {"rate", "decay"}
    with pytest.raises(
        ValueError, match=r"heavy cannot be made of {'learning_rate': 0.001}: .*dec"
    ):
        entrant(heavy, "heavy")


NO_SPACE = {
    r"mine: the space of rate is \(0.1, 1.0\), no LogUniform": {"rate": (0.1, 1.0)},
    "mine: decay: give numbers, such as the index of a name": {"decay": Choice(["a", "b"])},
}


def no_start(params):
    raise RuntimeError("no start")


CHANGED = {
    "its init raises RuntimeError: no start": (no_start, lambda state: state),
    "its state['count'] is int32[] at first and float32[] after": (
        lambda params: {"count": jnp.zeros((), jnp.int32)},
        lambda state: {"count": state["count"] + 0.5}),
    "its state['point']['matrix'] is float32[4, 3] at first and float32[1, 4, 3] after": (
        lambda params: {"point": params}, lambda state: jax.tree.map(lambda x: x[None], state)),
    "its state['count'] is not there at first and float32[] after": (
        lambda params: {}, lambda state: {**state, "count": jnp.zeros(())}),
    "its update changes the structure of its state": (
        lambda params: (params,), lambda state: [*state]),
}  # fmt: skip


@pytest.mark.parametrize("said", CHANGED)
def test_a_state_that_a_loop_cannot_carry_is_said_in_one_line(said):
    init, changed = CHANGED[said]
    tx = optax.GradientTransformation(init, lambda grad, state, params: (grad, changed(state)))
    with pytest.raises(ValueError) as caught:
        entrant(lambda learning_rate: tx, "mine")
    assert str(caught.value).startswith(f"mine: {said}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["space", "defaults"])
def test_a_space_that_is_no_dict_is_said_in_one_line(what):
    def mine(learning_rate):
        return optax.sgd(learning_rate)

    setattr(mine, what, LogUniform(1e-3, 1.0))
    with pytest.raises(ValueError, match=f"mine: its {what} is to be a dict by hyperparameter"):
        entrant(mine, "mine")


@pytest.mark.parametrize("said", NO_SPACE)
def test_what_is_no_space_is_said_in_one_line(said):
    with pytest.raises(ValueError, match=said):
        entrant(with_space(**NO_SPACE[said]), "mine")


PARTS = {
    "mine: its shape gives nan at step 0": {"shape": lambda steps: lambda step: step * jnp.nan},
    "mine gives float32\\[3\\] for the shape": {"kernel_init": lambda *_: jnp.ones(3)},
    "mine gives float32\\[\\] for 4 examples": {"loss": lambda outputs, labels: outputs.mean()},
}


@pytest.mark.parametrize("said", PARTS)
def test_the_parts_of_an_entrant_are_looked_at_too(said):
    with pytest.raises(ValueError, match=said):
        entrant(ENTRANTS["sgd"]._replace(**PARTS[said]), "mine")


def test_the_rest_of_the_training_is_that_of_the_optimizer():
    one = entrant(squared, optimizer="sgd")
    assert one._replace(loss=None) == ENTRANTS["sgd"]
    with pytest.raises(ValueError, match="optimizer: 'sdg' is none of sgd, momentum"):
        entrant(squared, optimizer="sdg")


def test_baselines_are_of_the_kind_of_the_candidate():
    schedule = entrant(falling)
    name, found = against("falling", schedule, ("constant", "cosine"))
    assert (name, list(found)) == ("falling", ["falling", "constant", "cosine"])
    assert found["cosine"].shape is schedules.cosine
    assert float(found["constant"].shape(10)(3)) == 1
    _, found = against("mine", entrant(small_uniform), ("own", "orthogonal"))
    assert found["own initializer"] == ENTRANTS["adam"]
    assert found["orthogonal"].kernel_init is initializers.orthogonal
    with pytest.raises(ValueError, match="'adam' is no initializer here: give module:function"):
        against("mine", entrant(small_uniform), ("adam",))
    with pytest.raises(ValueError, match=r"which function of this file\? Give draws.py:function"):
        against("mine", entrant(small_uniform), ("draws.py",))
    with pytest.raises(
        ValueError, match="is of the kind loss, the candidate is of the kind optimizer"
    ):
        against("mine", ENTRANTS["adam"], ("jaxdl.losses:softmax_cross_entropy",))


@pytest.mark.parametrize("kind", USUAL)
def test_the_usual_workloads_take_candidates_of_their_kind(kind):
    given = {"schedule": falling, "initializer": small_uniform, "loss": squared}
    one = entrant(given.get(kind, adam))
    _, found = against("mine", one, USUAL[kind].baselines)
    for names in (USUAL[kind].workloads, USUAL[kind].quick):
        Study(found, [workloads.named(name) for name in names]).check()


def test_workloads_that_take_none_say_so():
    with pytest.raises(ValueError, match="ravine has no weights: it takes no initializer"):
        comparison.compare(small_uniform, workloads=("ravine",))
    with pytest.raises(ValueError, match="breast_cancer takes no loss: it is measured by its dist"):
        comparison.compare(squared, workloads=("breast_cancer",))


def test_a_candidate_of_another_kind_trains_in_its_own_way():
    _, found = against("mine", entrant(small_uniform), ("own",))
    mine, own = (Study(found, [DIGITS]).run(DIGITS, one) for one in found.values())
    data = {DIGITS.name: DIGITS.data()}
    key, hparams = jax.random.key(0), {"learning_rate": 1e-3}
    first = jax.jit(lambda: [run.init(hparams, key, data).params for run in (mine, own)])
    weights = [np.abs(params["Dense_1"]["kernel"]) for params in first()]
    assert weights[0].max() <= 0.1 < weights[1].max()

    options = {"protocol": "defaults", "seeds": 1, "fresh_seeds": 3}
    lost = comparison.compare(squared, workloads=[DIGITS], **options)
    assert list(lost.study.entrants) == ["squared", "own loss"]
    by = lost.fresh.pivot(index="seed", columns="optimizer", values="test_loss")
    # Of ten classes below 1, where the logarithm has more.
    assert (by["squared"] < by["own loss"]).all()
    assert lost.text().startswith("squared ")


def test_a_flat_schedule_is_the_constant_rate():
    def flat(steps):
        return lambda step: jnp.ones_like(step, dtype=jnp.float32)

    options = {"protocol": "defaults", "seeds": 1, "fresh_seeds": 3, "optimizer": "sgd"}
    ravine = workloads.named("ravine")._replace(steps=20)
    found = comparison.compare(flat, ("constant", "cosine"), [ravine], **options)
    scores = found.scores(ravine)
    assert (scores["flat"] == scores["constant"]).all()
    assert (scores["flat"] != scores["cosine"]).all()


def branching(learning_rate):
    return optax.sgd(learning_rate if learning_rate > 0.1 else 0.1)


def test_what_cannot_be_traced_is_told_before_anything_runs():
    said = r"mine: learning_rate is used as a Python number in line \d+ of .*test_candidates.py"
    with pytest.raises(ValueError, match=said):
        entrant(branching, "mine")


def test_a_file_may_be_given_by_its_path(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)  # taken off again
    (tmp_path / "rules_by_path.py").write_text("import optax\n\ndef mine(learning_rate):\n"
                                               "    return optax.sgd(learning_rate)\n")  # fmt: skip
    assert find(f"{tmp_path}/rules_by_path.py:mine")[0] == "mine"
    with pytest.raises(ValueError, match="has no 'mime'; did you mean mine"):
        find(f"{tmp_path}/rules_by_path.py:mime")
    with pytest.raises(ValueError, match=r"file\? Give \S*/rules_by_path.py:function$"):
        find(f"{tmp_path}/rules_by_path.py")
    with pytest.raises(ValueError, match="there is no file"):
        find(f"{tmp_path}/rules.py:mine")
    (tmp_path / "needs_more.py").write_text("import nosuchthing\n")
    with pytest.raises(ValueError, match=r":mine': ModuleNotFoundError: No module named 'nosucht"):
        find(f"{tmp_path}/needs_more.py:mine")
    with pytest.raises(ValueError, match="the module is not found: No module named 'nowhere'"):
        find("nowhere.rules:mine")
    (tmp_path / "json.py").write_text("")
    with pytest.raises(ValueError, match="Python has another module json"):
        find(f"{tmp_path}/json.py:mine")
    with pytest.raises(ValueError, match=r"no optimizer here: .*; did you mean adam"):
        find("adma")
