"""Spaces have the points, the order and the distributions that they promise."""

import hashlib
import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.stats import qmc

from jaxdl.sweep import chunk, space
from jaxdl.sweep.distributions import Choice, Integer, LogUniform, Uniform
from jaxdl.sweep.space import Trial

SAMPLERS = {"random": space.random, "halton": space.halton}
DISTRIBUTIONS = {
    "rate": LogUniform(1e-4, 1.0),
    "dropout": Uniform(-0.5, 0.5),
    "depth": Choice((1, 2, 4)),
}


def test_grid_is_the_product_with_the_first_axis_slowest():
    expected = []
    for rate in (0.1, 0.2):
        for name in ("sgd", "adam", "lion"):
            for depth in (1, 2):
                expected.append({"rate": rate, "name": name, "depth": depth})
    assert space.grid(rate=(0.1, 0.2), name=["sgd", "adam", "lion"], depth=range(1, 3)) == expected
    assert space.grid() == [{}]


def test_grid_gives_python_numbers():
    points = space.grid(a=np.array([1, 2]), b=jnp.asarray([0.5]), c=[np.float32(0.25)])
    assert points == [{"a": 1, "b": 0.5, "c": 0.25}, {"a": 2, "b": 0.5, "c": 0.25}]
    assert {type(value) for point in points for value in point.values()} == {int, float}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: space.grid(a=[1], rate=[]), "rate: there is no value"),
        (lambda: space.grid(rate="adam"), "rate: give a sequence of values, not the string 'adam'"),
        (lambda: space.grid(rate=[0.1, math.nan]), "rate: nan is not finite"),
        (lambda: space.grid(rate=[np.float32("inf")]), "rate: inf is not finite"),
        (lambda: space.grid(rate=[[1, 2]]), r"rate: a hyperparameter is a number .* not \[1, 2\]"),
        (lambda: space.random(0, 0, x=Uniform(0, 1)), "count must be >= 1, not 0"),
        (lambda: space.halton(3, 0), "give at least one distribution"),
        (lambda: Uniform(1, 1), "Uniform: .* low < high, not 1 and 1"),
        (lambda: Uniform(0, math.inf), "Uniform: .* finite .* not 0 and inf"),
        (lambda: Uniform(math.nan, 1), "Uniform: .* not nan and 1"),
        (lambda: Uniform("0", 1), "Uniform: .* not '0' and 1"),
        (lambda: LogUniform(0, 1), "LogUniform: low must be > 0 .*, not 0"),
        (lambda: LogUniform(1, 1e-4), r"LogUniform: .* not 1 and 0\.0001"),
        (lambda: Integer(3, 1), "Integer: .* low < high, not 3 and 1"),
        (lambda: Integer(0, 1.0), "Integer: .* whole numbers, not 0 and 1.0"),
        (lambda: Choice(()), "Choice: there is no value"),
        (lambda: Choice((1.0, -math.inf)), "Choice: -inf is not finite"),
        (lambda: Choice("adam"), "Choice: give a sequence of values, not the string 'adam'"),
        (lambda: space.random(3, 0, x=(0, 1)), r"x: give a Uniform, .* not \(0, 1\)"),
        (lambda: space.log_spaced(0.0, 1.0, 3), "log_spaced: low must be > 0"),
        (lambda: space.log_spaced(1.0, 0.1, 3), "log_spaced: .* low < high"),
        (lambda: space.log_spaced(0.1, 1.0, 1), "log_spaced: .* count must be >= 2, not 1"),
        (lambda: space.log_spaced(1.0, 1.0 + 1e-9, 3), "log_spaced: .* too close for 3 values"),
        (lambda: space.trials("adam", [{}], [0]), "programs: .* not the string 'adam'"),
        (lambda: space.trials([], [{}], [0]), "programs: there is no value"),
        (lambda: space.trials(["adam"], [], [0]), "hparams: there is no value"),
        (lambda: space.trials(["adam"], [{}], []), "seeds: there is no value"),
        (lambda: space.trials(["a"], [{"x": 1}, {"y": 2}, {"x": 1}], [3]),
         r"Trial\(program='a', hparams=\{'x': 1\}, seed=3\) is there twice"),
        (lambda: space.trials(["a", "a"], [{}], [0]), "program='a'.* is there twice"),
        (lambda: space.trials(["a"], [{}], [0, 0]), "seed=0.* is there twice"),
        (lambda: space.trials(["a"], [{"x": None}], [0]), "x: .* not None"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_points_follow_their_distributions(sampler):
    points = sampler(600, 3, **DISTRIBUTIONS)
    rates = np.log([point["rate"] for point in points])
    dropouts = [point["dropout"] for point in points]
    depths = [point["depth"] for point in points]
    assert list(points[0]) == list(DISTRIBUTIONS)
    assert stats.kstest(rates, stats.uniform(math.log(1e-4), -math.log(1e-4)).cdf).pvalue > 0.01
    assert stats.kstest(dropouts, stats.uniform(-0.5, 1.0).cdf).pvalue > 0.01
    assert stats.chisquare([depths.count(depth) for depth in (1, 2, 4)]).pvalue > 0.01
    assert abs(stats.spearmanr(rates, dropouts).statistic) < 0.1


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_a_seed_is_a_sequence(sampler):
    points = sampler(40, 3, **DISTRIBUTIONS)
    assert sampler(40, 3, **DISTRIBUTIONS) == points
    assert sampler(15, 3, **DISTRIBUTIONS) == points[:15]
    assert sampler(40, 4, **DISTRIBUTIONS) != points


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
def test_hyperparameters_may_be_called_count_and_seed(sampler):
    points = sampler(5, 0, count=Uniform(0, 1), seed=Choice((7, 8)))
    assert all(set(point) == {"count", "seed"} for point in points)


def test_halton_is_more_even_than_chance():
    axes = {"x": Uniform(0, 1), "y": Uniform(0, 1)}
    for seed in range(5):
        even, chance = (
            qmc.discrepancy([list(point.values()) for point in sampler(64, seed, **axes)])
            for sampler in (space.halton, space.random)
        )
        assert even < chance / 2


units = st.floats(0, 1, exclude_max=True)
scales = st.floats(1e-30, 1e30)


@given(u=units, v=units, low=st.floats(-1e30, 1e30), width=st.floats(1e-3, 1e30))
def test_uniform_stays_inside_and_keeps_order(u, v, low, width):
    axis = Uniform(low, max(low + width, math.nextafter(low, math.inf)))
    assert axis.low <= axis.from_unit(u) <= axis.high
    assert v < u or axis.from_unit(v) >= axis.from_unit(u)
    assert axis.from_unit(0.0) == low


@given(u=units, v=units, low=scales, factor=st.floats(1.001, 1e6))
def test_log_uniform_stays_inside_and_is_even_in_the_logarithm(u, v, low, factor):
    axis = LogUniform(low, low * factor)
    value = axis.from_unit(u)
    assert axis.low <= value <= axis.high
    assert math.log(value / low) == pytest.approx(u * math.log(factor), abs=1e-9)
    assert v < u or axis.from_unit(v) >= value


@given(u=units, values=st.lists(st.integers(), min_size=1, max_size=9))
def test_choice_gives_each_value_an_equal_share(u, values):
    assert Choice(values).from_unit(u) == values[math.floor(u * len(values))]
    assert Choice(values).from_unit(math.nextafter(1, 0)) == values[-1]


@given(u=units, low=st.integers(-1000, 1000), count=st.integers(2, 100))
def test_an_integer_has_equal_shares_and_both_ends(u, low, count):
    axis = Integer(low, low + count - 1)
    assert axis.from_unit(u) == low + math.floor(u * count)
    assert (axis.from_unit(0.0), axis.from_unit(math.nextafter(1, 0))) == (low, axis.high)
    assert type(axis.from_unit(u)) is int


KINDS = [Uniform(-1.0, 3.0), LogUniform(1e-4, 10.0), Integer(2, 9), Choice(("a", "b", "c"))]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: type(kind).__name__)
@given(u=units)
def test_the_place_of_a_value_gives_the_value(kind, u):
    value = kind.from_unit(u)
    place = kind.to_unit(value)
    assert 0 <= place <= 1
    assert kind.from_unit(place) == (pytest.approx(value) if type(value) is float else value)
    if type(value) is float:
        assert place == pytest.approx(u, abs=1e-9)


@given(low=scales, factor=st.floats(1.01, 1e6), count=st.integers(2, 40))
def test_log_spaced_has_equal_ratios_and_exact_ends(low, factor, count):
    values = space.log_spaced(low, low * factor, count)
    assert (values[0], values[-1], len(values)) == (low, low * factor, count)
    ratio = (low * factor / low) ** (1 / (count - 1))
    for left, right in itertools.pairwise(values):
        assert right / left == pytest.approx(ratio, rel=2e-5)


def test_log_spaced_gives_round_numbers():
    assert space.log_spaced(1e-4, 1e-1, 4) == [0.0001, 0.001, 0.01, 0.1]
    assert space.log_spaced(1, 10, 3) == [1.0, 3.16228, 10.0]


def test_trials_are_programs_by_points_by_seeds():
    programs = {"adam": None, "sgd": None}
    found = space.trials(programs, space.grid(rate=[0.1, 0.2]), range(3))
    assert found == [
        Trial(program, {"rate": rate}, seed)
        for program in ("adam", "sgd")
        for rate in (0.1, 0.2)
        for seed in (0, 1, 2)
    ]
    found[0].hparams["rate"] = 9.0
    assert found[1].hparams == {"rate": 0.1}
    assert len({space.trial_id(trial) for trial in found}) == 12


def test_a_trial_id_is_the_hash_of_canonical_json():
    text = '["adam",{"name":"gr\\u00fcn","rate":0.1,"steps":3},7]'
    expected = hashlib.sha256(text.encode()).hexdigest()[:16]
    assert expected == "9cf025750332ed20"
    for hparams in (
        {"rate": 0.1, "steps": 3, "name": "grün"},
        {"name": "grün", "steps": np.int64(3), "rate": np.float64(0.1)},
    ):
        assert space.trial_id(Trial("adam", hparams, 7)) == expected
    assert space.trial_id(Trial("adam", hparams, np.int32(7))) == expected


def test_trials_that_differ_have_different_ids():
    hparams = [{"x": 1}, {"x": 1.0}, {"x": "1"}, {"x": True}, {"y": 1}, {}]
    hparams += [{"x": 0.0}, {"x": -0.0}, {"x": 1.0000000000000002}]
    hparams += [{"x": math.nan}, {"x": math.inf}, {"x": -math.inf}]
    trials = itertools.product("ab", hparams, (0, 1, -1))
    assert len({space.trial_id(Trial(*trial)) for trial in trials}) == 2 * 12 * 3


def test_a_seed_is_a_whole_number():
    with pytest.raises(TypeError):
        space.trial_id(Trial("adam", {}, 1.5))


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        ([0, -1], "from 0 to 4294967295, not -1"),
        ([0, 2**32], "not 4294967296"),
        (np.array([0, 2**32]), "4294967296"),
        ([0, 0.5], "not 0.5"),
        ([0, True], "not True"),
        ([3, np.int64(3)], "is there twice"),
    ],
)
def test_seeds_are_refused_when_the_trials_are_made(seeds, message):
    with pytest.raises(ValueError, match=message):
        space.trials(["a"], [{"x": 0.1}], seeds)


def test_a_number_where_a_sequence_is_needed_is_named():
    with pytest.raises(ValueError, match=r"seeds: give a sequence, such as range\(5\), not 5"):
        space.trials(["a"], [{}], 5)
    with pytest.raises(ValueError, match=r"learning_rate: give a sequence .* \[0.001\]"):
        space.grid(learning_rate=1e-3)


def test_the_largest_seed_is_a_seed():
    assert space.trials(["a"], [{}], np.array([0, 2**32 - 1]))[1].seed == 4294967295


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([2**31], "2147483648 does not fit int32"),
        ([-(2**31) - 1], "does not fit int32"),
        ([16777217, 0.5], "16777217 is not a number of float32"),
        ([0.1, 0.1 + 1e-12], "are one number in float32"),
        ([1e-50], "1e-50 is 0 in float32"),
        ([1e-40], "1e-40 is 0 in float32"),
        ([1e39], "infinite in float32"),
        ([math.nan], "nan is not finite"),
        ([0.1, math.inf], "inf is not finite"),
        ([[0.1]], "a number or a name"),
        ([0.1, "fast"], "x is float and str"),
        ([True, 2], "x is bool and int"),
    ],
)
def test_numbers_that_would_run_as_others_are_refused(values, message):
    with pytest.raises(ValueError, match=message):
        space.trials(["a"], [{"x": value} for value in values], [0])


def test_large_whole_numbers_stay_apart():
    found = space.trials(["a"], space.grid(x=[16777216, 16777217]), [0])
    columns = chunk.columns(found, {})
    assert columns["x"].dtype == np.int32
    assert columns["x"].tolist() == [16777216, 16777217]


def test_a_number_is_of_one_kind_in_all_trials():
    found = space.trials(["a"], space.grid(x=[np.int64(1), 0.1], n=[2], on=[True, False]), [0])
    assert {type(trial.hparams["x"]) for trial in found} == {float}
    columns = chunk.columns(found, {})
    assert {name: str(c.dtype) for name, c in columns.items()} == {
        "x": "float32",
        "n": "int32",
        "on": "bool",
    }


def test_trials_with_other_hyperparameters_are_no_program():
    with pytest.raises(ValueError, match=r"different hyperparameters, \['x'\] and \['y'\]"):
        space.trials(["a"], [{"x": 1.0}, {"y": 1.0}], [0])
