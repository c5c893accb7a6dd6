"""The sections of a report: what must stand there, and what is said of what diverged."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from matplotlib.text import Text

from jaxdl import comparison, report, workloads
from jaxdl.comparison import pictures, searched, ways
from jaxdl.report import Picture


def test_sections_have_captions_with_seeds_and_budget(small, tmp_path):
    sections = comparison.sections(small)
    assert [section.heading for section in sections] == [
        "Against tuned baselines",
        "On each workload",
        "Time to the target",
        "The search",
        "Ways over the landscapes",
    ]
    blocks = [block for section in sections for block in section.blocks]
    captions = [block.caption for block in blocks if not isinstance(block, str)]
    assert len(captions) == 10
    assert all("seeds" in caption or "share the machine" in caption for caption in captions)
    drawn = {block.name: block.caption for block in blocks if isinstance(block, Picture)}
    assert drawn.keys() == {"victories", "rates_positive", "best_of_positive", "ways_ravine"}
    del drawn["ways_ravine"]  # single runs
    assert all("interval" in caption or "bands" in caption for caption in drawn.values())
    assert all("steps" in caption for caption in drawn.values())
    overall = sections[0].blocks[1]
    assert overall.header[:3] == ("against", "wins–ties–losses", "a run is better (%)")
    assert [row[0] for row in overall.rows] == ["sgd", "momentum"]
    report.write(report.Report("x", "y", tuple(sections)), tmp_path)
    assert (tmp_path / "ways_ravine.png").exists()
    assert (tmp_path / "tables/time_to_the_target_2.tex").exists()


def test_halton_is_told_by_the_protocol_of_algoperf():
    found = comparison.compare(
        "adam",
        ("sgd",),
        [workloads.named("himmelblau")._replace(steps=100)],
        protocol="halton",
        points=15,
        seeds=3,
        fresh_seeds=3,
    )
    (times,) = [each for each in comparison.sections(found) if each.heading == "Time to the target"]
    told = [block for block in times.blocks if "external tuning" in getattr(block, "caption", "")]
    assert "the median over these 3 studies" in told[0].caption
    # Of Adam, from the trials: five points of each seed.
    target, expected = found.study.workloads[0].target, []
    for seed in range(3):
        mine = found.search[found.search["optimizer"].eq("adam") & found.search["seed"].eq(seed)]
        study = mine.iloc[5 * seed : 5 * seed + 5]
        assert len(mine) == 15
        ended = study["validation_distance"].le(target)
        assert study.loc[ended, "arrived"].le(100).all()
        expected.append(study["arrived"].min())
    assert np.isfinite(expected).sum() >= 2
    assert told[0].rows[0][1] == f"{np.median(expected):.0f}"


def test_defaults_have_a_report_though_one_point_is_no_study():
    """Adam's default rate is far too low for the ravine: that is no narrow search."""
    ravine = workloads.named("ravine")._replace(steps=100)
    options = {"protocol": "defaults", "seeds": 1, "fresh_seeds": 3}
    found = comparison.compare("adam", ("sgd",), [ravine], **options)
    assert found.study.points >= searched.TRIALS
    (search,) = [each for each in comparison.sections(found) if each.heading == "The search"]
    (table,) = search.blocks
    assert table.rows == (("ravine", "0.001", "0.01"),)
    assert "chose, of its defaults over 1 seed." in table.caption


def test_a_rate_of_which_none_is_sound_is_marked():
    never = comparison.Entrant(lambda learning_rate: optax.sgd(1e6 * learning_rate))
    ravine = workloads.named("ravine")._replace(steps=100)
    found = comparison.compare(never, ("sgd",), [ravine], points=3, seeds=1, fresh_seeds=3)
    (search,) = [each for each in comparison.sections(found) if each.heading == "The search"]
    assert search.blocks[0].rows[0][1] == "1e-05†"
    assert "† a seed diverged at each" in search.blocks[0].caption


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("defaults", "3 fresh seeds at the defaults, within 20 steps"),
        ("halving", "3 fresh seeds at the best of 5 points (halving) over 1 seed, within"),
    ],
)
def test_points_that_are_not_of_algoperf_are_no_studies(protocol, said):
    ravine = workloads.named("ravine")._replace(steps=20)
    options = {"protocol": protocol, "points": 5, "seeds": 1, "fresh_seeds": 3}
    found = comparison.compare("adam", ("sgd",), [ravine], **options)
    blocks = [block for each in comparison.sections(found) for block in each.blocks]
    captions = [block.caption for block in blocks if not isinstance(block, str)]
    assert not any("external tuning" in caption for caption in captions)
    assert said in captions[0]


def test_rates_are_drawn_though_there_are_no_more_points_than_optimizers(small):
    assert small.search["learning_rate"].nunique() <= len(small.study.entrants)
    (picture,) = pictures.rates(small)
    assert isinstance(picture, Picture)
    assert picture.name == "rates_positive"
    alone = small._replace(search=small.search[small.search["learning_rate"].eq(1e2)])
    assert pictures.rates(alone) == []


def test_pictures_are_of_what_is_compared():
    def flat(steps):
        return lambda step: jnp.float32(1)

    two = [workloads.named(name)._replace(steps=20) for name in ("ravine", "himmelblau")]
    options = {"points": 2, "seeds": 1, "fresh_seeds": 3}
    found = comparison.compare(flat, ("cosine",), two, **options)
    made = [pictures.victories(found), *pictures.rates(found)]
    made += pictures.profile(found, found.times_of_workloads())
    assert len(made) == 3
    for picture in made:
        written = [text.get_text() for text in picture.figure.findobj(Text)]
        assert ("schedule" in written, "optimizer" in written) == (True, False)
        assert "optimizer" not in picture.alt


def test_ways_are_those_of_the_trials(small):
    (ravine,) = small.study.workloads
    found = ways.ways(small, ravine)
    assert list(found) == ["adam", "sgd", "momentum"]
    fresh = small.fresh.set_index(["optimizer", "seed"])["test_distance"]
    for name, way in found.items():
        assert way.shape == (3, 101, 2)
        ends = np.linalg.norm(way[:, -1], axis=1)
        np.testing.assert_allclose(ends, fresh[name].to_numpy(), rtol=1e-4)


def test_seconds_are_steps_at_the_pace_of_the_program(small):
    pace = small.clock.set_index("optimizer")["running"]
    assert (pace > 0).all()
    assert (small.clock["compiling"] > 0).all()
    times = small.times[np.isfinite(small.times["steps"])]
    assert "momentum" in set(times["optimizer"])
    expected = times["steps"].to_numpy(float) * pace[times["optimizer"]].to_numpy(float)
    np.testing.assert_allclose(times["seconds"].to_numpy(float), expected)
