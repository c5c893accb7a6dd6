"""The gallery: of kept verdicts, with pictures that are small."""

import importlib
import io
import math
import re
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
MADE = runpy.run_path(str(ROOT / "docs/make_gallery.py"))
PICTURES = sorted((ROOT / "docs/pages/gallery").glob("*.png"))


def test_the_page_is_that_of_the_kept_verdicts_and_shows_every_picture():
    text = (ROOT / "docs/pages/gallery.md").read_text()
    assert MADE["page"]() == text, "write it anew: python docs/make_gallery.py"
    assert sorted(re.findall(r"gallery/(\w+)\.png", text)) == [path.stem for path in PICTURES]
    assert text.count("python -m experiments.") == len(PICTURES)


def test_pictures_are_small():
    sizes = {path.name: path.stat().st_size for path in PICTURES}
    assert max(sizes.values()) <= 40_000, sizes
    assert sum(sizes.values()) <= 3_000_000


@pytest.mark.parametrize("name", [name for group in MADE["CHOSEN"].values() for name in group])
def test_what_is_chosen_is_an_experiment_with_a_verdict(name):
    assert (ROOT / f"experiments/{name}.py").is_file()
    assert (ROOT / f"docs/verdicts/{name}.json").is_file()


def test_a_picture_is_shrunk_until_it_is_small_and_keeps_its_shape():
    noise = np.random.default_rng(0).integers(0, 256, (500, 1000, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    image = Image.open(io.BytesIO(MADE["small"](stream.getvalue())))
    assert image.width == 380
    assert image.height == 190


def test_a_kept_claim_has_its_unit_its_side_and_its_condition_again():
    claims = importlib.import_module("experiments.ravine").CLAIMS
    row = {
        "row": "O2", "claim": f"{claims[5].text} (height 0.1)", "quantity": "share", "unit": "1",
        "threshold": 0.5, "measured": None, "interval": [0.0, None], "method": "none",
        "verdict": "inconclusive",
    }  # fmt: skip
    found = MADE["_judged"](claims[5], row)
    assert (found.shown, found.direction, found.where) == ("%", "below", "height 0.1")
    assert math.isnan(found.measured)
    assert found.interval[0] == 0
    assert math.isnan(found.interval[1])
