"""A candidate against baselines: laws of small studies, and sentences of made-up ones."""

import inspect

import numpy as np
import optax
import pandas as pd
import pytest
from support.compared import made_up

from jaxdl import comparison, optimizers, report, sweep, workloads
from jaxdl._workdir import COLUMNS
from jaxdl.comparison import Entrant, Study
from jaxdl.comparison.study import TAKEN
from jaxdl.comparison.words import amount, outcome
from jaxdl.optimizers import schedules
from jaxdl.stats import Interval
from jaxdl.sweep.distributions import LogUniform, Uniform

RAVINE = workloads.named("ravine")._replace(steps=40)


def twin(learning_rate):
    return optimizers.sgd(learning_rate)


def still(learning_rate):
    return optax.set_to_zero()


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("twin")
    options = {"points": 4, "seeds": 3, "fresh_seeds": 3, "workdir": workdir}
    return comparison.compare(twin, ("sgd",), [RAVINE], **options), options


def test_an_optimizer_ties_with_itself(found):
    (row,) = found[0].table().to_dict("records")
    assert (row["mean"], row["outcome"]) == (0.0, "ties")
    assert found[0].text().startswith("twin ties on ravine (equal distance against sgd)")


def test_fresh_seeds_took_no_part_in_the_choice(found):
    one = found[0]
    assert set(one.search["seed"]) == {0, 1, 2}
    assert set(one.fresh["seed"]) == {3, 4, 5}
    rates = one.chosen.set_index("optimizer")["learning_rate"]
    for name, mine in one.fresh.groupby("optimizer"):
        assert mine["learning_rate"].tolist() == [rates[name]] * 3


def test_the_same_call_goes_on_where_it_was(found):
    class Silent(sweep.Progress):
        ran = 0

        def compiled(self, name, compilations, seconds):
            self.ran += compilations
            super().compiled(name, compilations, seconds)

    first, options = found
    progress = Silent()
    again = comparison.compare(twin, ("sgd",), [RAVINE], **options, progress=progress)
    assert progress.ran == 0
    pd.testing.assert_frame_equal(again.table(), first.table())


def test_what_does_not_move_loses_and_never_arrives():
    entrants = {"still": Entrant(still), "sgd": comparison.ENTRANTS["sgd"]}
    study = Study(entrants, [RAVINE], "defaults", seeds=3, fresh_seeds=3)
    options = {"protocol": "defaults", "seeds": 3, "fresh_seeds": 3}
    found = comparison.compare(entrants["still"], ("sgd",), [RAVINE], **options)
    assert study.plan().programs.keys() == {"ravine: still", "ravine: sgd"}
    (row,) = found.table().to_dict("records")
    assert row["outcome"] == "loses"
    times = found.times_of_workloads()
    assert np.isinf(times.loc["ravine", "still"])


def test_gains_are_paired_and_against_the_strongest_by_validation():
    found = made_up(mine=[0.90, 0.80, 0.70], weak=[0.5, 0.5, 0.5], strong=[0.88, 0.79, 0.67])
    gain = found.gain(found.study.workloads[0], "strong")
    # Differences of 2, 1 and 3 points: mean 2, standard error 1/√3, t of two degrees 4.3027.
    np.testing.assert_allclose(gain[:3], [0.02, 0.02 - 0.024841, 0.02 + 0.024841], atol=1e-6)
    assert found.strongest(found.study.workloads[0]) == "strong"
    text = found.text()
    assert (
        "mine ties on digits_mlp (+2.00 points of accuracy, -0.48 … +4.48 against strong)" in text
    )
    assert "border of what was searched, so it may be beyond: mine on digits_mlp" in text


@pytest.mark.parametrize(
    ("bounds", "said"), [((0.1, 0.2), "wins"), ((-0.1, 0.2), "ties"), ((-2, -1), "loses")]
)
def test_an_outcome_is_where_the_interval_lies(bounds, said):
    assert outcome(Interval(np.mean(bounds), *bounds, 5, "")) == said
    assert outcome(Interval(np.nan, np.nan, np.nan, 5, "")) == "ties"


def test_ratios_are_put_so_that_they_are_above_one():
    low, mean, high = np.log([2.0, 4.0, 8.0])
    better = Interval(mean, low, high, 5, "")
    worse = Interval(-mean, -high, -low, 5, "")
    assert amount(RAVINE, better) == "distance 4 times smaller, 2 … 8"
    assert amount(RAVINE, worse) == "distance 4 times larger, 2 … 8"
    assert (
        amount(RAVINE, Interval(0.0002, -0.0003, 0.0004, 5, "")) == "distance equal to three digits"
    )
    assert amount(RAVINE, Interval(0.0, -0.003, 0.003, 5, "")) == "equal distance"


def test_a_candidate_of_a_baselines_name_replaces_nobody():
    def adam(learning_rate):
        return optax.sign_sgd(learning_rate)

    mine = Entrant(adam)
    name, entrants = comparison.against("adam", mine, ("sgd", "adam"))
    assert (name, list(entrants)) == ("adam (candidate)", ["adam (candidate)", "sgd", "adam"])
    assert entrants["adam"] is comparison.ENTRANTS["adam"]
    # The very same optimizer is not run twice.
    name, entrants = comparison.against("adam", comparison.ENTRANTS["adam"], ("sgd", "adam"))
    assert (name, list(entrants)) == ("adam", ["adam", "sgd"])


def test_a_baseline_may_be_a_function():
    _, entrants = comparison.against("mine", Entrant(twin), (optimizers.sgd, WEIGHTED))
    assert list(entrants) == ["mine", "sgd", "weighted"]
    assert entrants["sgd"].make is optimizers.sgd
    _, entrants = comparison.against(
        "mine", comparison.entrant(schedules.cosine), (schedules.slanted_triangular,)
    )
    assert entrants["slanted_triangular"].shape is schedules.slanted_triangular


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"baselines": ()}, "there is no baseline that twin is compared with"),
        ({"baselines": "lion"}, r"give a sequence of names, such as \('lion',\)"),
        ({"workloads": ()}, "workloads: there is none"),
        ({"workloads": [3]}, "workloads: give names or workloads, not 3"),
        ({"baselines": (3,)}, "baseline: give a function learning_rate -> optax"),
        ({"workloads": "ravine"}, r"workloads: give a sequence of names, such as \('ravine',\)"),
        (
            {"baselines": ("jaxdl.optimizers:sgd", "sgd")},
            "baselines: two are called 'sgd', and would be one in tables",
        ),
        ({"protocol": "random"}, "'random' is none of grid, halton, defaults, halving, optuna"),
        ({"fresh_seeds": 1}, "1 are too few, an interval needs 3"),
    ],
)
def test_what_cannot_be_compared_is_said_before_anything_runs(wrong, message):
    with pytest.raises(ValueError, match=message):
        comparison.compare(twin, **{"baselines": ("sgd",), "workloads": [RAVINE], **wrong})


def test_where_there_is_no_target_nothing_is_equal_below_it():
    found = made_up("distance", ("ravine",), a=[0.1, 0.2, 0.3], b=[0.2, 0.3, 0.4])
    assert "On ravine all that is nearer" in found.text()
    without = [each._replace(target=None) for each in found.study.workloads]
    assert "nearer" not in found._replace(study=found.study._replace(workloads=without)).text()


def test_one_is_no_plural():
    found = made_up(a=[0.1, 0.2, 0.3], b=[0.2, 0.3, 0.4])
    found = found._replace(study=found.study._replace(points=1, seeds=1))
    assert "at the best of 1 point (grid) over 1 seed, then" in found.text()
    assert "1 point (grid) over 1 seed, within" in found.whose


def test_halving_among_others_is_another(tmp_path):
    entrants = {"sgd": comparison.ENTRANTS["sgd"]}
    one = Study(entrants, [RAVINE], "halving", points=4, seeds=1)
    rules = [study.plan().prune.rule for study in (one, one._replace(seeds=2))]
    assert sweep.fingerprint.described(rules[0]) != sweep.fingerprint.described(rules[1])
    again = one.plan().prune.rule
    assert sweep.fingerprint.described(rules[0]) == sweep.fingerprint.described(again)


def test_what_has_no_bounds_says_why():
    unknown = Interval(np.log(2.0), np.nan, np.nan, 1, "one seed")
    assert amount(RAVINE, unknown) == "distance 2 times smaller: one seed"
    nothing = Interval(np.nan, np.nan, np.nan, 1, "one seed")
    assert amount(RAVINE, nothing) == "distance: one seed"
    unknown = unknown._replace(mean=0.1)
    digits = workloads.named("digits_mlp")
    assert amount(digits, unknown) == "+10.00 points of accuracy: one seed"


def test_a_seed_that_diverged_is_worse_than_any_that_did_not():
    nan, good = [np.nan] * 5, [0.9, 0.8, 0.7, 0.85, 0.75]
    lost, won, both = made_up(a=nan, b=good), made_up(a=good, b=nan), made_up(a=nan, b=nan)
    workload = lost.study.workloads[0]
    assert [one.outcome(workload, "b") for one in (lost, won, both)] == ["loses", "wins", "ties"]
    assert lost.table()["outcome"].tolist() == ["loses"]
    assert lost.text().startswith("a loses on digits_mlp (5 of 5 seeds of a diverged: a run is")
    assert "(5 of 5 seeds of a and 5 of 5 seeds of b diverged: a run is better" in both.text()
    once = made_up(a=[np.nan, *good[1:]], b=good)
    assert once.outcome(workload, "b") == "ties"
    alone = made_up(a=[np.nan], b=[0.5])
    assert alone.outcome(workload, "b") == "ties"


def weighted(learning_rate, times, decay):
    return optax.sgd(learning_rate * times, momentum=decay)


WEIGHTED = Entrant(
    weighted,
    {"learning_rate": sweep.LogUniform(1e-3, 1e-1), "times": sweep.Choice([1, 2])},
    {"learning_rate": 1e-2, "decay": 0.5, "times": 1},
)
"""A rate, a whole number, and a number that nothing searches."""


def test_compare_searches_as_a_study_does_where_nothing_else_is_said():
    taken = inspect.signature(comparison.compare).parameters
    assert all(taken[name].default == given for name, given in Study._field_defaults.items())


@pytest.mark.parametrize("protocol", comparison.PROTOCOLS)
def test_what_is_not_searched_is_at_its_default(protocol):
    options = {"protocol": protocol, "points": 2, "seeds": 2, "fresh_seeds": 3}
    found = comparison.compare(WEIGHTED, ("sgd",), [RAVINE], **options)
    mine = found.fresh[found.fresh["optimizer"].ne("sgd")]
    assert mine["status"].eq("ok").all()
    assert mine["decay"].eq(0.5).all()
    assert mine["times"].isin([1, 2]).all()


def test_halving_chooses_what_the_grid_does_in_less_than_two_fifths_of_its_steps(tmp_path):
    entrants = {name: comparison.ENTRANTS[name] for name in ("sgd", "adam")}
    chosen = {}
    for protocol in ("grid", "halving"):
        study = Study(entrants, [RAVINE], protocol, points=15, seeds=2)
        results = study.plan().execute(tmp_path / protocol)
        chosen[protocol], found = study.choose(results), results.frame()
        assert found.groupby(["optimizer", "learning_rate"])["status"].nunique().eq(1).all()
    assert chosen["halving"]["learning_rate"].equals(chosen["grid"]["learning_rate"])
    assert chosen["halving"]["validation"].equals(chosen["grid"]["validation"])
    assert found["steps"].sum() < 0.4 * len(found) * RAVINE.steps
    fresh = study.confirm(study.plan(), results)
    assert [trial.seed for trial in fresh.trials] == [*range(2, 12)] * 2


class Searched:
    """Results of two seeds at each rate: where distances end, and in which segment they arrived."""

    def __init__(self, ended):
        self.rows = [
            {"workload": "ravine", "optimizer": "sgd", "learning_rate": rate, "seed": seed,
             "status": "ok", "validation_distance": last}
            for rate, (last, _) in ended.items()
            for seed in range(2)
        ]  # fmt: skip
        curve = [
            np.where(np.arange(20) < arrived, 1.0, last)
            for last, arrived in ended.values()
            for _ in range(2)
        ]
        self.measured = {"validation_distance": np.array(curve)}

    def frame(self):
        return pd.DataFrame(self.rows)

    def curves(self):
        return self.measured


@pytest.mark.parametrize(
    ("ended", "rate", "value"),
    [
        # The target is 0.01: what is below it is equal, and the sooner is chosen.
        ({0.001: (0.02, 1), 0.01: (0.009, 4), 0.1: (1e-6, 9)}, 0.01, 0.01 * 5 / 20),
        ({0.001: (1e-6, 19), 0.01: (0.009, 4), 0.1: (1e-6, 4)}, 0.01, 0.01 * 5 / 20),
        # None arrives: the nearest is chosen.
        ({0.001: (0.3, 1), 0.01: (0.2, 19), 0.1: (0.5, 1)}, 0.01, 0.2),
    ],
)
def test_where_the_optimum_is_known_the_rate_that_arrives_first_is_chosen(ended, rate, value):
    study = Study({"sgd": comparison.ENTRANTS["sgd"]}, [RAVINE])
    (row,) = study.choose(Searched(ended)).to_dict("records")
    assert row["learning_rate"] == rate
    np.testing.assert_allclose(row["validation"], value)


def constant(learning_rate):
    return optax.sgd(-1 * (-1 * learning_rate))


def with_more(learning_rate, **others):
    return twin(learning_rate)


def heavy(learning_rate, decay):
    return optax.sgd(learning_rate, momentum=decay)


heavy.space = {"learning_rate": LogUniform(1e-3, 1.0), "decay": Uniform(0.5, 0.9)}
WITHOUT_RATE = Entrant(twin, defaults={})
WRONG = {
    "one is there twice, ravine, ravine": (twin, {"workloads": (RAVINE, RAVINE)}),
    "20 or more are needed": (twin, {"workloads": [RAVINE._replace(steps=19)]}),
    "'height' is better high or low": (twin, {"workloads": [RAVINE._replace(metric="height")]}),
    "no learning_rate in its defaults": (WITHOUT_RATE, {"protocol": "defaults"}),
    "takes no schedule": (constant, {"shape": schedules.cosine}),
    "heavy: grid tries .* give it `defaults` of .* missing 1 .*'decay'": (heavy, {}),
    "heavy: defaults tries .* missing 1 .*'decay'": (heavy, {"protocol": "defaults"}),
    "points: a whole number from 1 on is needed, not 2.5": (twin, {"points": 2.5}),
    "^seeds: a whole number from 1 on is needed, not 0": (twin, {"seeds": 0}),
    "points: a grid has two ends, so 2 or more are needed, not 1": (twin, {"points": 1}),
    **{
        f"the hyperparameter {name} needs another name": (
            Entrant(with_more, defaults={"learning_rate": 0.1, name: 1.0}),
            {},
        )
        for name in sorted(TAKEN)
    },
}


@pytest.mark.parametrize("said", WRONG)
def test_what_a_study_cannot_run_is_said_before_anything_runs(said):
    candidate, given = WRONG[said]
    options = {"baselines": ("sgd",), "workloads": [RAVINE], **given}
    with pytest.raises(ValueError, match=said) as error:
        comparison.compare(candidate, **options)
    assert "\n" not in str(error.value)


METRICS = ("distance", "loss")


def test_the_columns_of_a_comparison_are_names_that_no_hyperparameter_may_have():
    options = {"points": 2, "seeds": 1, "fresh_seeds": 3}
    found = comparison.compare("adam", ("sgd",), [RAVINE], **options)
    columns = {name for frame in (found.search, found.fresh, found.chosen) for name in frame}
    measured = {f"{split}_{name}" for split in ("validation", "test") for name in METRICS}
    assert columns - measured - {*COLUMNS, "learning_rate", "workload", "optimizer"} <= TAKEN


def of_matrices(learning_rate):
    def update(updates, state, params=None):
        if "point" in updates:
            raise TypeError("a matrix is needed")
        return updates, state

    return optax.GradientTransformation(lambda params: (), update)


def test_what_raises_on_every_workload_is_no_tie():
    options = {"protocol": "defaults", "seeds": 1, "fresh_seeds": 3}
    with pytest.raises(RuntimeError, match=r"^ravine: of_matrices: TypeError: a matrix is needed$"):
        comparison.compare(of_matrices, ("sgd",), [RAVINE], **options)


def test_what_raises_on_fresh_seeds_alone_is_not_said_to_diverge():
    found = made_up(a=[np.nan] * 5, b=[0.9, 0.8, 0.7, 0.85, 0.75])
    lost = found.fresh["optimizer"].eq("a")
    fresh = found.fresh.assign(message="RuntimeError: no")
    fresh.loc[lost, "status"] = "error"
    found = found._replace(fresh=fresh)
    assert found.words(found.study.workloads[0], "b") == "a raises RuntimeError: no"
    assert found.outcome(found.study.workloads[0], "b") == "loses"


def test_what_raises_on_some_has_lost_there_and_the_rest_is_compared():
    on = [RAVINE, workloads.named("breast_cancer")._replace(steps=20)]
    options = {"points": 2, "seeds": 1, "fresh_seeds": 3}
    found = comparison.compare(of_matrices, ("sgd",), on, **options)
    assert found.raised == {("ravine", "of_matrices"): "TypeError: a matrix is needed"}
    assert found.table().set_index("workload")["outcome"]["ravine"] == "loses"
    assert found.scores(RAVINE)["of_matrices"].isna().all()
    assert np.isinf(found.times_of_workloads().loc["ravine", "of_matrices"])
    text = found.text()
    assert "ravine (of_matrices raises TypeError: a matrix is needed, against " in text
    assert "of_matrices on ravine (learning_rate)" not in text
    blocks = [block for section in comparison.sections(found) for block in section.blocks]
    tables = [block for block in blocks if isinstance(block, report.Table)]
    told = [row for table in tables for row in table.rows if "raised" in row]
    assert [row[0] for row in told] == ["ravine", "ravine"]


def test_where_some_seeds_diverge_the_probability_is_said():
    # Of 25 pairs 20 are won by b and 5, those of its diverged seed, are lost: 20 %.
    good = [0.5, 0.51, 0.52, 0.53, 0.54]
    found = made_up(a=good, b=[0.9, 0.91, 0.92, 0.93, np.nan])
    (workload,) = found.study.workloads
    low, high = found.improvement(workload, "b")[1:3]
    assert found.words(workload, "b") == (
        "1 of 5 seeds of b diverged: a run is better with a probability of 20 %, "
        f"{100 * low:.0f} … {100 * high:.0f}"
    )


def test_few_fresh_seeds_are_marked():
    found = made_up(a=[0.1, 0.2, 0.3], b=[0.2, 0.3, 0.4])
    few = found._replace(study=found.study._replace(fresh_seeds=3))
    said = "Of fewer than 5 seeds the coverage of an interval is not assured."
    assert (said in few.text(), said in found.text()) == (True, False)


def test_a_grid_is_of_rates_alone_and_halton_of_the_whole_space():
    adam = comparison.ENTRANTS["adam"]
    grid = comparison.PROTOCOLS["grid"](adam, 36)
    assert [set(point) for point in grid] == [{"learning_rate"}] * 36
    assert (grid[0]["learning_rate"], grid[-1]["learning_rate"]) == (1e-5, 1e2)
    assert set(comparison.PROTOCOLS["halton"](adam, 5)[0]) == set(adam.space)
    assert comparison.PROTOCOLS["defaults"](adam, 5) == [{"learning_rate": 1e-3}]


def test_gauss_newton_is_compared_where_a_loss_says_its_outputs_and_raises_elsewhere():
    on = [workloads.named(name)._replace(steps=20) for name in ("breast_cancer", "ravine")]
    options = {"protocol": "defaults", "seeds": 1, "fresh_seeds": 3}
    found = comparison.compare("gauss_newton", ("newton", "sgd"), on, **options)
    ((where, said),) = found.raised.items()
    assert where == ("ravine", "gauss_newton")
    assert said.startswith("ValueError: gauss_newton: its update needs outputs_fn and loss_fn")
    # Of a linear model both have the same curvature, that of the penalty with it.
    scores = found.scores(on[0])
    np.testing.assert_allclose(scores["gauss_newton"], scores["newton"], rtol=1e-3)
