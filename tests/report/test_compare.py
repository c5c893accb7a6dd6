"""The page of a whole sweep."""

import pytest

from jaxdl.report import compare, page, summaries
from jaxdl.report.findings import Columns


def test_a_page_of_a_choice_on_test_says_so(trials):
    frame = trials[trials["optimizer"].isin(["sgd", "adam"])]
    columns = Columns(metric="test_accuracy")
    reason = "the protocol has none"
    lead, sections = compare.comparison(frame, columns=columns, without_validation=reason)
    assert lead.startswith("Chosen on test, the best condition is")
    assert any(f"Chosen on test: {reason}" in line for line in sections[0].blocks)
    assert sections[-1].blocks[0].header.count("test accuracy (%)") == 1
    with pytest.raises(ValueError, match="never on test"):
        compare.comparison(frame, columns=columns)


def test_losses_are_compared_as_losses(trials):
    columns = Columns(metric="validation_loss", score="test_loss")
    frame = trials[trials["optimizer"].isin(["sgd", "adam"])]
    lead, sections = compare.comparison(frame, columns=columns, examples=360)
    summary = summaries.summary(frame, metric="validation_loss", score="test_loss")
    best = summary.loc[summary["validation_loss"].idxmin()]
    assert f"{best['optimizer']} × {best['initializer']}" in lead
    assert "nats" in lead
    assert "%" not in lead
    assert sections[-1].blocks[0].header[3:5] == ("validation loss (nats)", "test loss (nats)")


def test_an_interval_ends_where_accuracies_do(trials):
    _, sections = compare.comparison(trials[trials["seed"].isin([0, 1])])
    bounds = [cell.split(" … ") for *_, cell, _ in sections[-1].blocks[0].rows]
    shown = [float(number) for pair in bounds if len(pair) == 2 for number in pair]
    assert min(shown) >= 0
    assert max(shown) == pytest.approx(100, abs=0.3)


def test_the_whole_page(trials, curves, tmp_path):
    hostile = {"initializer": {"zeros": "<script>"}}
    backwards = curves.replace(hostile).iloc[::-1]
    lead, sections = compare.comparison(trials.replace(hostile), backwards)
    assert [section.heading for section in sections] == [
        "Finding",
        "Test accuracy",
        "Sensitivity to the learning rate",
        "Training curves",
        "All conditions",
    ]
    path = page.write(page.Report("Sweep", lead, sections), tmp_path)
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert '<td class="left">&lt;script&gt;</td>' in text
    names = ["heat_map.png", "report.html", "report.md", "sensitivity.png", "tables"]
    names += ["training_curves.png"]
    assert sorted(p.name for p in tmp_path.iterdir()) == names


def test_curves_may_be_left_out(trials):
    _, sections = compare.comparison(trials[trials["optimizer"] == "sgd"])
    assert "Training curves" not in [section.heading for section in sections]


def test_other_columns_can_be_compared(trials):
    columns = Columns("kind", "start", "rate", "validation_f1", "test_f1")
    names = dict(zip(Columns()[:5], columns[:5], strict=True))
    frame = trials[trials["optimizer"].isin(["sgd", "adam"])].rename(columns=names)
    lead, sections = compare.comparison(frame, columns=columns)
    assert "at rate 0." in lead
    assert "test f1" in lead
    assert sections[-1].blocks[0].header[:3] == ("kind", "start", "rate")
