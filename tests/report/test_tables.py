"""The numbers of the table by hand, and its two ways of being shown."""

import html.parser
import io
import math
import statistics

import numpy as np
import pandas as pd
import pytest

from jaxdl import stats
from jaxdl.report import blocks, summaries, tables

T_4 = 2.7764451
"""Student's t at 97.5 % with 4 degrees of freedom."""


class Cells(html.parser.HTMLParser):
    """The text of every cell, row by row."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.open = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.open = True

    def handle_endtag(self, tag):
        if tag in ("td", "th"):
            self.open = False

    def handle_data(self, data):
        if self.open:
            self.rows[-1][-1] += data


class Terminal(io.StringIO):
    def isatty(self):
        return True


def small(**changes):
    """Two conditions, two rates, two seeds; the second rate of `b` diverged for one seed."""
    frame = pd.DataFrame(
        [
            ("a", 0.1, 0, "ok", 0.80, 0.70),
            ("a", 0.1, 1, "ok", 0.80, 0.72),
            ("a", 1.0, 0, "ok", 0.90, 0.60),
            ("a", 1.0, 1, "ok", 0.90, 0.64),
            ("b", 0.1, 0, "ok", 0.50, 0.40),
            ("b", 0.1, 1, "ok", 0.60, 0.50),
            ("b", 1.0, 0, "ok", 0.99, 0.99),
            ("b", 1.0, 1, "diverged", 0.99, 0.99),
        ],
        columns=[
            "optimizer",
            "learning_rate",
            "seed",
            "status",
            "validation_accuracy",
            "test_accuracy",
        ],
    )
    return frame.assign(initializer="he", **changes)


def test_summary_by_hand():
    rows = summaries.summary(small()).set_index("optimizer")
    assert rows["learning_rate"].to_dict() == {"a": 1.0, "b": 0.1}
    assert rows["test_accuracy"].to_dict() == pytest.approx({"a": 0.62, "b": 0.45})
    # t with 1 degree of freedom; z of 0.60 and 0.64, variance z²/2 + z⁴/2
    z = 0.02 * math.sqrt(2) / (0.62 * 0.38)
    odds = 0.62 / 0.38 * np.exp(12.7062047 * math.sqrt(z**2 / 2 + z**4 / 2) * np.array([-1, 1]))
    assert rows.loc["a", ["low", "high"]].tolist() == pytest.approx(odds / (1 + odds))
    assert rows["share_diverged"].to_dict() == {"a": 0.0, "b": 0.25}
    assert rows["n"].to_dict() == {"a": 2, "b": 2}


def test_one_column_is_searched_and_one_condition_may_be_a_name():
    with pytest.raises(ValueError, match=r"over: a summary has one searched column, not \['learn"):
        summaries.summary(small(), over=["learning_rate"])
    rows = summaries.summary(small(), by="optimizer")
    assert len(summaries.chosen_trials(small(), rows, "optimizer")) == 4
    assert rows["learning_rate"].tolist() == [1.0, 0.1]


def test_summary_takes_the_lowest_loss_and_scores_it_as_a_loss():
    frame = small().rename(
        columns={"validation_accuracy": "validation_loss", "test_accuracy": "test_loss"}
    )
    rows = summaries.summary(frame, metric="validation_loss", score="test_loss")
    rows = rows.set_index("optimizer")
    assert rows["learning_rate"].to_dict() == {"a": 0.1, "b": 0.1}
    assert rows.loc["a", "test_loss"] == pytest.approx(math.sqrt(0.70 * 0.72))
    half = 12.7062047 * math.log(0.72 / 0.70) / 2
    assert rows.loc["a", "low"] == pytest.approx(math.sqrt(0.70 * 0.72) * math.exp(-half))
    table = summaries.summary_table(rows.reset_index(), metric="validation_loss", score="test_loss")
    assert table.header[3:5] == ("validation loss (nats)", "test loss (nats)")
    assert table.rows[0][3:5] == ("0.8", "0.71")


def test_a_metric_that_nobody_knows_must_be_told():
    names = {"validation_accuracy": "validation_glow", "test_accuracy": "test_glow"}
    frame, columns = small().rename(columns=names), list(names.values())
    with pytest.raises(ValueError, match="'validation_glow' is better high or low"):
        summaries.summary(frame, metric=columns[0], score=columns[1])
    dim = stats.Kind("min", "lux", "real")
    rows = summaries.summary(frame, metric=columns[0], score=columns[1], kind=dim)
    assert rows["learning_rate"].tolist() == [0.1, 0.1]
    table = summaries.summary_table(rows, metric=columns[0], score=columns[1], kind=dim)
    assert table.header[3:5] == ("validation glow (lux)", "test glow (lux)")


def test_fresh_seeds_are_scored_at_the_choice_of_the_others():
    fresh = small().assign(seed=lambda rows: rows["seed"] + 7, test_accuracy=0.5)
    rows = summaries.summary(small(), fresh=fresh)
    assert rows["learning_rate"].tolist() == [1.0, 0.1]
    assert rows["test_accuracy"].tolist() == [0.5, 0.5]
    assert "2 fresh seeds" in summaries.summary_table(rows).caption


def fresh_trials():
    return small().assign(seed=lambda rows: rows["seed"] + 7, status="ok")


def test_a_fresh_seed_that_diverged_is_marked_and_never_averaged():
    fresh = fresh_trials()
    fresh.loc[3, "status"] = "diverged"  # of `a` at its chosen rate, with a number
    rows = summaries.summary(small(), fresh=fresh, examples=360)
    assert rows["lost"].tolist() == [1, 0]
    assert rows.loc[0, ["test_accuracy", "low", "high", "wide_low"]].isna().all()
    assert rows.loc[1, "test_accuracy"] == pytest.approx(0.45)
    table = summaries.summary_table(rows)
    assert [row[4] for row in table.rows] == ["–‡", "45.0"]
    assert "‡ 1 scored trial diverged or did not end, in 1 condition" in table.caption
    assert "‡" not in summaries.summary_table(summaries.summary(small())).caption


def test_fresh_trials_that_are_not_there_or_not_fresh_are_named():
    fresh = fresh_trials()
    without = "fresh: no trials of optimizer a, initializer he, learning rate 1.0 with seeds"
    with pytest.raises(ValueError, match=rf"{without} \[7, 8\]"):
        summaries.summary(small(), fresh=fresh[fresh["optimizer"] == "b"])
    with pytest.raises(ValueError, match=rf"{without} \[8\]"):
        summaries.summary(small(), fresh=fresh.drop(index=3))
    numbers = {"optimizer": {"a": 0.5, "b": 1.0}}
    frame, lacking = small().replace(numbers), fresh.drop(index=3).replace(numbers)
    with pytest.raises(ValueError, match=r"no trials of optimizer 0\.5, learning rate 1\.0"):
        summaries.summary(frame, by="optimizer", fresh=lacking)
    with pytest.raises(ValueError, match=r"seeds \[1\] took part in the choice"):
        summaries.summary(small(), fresh=small().assign(seed=[1, 2] * 4))
    with pytest.raises(ValueError, match="fresh: there are no trials"):
        summaries.summary(small(), fresh=fresh.iloc[:0])


def test_a_condition_that_was_not_eligible_needs_no_fresh_trials():
    searched = small(status=["ok", "ok", "ok", "ok", "ok", "diverged", "ok", "diverged"])
    fresh = fresh_trials()
    rows = summaries.summary(searched, fresh=fresh[fresh["optimizer"] == "a"])
    assert rows["n"].tolist() == [2, 0]
    table = summaries.summary_table(rows)
    assert "Scored on 2 fresh seeds" in table.caption
    assert table.rows[1][2:6] == ("1*†", "–", "–", "–")


def test_the_number_of_seeds_that_choose_is_said():
    seeds = {n: pd.concat([small().assign(seed=[2 * k, 2 * k + 1] * 4) for k in range(n // 2)])
             for n in (4, 10)}  # fmt: skip
    words = {}
    for n, frame in seeds.items():
        words[n] = summaries.summary(frame.reset_index(drop=True))["scored_on"].iloc[0]
    assert words[4] == "4 seeds, each at the value that one other seed chooses"
    assert words[10] == "10 seeds, each at the value that 4 other seeds choose"
    caption = summaries.summary_table(summaries.summary(small())).caption
    assert "biased towards worse" in caption
    fresh = summaries.summary_table(summaries.summary(small(), fresh=fresh_trials())).caption
    assert "biased" not in fresh


def test_all_conditions_have_one_kind_of_mean():
    frame = small().rename(columns={"test_accuracy": "test_loss"})
    rows = summaries.summary(frame, score="test_loss")
    assert rows["test_loss"].tolist() == pytest.approx([math.sqrt(0.6 * 0.64), math.sqrt(0.2)])
    assert "geometric means over the seeds" in summaries.how_scored(rows)
    frame.loc[4, "test_loss"] = 0.0
    rows = summaries.summary(frame, score="test_loss")
    assert rows["test_loss"].tolist() == pytest.approx([0.62, 0.25])
    assert "geometric" not in summaries.how_scored(rows)


def test_every_method_is_listed():
    frame = small()
    frame.loc[frame["optimizer"] == "b", "test_accuracy"] = 1.0
    words = summaries.how_scored(summaries.summary(frame, examples=360))
    assert (
        "Interval over seeds: Student t of the logit, 95 % (1 condition); "
        "Clopper-Pearson of 2 × 360 equal draws, 95 % (1 condition)." in words
    )


def test_one_seed_has_no_interval_over_seeds_however_many_examples():
    rows = summaries.summary(small()[lambda rows: rows["seed"] == 0], examples=360)
    assert rows[["low", "high"]].isna().all(axis=None)
    assert "one value, no bounds" in summaries.how_scored(rows)


def test_the_table_shows_both_sources_and_says_what_each_covers():
    rows = summaries.summary(small(), examples=360)
    table = summaries.summary_table(rows)
    assert table.header[-3:-1] == ("95 % interval over seeds", "over seeds and test examples")
    assert "for another test set too" in table.caption
    bounds = stats.population_interval([0.60, 0.64], 360)
    assert table.rows[0][-2] == f"{100 * bounds.low:.1f} … {100 * bounds.high:.1f}"
    alone = summaries.summary_table(summaries.summary(small()))
    assert "how far another test set would be, it does not say" in alone.caption
    assert "fewer than 5 seeds" in alone.caption


def test_a_choice_on_test_is_said_aloud():
    rows = summaries.summary(
        small(), metric="test_accuracy", without_validation="the protocol has none"
    )
    table = summaries.summary_table(rows, metric="test_accuracy")
    assert "Chosen on test: the protocol has none" in table.caption
    # the one column is the score: of `a` at rate 0.1 for both seeds
    assert table.header[2:4] == ("learning rate", "test accuracy (%)")
    assert table.header[4].startswith("95 % interval")
    assert table.rows[0][2:4] == ("0.1*", "71.0")


def test_an_estimate_stands_beside_its_interval():
    assert tables.estimate(stats.Interval(0.5, 0.25, 0.75, 5, "given")) == "0.5 (0.25 … 0.75)"
    assert tables.estimate(stats.mean_interval([0.5]), tables.percent) == "50.0"


def test_summary_does_not_depend_on_the_order_of_the_ledger(trials):
    by = ["optimizer", "initializer"]
    shuffled = trials.sample(frac=1.0, random_state=0)
    by_rate = trials.sort_values("learning_rate")
    expected = summaries.summary(trials).sort_values(by, ignore_index=True)
    for frame in (shuffled, by_rate):
        ours = summaries.summary(frame).sort_values(by, ignore_index=True)
        pd.testing.assert_frame_equal(ours, expected)


def test_where_every_rate_diverged_no_score_is_shown():
    rows = summaries.summary(small(status=["ok", "diverged"] * 4))
    assert not rows["eligible"].any()
    assert rows[["test_accuracy", "low", "high"]].isna().all(axis=None)
    cells = summaries.summary_table(rows).rows[0]
    assert cells == ("a", "he", "1*†", "–", "–", "–", "50.0")


def test_html_shows_the_numbers_worked_by_hand(trials):
    table = summaries.summary_table(summaries.summary(trials))
    shown = {tuple(row[:2]): row[2:] for row in Cells(tables.to_html(table)).rows}
    assert len(shown) == 1 + 49
    for optimizer, initializer in [("sgd", "orthogonal"), ("adagrad", "truncated_normal")]:
        condition = [
            row
            for row in trials.to_dict("records")
            if (row["optimizer"], row["initializer"]) == (optimizer, initializer)
        ]
        means = {}
        for rate in sorted({row["learning_rate"] for row in condition}):
            at = [row for row in condition if row["learning_rate"] == rate]
            if all(row["status"] == "ok" for row in at):
                means[rate] = statistics.mean(row["validation_accuracy"] for row in at)
        best = max(means, key=means.__getitem__)
        found = {(row["learning_rate"], row["seed"]): row for row in condition}
        scores = []
        for seed in range(5):
            votes = {
                rate: sum(found[rate, (seed + k) % 5]["validation_accuracy"] for k in (1, 2))
                for rate in means
            }
            scores.append(found[max(votes, key=votes.__getitem__), seed]["test_accuracy"])
        mean = statistics.mean(scores)
        z = statistics.stdev(scores) / (mean * (1 - mean))
        half = T_4 * math.sqrt(z**2 / 5 + z**4 / 8)
        low, high = (1 / (1 + (1 - mean) / mean * math.exp(way * half)) for way in (1, -1))
        lost = sum(row["status"] == "diverged" for row in condition) / 35
        border = "*" if best == min(row["learning_rate"] for row in condition) else ""
        assert border == ("*" if optimizer == "adagrad" else "")
        assert shown[optimizer, initializer] == [
            f"{best:.3g}{border}",
            f"{100 * means[best]:.1f}",
            f"{100 * mean:.1f}",
            f"{100 * low:.1f} … {100 * high:.1f}",
            f"{100 * lost:.1f}",
        ]


def test_html_escapes_everything():
    evil = '<script>alert("&")</script>'
    text = tables.to_html(tables.Table((evil, "x"), ((evil, "1"),), frozenset({1}), evil))
    assert "<script" not in text
    assert Cells(text).rows == [[evil, "x"], [evil, "1"]]


def test_grid_keeps_the_order_of_appearance_and_leaves_gaps():
    rows = pd.DataFrame({"r": ["z", "a", "a"], "c": ["y", "y", "b"], "v": [1.0, 2.0, 3.0]})
    table = summaries.grid(rows, "r", "c", "v")
    assert (list(table.index), list(table.columns)) == (["z", "a"], ["y", "b"])
    np.testing.assert_array_equal(table, [[1.0, math.nan], [2.0, 3.0]])


def test_cells_of_nan_and_none_are_dashes():
    assert [tables.number(math.nan), tables.percent(None)] == ["–", "–"]
    assert tables.between(math.nan, 1.0) == "–"
    assert tables.number(0.000123456) == "0.000123"
    assert tables.number(18008.9) == "18,009"
    assert tables.percent(0.12345, 2) == "12.35"


def test_from_mapping_gives_nested_names_dots():
    table = tables.from_mapping({"steps": 3, "model": {"width": [1, 2], "extra": {}}})
    assert table.rows == (("steps", "3"), ("model.width", "1, 2"), ("model.extra", "{}"))


def test_plain_text_cuts_nothing(trials):
    table = summaries.summary_table(summaries.summary(trials))
    stream = io.StringIO()
    tables.show(table, stream)
    lines = stream.getvalue().splitlines()
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in stream.getvalue()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    assert [list(row) for row in table.rows] == cells[-49:]


def test_a_terminal_gets_a_drawing_of_its_width(trials, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    table, stream = summaries.summary_table(summaries.summary(trials)), Terminal()
    tables.show(table, stream)
    assert "───" in stream.getvalue()
    assert "truncated_normal" in stream.getvalue()
    assert "…rmal" not in stream.getvalue()


@pytest.mark.parametrize(("columns", "lines"), [("60", 1), ("30", 4)])
def test_a_header_is_folded_only_where_the_terminal_is_narrow(columns, lines, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("TERM", "xterm-256color")
    header, stream = ("optimizer", "gain over depth 1 (points)"), Terminal()
    tables.show(tables.Table(header, (("adam", "2.1"),), frozenset({1})), stream)
    head = stream.getvalue().split("─")[0].strip("\n").splitlines()
    assert len([line for line in head if line.strip()]) == lines


def test_text_from_data_neither_marks_up_nor_moves_the_cursor():
    stream = io.StringIO()
    tables.show(tables.Table(("[bold]name",), (("[red]x[/red]",), ("\x1b[2Jy",))), stream)
    assert "[bold]name" in stream.getvalue()
    assert "[red]x[/red]" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_table_without_rows_is_a_header():
    table = tables.Table(("name",), ())
    stream = io.StringIO()
    tables.show(table, stream)
    assert "name" in stream.getvalue()
    assert Cells(tables.to_html(table)).rows == [["name"]]


def test_a_tuned_table_marks_the_hyperparameter_on_the_border_and_writes_names_as_they_are():
    frame = pd.DataFrame([
        {"model": "mlp", "rate": rate, "decay": decay, "course": course, "seed": seed,
         "status": "ok", "validation_loss": abs(rate - 0.1) + decay + (course == "falling"),
         "test_loss": 1.0 + seed}
        for rate in (0.01, 0.1, 1.0)
        for decay in (0.0, 0.5)
        for course in ("falling", "constant")
        for seed in range(3)
    ])  # fmt: skip
    tuned = stats.tune(frame, "model", ("rate", "decay", "course"), "validation_loss")
    table = blocks.tuned_table(tuned, "test_loss")
    cells = dict(zip(table.header, table.rows[0], strict=True))
    assert (cells["rate"], cells["decay"], cells["course"]) == ("0.1", "0*", "constant")
    assert table.caption.startswith("Each seed at the rate that other seeds chose")
    alone = stats.tune(
        frame.query("seed == 0 and decay == 0 and course == 'constant'"),
        "model",
        "rate",
        "validation_loss",
    )
    assert blocks.tuned_table(alone, "test_loss").caption == (
        "One seed, at the rate that it chose itself by validation loss: there is no interval.  "
        "* it is on the border of its grid."
    )
