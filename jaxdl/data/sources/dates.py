"""Dates as people write them, and as ISO 8601: a small translation task with a known grammar."""

import datetime
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

FIRST, LAST = datetime.date(1950, 1, 1), datetime.date(2049, 12, 31)
"""A hundred years, so that two digits name a year."""
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Date = datetime.date


class Pair(NamedTuple):
    """What a person wrote, and the same day as `YYYY-MM-DD`."""

    human: str
    iso: str


def _ordinal(day: int) -> str:
    suffix = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"


FORMATS: dict[str, Callable[[Date], str]] = {
    "3 March 2021": lambda d: f"{d.day} {MONTHS[d.month - 1]} {d.year}",
    "March 3, 2021": lambda d: f"{MONTHS[d.month - 1]} {d.day}, {d.year}",
    "Mar 3 2021": lambda d: f"{MONTHS[d.month - 1][:3]} {d.day} {d.year}",
    "3 mar 21": lambda d: f"{d.day} {MONTHS[d.month - 1][:3].lower()} {d.year % 100:02}",
    "Wednesday, March 3, 2021": lambda d: (
        f"{WEEKDAYS[d.weekday()]}, {MONTHS[d.month - 1]} {d.day}, {d.year}"
    ),
    "the 3rd of March 2021": lambda d: f"the {_ordinal(d.day)} of {MONTHS[d.month - 1]} {d.year}",
    "3.3.2021": lambda d: f"{d.day}.{d.month}.{d.year}",
    "03/03/21": lambda d: f"{d.month:02}/{d.day:02}/{d.year % 100:02}",
    "2021/3/3": lambda d: f"{d.year}/{d.month}/{d.day}",
}
"""Ways to write a date, by that of 3 March 2021. Points have the day first, slashes the month or
the year, so that no two days are written alike."""


def dates(rng: np.random.Generator, count: int) -> list[Pair]:
    """`count` days from `FIRST` to `LAST`, each in one of `FORMATS`; all equally likely."""
    days = rng.integers((LAST - FIRST).days + 1, size=count)
    kinds = rng.integers(len(FORMATS), size=count)
    writers = list(FORMATS.values())
    drawn = [FIRST + datetime.timedelta(int(day)) for day in days]
    return [
        Pair(writers[kind](date), date.isoformat()) for date, kind in zip(drawn, kinds, strict=True)
    ]
