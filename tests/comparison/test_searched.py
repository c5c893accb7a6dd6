"""What the search showed, against cases solved by hand."""

import numpy as np
import pandas as pd
import pytest
from support.compared import made_up

from jaxdl import comparison, workloads
from jaxdl.comparison import searched


def search(metric, values, seeds=2):
    """A comparison with values on validation, `{optimizer: {rate: value}}`, of equal seeds."""
    found = made_up(**{name: [0.5, 0.6, 0.7] for name in values})
    on = "digits_mlp" if metric == "accuracy" else "ravine"
    rows = [
        {"workload": on, "optimizer": name, "learning_rate": rate, "seed": seed,
         "status": "ok" if np.isfinite(value) else "diverged", f"validation_{metric}": value}
        for name, of in values.items()
        for rate, value in of.items()
        for seed in range(seeds)
    ]  # fmt: skip
    study = found.study._replace(workloads=[workloads.named(on)])
    return found._replace(search=pd.DataFrame(rows), study=study)


def test_the_width_is_that_of_the_rates_within_a_point():
    found = search("accuracy", {"a": {0.01: 0.9, 0.1: 0.895, 1.0: 0.5, 10.0: np.nan}})
    (workload,) = found.study.workloads
    width = searched.width(found, workload, "a")
    # From 0.01 to 0.1, and on to where 0.895 … 0.5 falls below 0.89.
    assert width.decades == pytest.approx(1 + 0.005 / 0.395)
    assert width.at_end
    assert searched.width(search("accuracy", {"a": {0.1: 0.9}}), workload, "a") is None
    tried = searched.points(found, workload)
    assert np.isnan(tried["value"].iloc[-1])


def test_no_width_where_more_than_rates_is_searched():
    found = search("accuracy", {"a": {0.01: 0.9, 0.1: 0.8}})
    entrants = {"a": comparison.ENTRANTS["momentum"]}
    decays = [0.1, 0.1, 0.2, 0.2]
    found = found._replace(
        study=found.study._replace(entrants=entrants),
        search=found.search.assign(one_minus_decay=decays),
    )
    assert searched.width(found, found.study.workloads[0], "a") is None


def test_the_best_of_k_ends_at_the_best_and_the_lost_count_as_the_worst():
    found = search("distance", {"a": {0.1: 1.0, 1.0: np.nan}, "b": {0.1: 0.1, 1.0: 4.0}})
    best = searched.best_so_far(found, found.study.workloads[0])
    table = best.pivot(index="points", columns="optimizer", values="value")
    np.testing.assert_allclose(table["a"], [(1 + 4) / 2, 1])
    np.testing.assert_allclose(table["b"], [(0.1 + 4) / 2, 0.1])
    nothing = search("distance", {"a": {0.1: np.nan, 1.0: np.nan}})
    assert searched.best_so_far(nothing, nothing.study.workloads[0]).empty


def test_near_the_optimum_all_is_equal():
    found = search("distance", {"a": {0.1: 1e-9, 1.0: 1e-5}})
    assert searched.points(found, found.study.workloads[0])["value"].tolist() == pytest.approx(
        [0.01, 0.01]
    )


def test_an_optimizer_that_is_beaten_by_what_it_includes_is_named():
    found = made_up(adam=[0.70, 0.71, 0.72], sgd=[0.90, 0.92, 0.91])
    (line,) = searched.warnings(found)
    assert line.startswith("On digits_mlp the search space is too narrow: sgd beats adam")
    assert line.endswith("in accuracy on test.")
    assert list(searched.warnings(made_up(adam=[0.9, 0.92, 0.91], sgd=[0.7, 0.71, 0.72]))) == []
    assert list(searched.warnings(made_up(mine=[0.9] * 3, lion=[0.8] * 3))) == []


def arrivals(**times):
    """A search of two seeds, `{optimizer: [seeds][points]}` steps to the target of the ravine."""
    found = search("distance", {name: {1.0: 0.1} for name in times})
    rows = [
        {"workload": "ravine", "optimizer": name, "learning_rate": point, "seed": seed,
         "status": "ok", "arrived": steps}
        for name, by_seed in times.items()
        for point in range(len(by_seed[0]))
        for seed, steps in enumerate([each[point] for each in by_seed])
    ]  # fmt: skip
    study = found.study._replace(points=len(by_first(times)), protocol="halton")
    return found._replace(search=pd.DataFrame(rows), study=study)


def by_first(times):
    return next(iter(times.values()))[0]


def test_external_tuning_is_the_median_over_studies_of_five_of_the_first_to_arrive():
    inf = np.inf
    first = [50.0, inf, 30.0, inf, inf, *[1.0] * 5, 70.0, 60.0, inf, inf, inf, 1.0]
    second = [2.0] * 5 + [90.0, 80.0, inf, inf, 85.0] + [2.0] * 6
    # Studies: the first seed's first five, 30; the second's second, 80; the first's third, 60.
    found = arrivals(a=[first, second], b=[[inf] * 16, [9.0] * 16])
    table = searched.of_studies(found)
    assert table.loc["ravine"].tolist() == [60.0, inf]
    few = found._replace(study=found.study._replace(points=4))
    assert searched.of_studies(few).empty
