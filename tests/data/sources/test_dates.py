import datetime
import re

import numpy as np
import pytest
from scipy import stats

from jaxdl.data.sources import dates

EVERY_DAY = [
    dates.FIRST + datetime.timedelta(day) for day in range((dates.LAST - dates.FIRST).days + 1)
]
PARSED = {
    "3 March 2021": "%d %B %Y",
    "March 3, 2021": "%B %d, %Y",
    "Mar 3 2021": "%b %d %Y",
    "3 mar 21": "%d %b %y",
    "Wednesday, March 3, 2021": "%A, %B %d, %Y",
    "the 3rd of March 2021": "the %d of %B %Y",
    "3.3.2021": "%d.%m.%Y",
    "03/03/21": "%m/%d/%y",
    "2021/3/3": "%Y/%m/%d",
}


def read(text, name):
    """The day by Python's own parser, whose two digits mean 1969 … 2068."""
    if name.startswith("the"):
        text = re.sub(r"(\d)(st|nd|rd|th)", r"\1", text)
    day = datetime.datetime.strptime(text, PARSED[name]).date()
    return day if day <= dates.LAST else day.replace(year=day.year - 100)


@pytest.mark.parametrize("name", dates.FORMATS)
def test_python_reads_the_same_day(name):
    write = dates.FORMATS[name]
    assert write(datetime.date(2021, 3, 3)) == name
    for day in EVERY_DAY[::37]:
        assert read(write(day), name) == day


def test_weekdays_and_ordinals_by_hand():
    day = datetime.date(2024, 2, 29)
    assert dates.FORMATS["Wednesday, March 3, 2021"](day) == "Thursday, February 29, 2024"
    write = dates.FORMATS["the 3rd of March 2021"]
    written = [write(datetime.date(2020, 1, n)).split()[1] for n in (1, 2, 11, 12, 13, 21, 22, 23)]
    assert written == ["1st", "2nd", "11th", "12th", "13th", "21st", "22nd", "23rd"]


def test_no_two_days_are_written_alike():
    written = {write(day) for write in dates.FORMATS.values() for day in EVERY_DAY}
    assert len(written) == len(EVERY_DAY) * len(dates.FORMATS)


def test_drawn_pairs_are_of_all_formats_and_days():
    pairs = dates.dates(np.random.default_rng(0), 4000)
    writers = dates.FORMATS.values()
    kinds = []
    for human, iso in pairs:
        day = datetime.date.fromisoformat(iso)
        (kind,) = (i for i, write in enumerate(writers) if write(day) == human)
        kinds.append(kind)
    assert stats.chisquare(np.bincount(kinds, minlength=len(writers))).pvalue > 1e-3
    places = [(datetime.date.fromisoformat(iso) - dates.FIRST).days for _, iso in pairs]
    assert stats.kstest(np.array(places) / len(EVERY_DAY), "uniform").pvalue > 1e-3


def test_the_generator_decides():
    first, again, other = (dates.dates(np.random.default_rng(seed), 20) for seed in (0, 0, 1))
    assert first == again != other
