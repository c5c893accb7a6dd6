"""The explorer in a real browser: what is touched answers, and nothing leaves the page.

Of the 36 trials trial n has the validation accuracy 50 + n %; numbers 21 to 23 have diverged.
"""

import time

import pytest
from support.explored import EVIL, made_rows, write_page

ACCURACY, LOSS = "validation accuracy (%)", "test loss (nats)"


def cells(tab, heading):
    """What stands in a column of the table, row by row as they are seen."""
    headings = tab.locator(".slick-column-name").all_inner_texts()
    place = headings.index(heading)
    rows = tab.locator(".slick-row").evaluate_all(
        """rows => rows.map(row => [row.getBoundingClientRect().top,
             ...[...row.querySelectorAll('.slick-cell')].map(cell => cell.innerText)])"""
    )
    return [row[1 + place] for row in sorted(rows)]


def heading(tab, text):
    return tab.locator(".slick-header-column").filter(has_text=text)


def point(tab, accuracy):
    """Where in the window the trial of an accuracy is drawn."""
    return tab.evaluate(
        """accuracy => {
          const view = document.querySelector('.x-scatter').view;
          const {x, y} = view.model.renderers.map(each => each.data_source.data)
            .find(data => data.trial !== undefined && data.y !== undefined);
          const row = [...y].findIndex(value => Math.abs(value - accuracy) < 1e-6);
          const box = view.el.getBoundingClientRect(), {x_scale, y_scale} = view.frame;
          return [box.left + x_scale.compute(x[row]), box.top + y_scale.compute(y[row])];
        }""",
        accuracy,
    )


def curves(tab):
    """The curves that are drawn, each by its first value."""
    return tab.evaluate(
        """() => document.querySelector('.x-curves').view.model.renderers[0].data_source.data.ys
             .map(ys => ys[0])"""
    )


def until(tab, expression):
    """Waits until an expression of the page is true, ten seconds at most."""
    deadline = time.monotonic() + 10
    while not tab.evaluate(expression):
        assert time.monotonic() < deadline, expression
        tab.wait_for_timeout(50)


ONE_CURVE = """() => document.querySelector('.x-curves').view.model
  .renderers[0].data_source.data.ys.length === 1"""


def luminance(colour):
    """Relative luminance of `rgb(r, g, b)`, as WCAG 2 defines it."""
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


def test_the_best_trial_comes_first_and_a_heading_sorts(show, path):
    tab = show(path)
    assert cells(tab, ACCURACY)[:3] == ["85.0", "84.0", "83.0"]
    losses = sorted(row["test_loss"] for row in made_rows() if row["test_loss"] is not None)
    heading(tab, LOSS).click()
    assert cells(tab, LOSS)[:3] == [f"{value:#.4g}" for value in losses[:3]]
    heading(tab, LOSS).click()
    assert cells(tab, LOSS)[:3] == [f"{value:#.4g}" for value in losses[:-4:-1]]


@pytest.mark.parametrize("clicks", [1, 2])
def test_a_trial_without_a_value_stands_last_whichever_way_is_sorted(show, path, clicks):
    tab = show(path)
    tab.locator(".x-legend .chip", has_text="adam").click()
    for _ in range(clicks):
        heading(tab, LOSS).click()
    assert cells(tab, LOSS)[9:] == ["–", "–", "–"]
    assert cells(tab, "status")[8:] == ["ok", "diverged", "diverged", "diverged"]


def test_filters_narrow_chart_and_table(show, path):
    tab = show(path)
    told = tab.locator(".x-shown")
    tab.locator(".x-legend .chip", has_text="adam").click()
    assert told.inner_text().startswith("12 of 36 trials")
    assert set(cells(tab, "optimizer")) == {"adam"}
    tab.locator(".x-legend .chip", has_text="sgd").click()
    assert told.inner_text().startswith("24 of 36 trials")
    tab.locator("summary").click()
    tab.get_by_label(f"{ACCURACY} from").fill("60")
    tab.get_by_label(f"{ACCURACY} from").press("Tab")
    # 60 … 73 %, without those that have no value.
    assert told.inner_text().startswith("11 of 36 trials")
    assert cells(tab, ACCURACY)[-1] == "60.0"
    assert tab.locator(".x-plot canvas").count() > 0
    tab.get_by_role("button", name="Show all").click()
    assert told.inner_text().startswith("36 trials")


def test_what_no_trial_passes_is_said(show, path):
    tab = show(path)
    tab.locator("summary").click()
    tab.get_by_label(f"{ACCURACY} from").fill("99")
    tab.get_by_label(f"{ACCURACY} from").press("Tab")
    assert tab.locator(".x-scatter").inner_text() == "No trial passes the filters."
    assert tab.locator(".slick-row").count() == 0
    tab.get_by_role("button", name="Show all").click()
    tab.locator(".x-scatter canvas").first.wait_for()


def test_a_pointer_over_a_point_shows_its_trial(show, path):
    tab = show(path)
    x, y = point(tab, 63)
    tab.mouse.move(x - 3, y)
    tab.mouse.move(x, y)
    tip = tab.locator(".tip").inner_text().split("\n")
    assert tip[tip.index("optimizer") + 1] == "adam"
    assert tip[tip.index("learning rate") + 1] == "0.001"
    assert tip[tip.index(ACCURACY) + 1] == "63.0"


def test_a_chosen_point_is_a_row_and_a_curve(show, path):
    tab = show(path)
    assert len(curves(tab)) == 3
    tab.mouse.click(*point(tab, 56))
    chosen = tab.locator(".slick-row", has=tab.locator(".slick-cell.selected"))
    assert chosen.count() == 1
    assert "56.0" in chosen.inner_text().split("\n")
    assert "1 trial chosen" in tab.locator(".x-chosen").inner_text()
    until(tab, ONE_CURVE)
    assert curves(tab) == pytest.approx([1.06])


def test_a_chosen_row_is_a_point_and_a_curve(show, path):
    tab = show(path)
    tab.locator(".slick-cell", has_text="81.0").first.click()
    drawn = tab.evaluate(
        """() => {
          const {data, selected} = document.querySelector('.x-scatter').view.model.renderers
            .map(each => each.data_source).find(source => source.data.trial !== undefined);
          return selected.indices.map(row => data.y[row]);
        }"""
    )
    assert drawn == pytest.approx([81])
    until(tab, ONE_CURVE)
    assert curves(tab) == pytest.approx([1.31])
    tab.get_by_role("button", name="Clear").click()
    assert tab.locator(".slick-cell.selected").count() == 0


def test_another_metric_and_axis_are_drawn(show, path):
    tab = show(path)
    tab.get_by_label("Metric").select_option(label=LOSS)
    tab.get_by_label("Along").select_option(label="optimizer")
    label = "document.querySelector('.x-scatter').view.model.yaxes[0].axis_label"
    until(tab, f"{label} === '{LOSS}'")
    labels = tab.evaluate(
        """() => [...document.querySelector('.x-scatter').view.model.xaxes[0]
             .major_label_overrides.values()]"""
    )
    assert labels == ["sgd", "adam", EVIL]


def test_one_enormous_value_leaves_the_others_apart(show, tmp_path):
    rows = made_rows()
    rows[5]["test_loss"] = 1e27
    tab = show(write_page(tmp_path, rows))
    tab.get_by_label("Metric").select_option(label=LOSS)
    end = "document.querySelector('.x-scatter').view.model.y_range.end"
    until(tab, f"{end} < 2")
    assert "1 trial lies outside of the axis." in tab.locator(".explorer").inner_text()


def test_names_from_data_stay_text(show, path):
    tab = show(path)
    assert tab.locator("img").count() == 0
    assert EVIL in cells(tab, "optimizer")
    assert tab.locator(".x-legend .chip").all_inner_texts()[2] == EVIL


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_can_be_told_from_the_paper(show, path, scheme):
    tab = show(path, scheme=scheme)
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (luminance(paper) < 0.1) == (scheme == "dark")
    cell = tab.locator(".slick-cell").first.evaluate("cell => getComputedStyle(cell).color")
    row = tab.locator(".slick-row").first.evaluate("row => getComputedStyle(row).backgroundColor")
    assert contrast(cell, row) > 7
    swatches = tab.locator(".swatch").evaluate_all(
        "all => all.map(each => getComputedStyle(each).backgroundColor)"
    )
    assert min(contrast(colour, paper) for colour in swatches) > 3


def test_a_change_of_the_system_recolours_the_charts(show, path):
    tab = show(path)
    colour = "document.querySelector('.x-scatter').view.model.xaxes[0].axis_label_text_color"
    light = tab.evaluate(f"JSON.stringify({colour})")
    tab.emulate_media(color_scheme="dark")
    until(tab, f"JSON.stringify({colour}) !== '{light}'")


def test_at_400_pixels_only_the_table_scrolls_sideways(show, path):
    tab = show(path, width=400)
    assert tab.evaluate("document.documentElement.scrollWidth") == 400
    assert tab.locator(".slick-viewport").first.evaluate("e => e.scrollWidth > e.clientWidth")


def test_paper_leaves_out_what_only_answers_on_a_screen(show, path):
    tab = show(path)
    tab.emulate_media(media="print")
    assert not tab.locator(".explorer").is_visible()
    assert not tab.locator("h2").is_visible()
    assert tab.locator(".lead").is_visible()


def test_of_20_000_trials_the_page_holds_only_the_rows_in_sight(show, tmp_path):
    rows = [
        {**made_rows()[0], "trial": f"t{n}", "seed": n, "validation_accuracy": n / 20_000}
        for n in range(20_000)
    ]
    tab = show(write_page(tmp_path, rows))
    assert tab.locator(".slick-row").count() < 60
    assert "14 of each trial" in tab.locator(".explorer").inner_text()
    heading(tab, "seed").click()
    assert cells(tab, "seed")[:3] == ["0", "1", "2"]
