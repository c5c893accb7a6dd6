"""The code of the guides runs as it stands, and prints what the page says."""

import re

import pytest
from support import pages

GUIDES = sorted((pages.ROOT / "docs/pages/guides").glob("*.md"))
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_code_of_a_guide_prints_what_the_page_shows(guide, tmp_path):
    printed = pages.run("".join(pages.blocks(guide)), tmp_path)
    shown = "".join(pages.blocks(guide, "text"))
    assert words(printed) == words(shown)
    # Rates, shares, points of a hundred and their deviations; other versions and processors round
    # otherwise, which moves the ends of an interval over five seeds most.
    assert numbers(printed) == pytest.approx(numbers(shown), abs=0.3, rel=0.6)


def words(text):
    """All but numbers, truth values and how they are aligned."""
    return re.sub(r"True|False", "", NUMBER.sub("", text)).split()


def numbers(text):
    return [float(number) for number in NUMBER.findall(text)]
