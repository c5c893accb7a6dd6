"""The card of an optimizer's character: what it withstands, what it needs, what breaks it."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from jaxdl import report, stats
from jaxdl.comparison.exam import Exam
from jaxdl.comparison.words import steps_of
from jaxdl.report import Picture, Section
from jaxdl.report.tables import Cell, Table, counted

LEVELS = (1, 2, 3, 4)
FEW = 0.05
"""Share of the attempts below which a problem needs careful tuning."""


class Card(NamedTuple):
    """A candidate among others, by the grades of an exam (see `Exam.grades`)."""

    candidate: str
    exam: Exam
    grades: pd.DataFrame

    @property
    def others(self) -> tuple[str, ...]:
        """With whom the candidate is compared."""
        return tuple(name for name in self.exam.entrants if name != self.candidate)

    def levels(self) -> pd.DataFrame:
        """How many difficulties are solved, `[problems, optimizers]`, 0 … 4.

        A difficulty counts if an attempt solves it and all easier ones are solved; nan where the
        program raised.
        """
        ordered = self.grades.sort_values("level")
        keys = [ordered["problem"], ordered["optimizer"]]
        there = ordered["solved"].gt(0).groupby(keys).cummin()
        raised = ordered["message"].notna().groupby(keys).any()
        solved = there.groupby(keys).sum().astype(float)
        return self._ordered(solved.mask(raised).unstack("optimizer"))

    def shares(self) -> pd.DataFrame:
        """Which part of the attempts succeed, over the four difficulties of a problem."""
        sums = self.grades.groupby(["problem", "optimizer"])[["solved", "attempts"]].sum()
        return self._ordered((sums["solved"] / sums["attempts"]).unstack("optimizer"))

    def gain(self, other: str) -> stats.Interval:
        """How many difficulties more the candidate solves than another, paired over problems.

        A program that raised solves none.
        """
        levels = self.levels().fillna(0)
        return stats.paired_interval(levels[self.candidate], levels[other])

    def needed(self, optimizer: str) -> float:
        """Attempts until the first success at the easiest difficulty, the median over problems."""
        easiest = self.grades[self.grades["level"].eq(1) & self.grades["optimizer"].eq(optimizer)]
        return float(easiest["needed"].median())

    @property
    def tried(self) -> str:
        """What is tried at each difficulty, for a caption."""
        budget = steps_of(problem.steps for problem in self.exam.problems)
        return f"{counted(self.exam.attempts, 'attempt')} of up to {budget}"

    def headline(self) -> str:
        """How far the candidate and the others come."""
        levels = self.levels()
        total = {name: int(levels[name].sum()) for name in levels}
        rest = ", ".join(f"{name} {total[name]}" for name in self.others)
        return (
            f"{self.candidate} solves {total[self.candidate]} of {4 * len(levels)} difficulties"
            f"{f' ({rest})' if rest else ''}."
        )

    def text(self) -> str:
        """The headline, and what the candidate withstands, needs, is broken by, against whom."""
        return " ".join([self.headline(), *self.sentences()])

    def sentences(self) -> list[str]:
        """What the candidate withstands, what breaks it, what it needs, and against whom."""
        levels = self.levels()
        mine = levels[self.candidate]
        said = [
            self._sentence("It withstands, at all four difficulties,", mine.index[mine.eq(4)]),
            self._sentence("It fails at the first or second of", mine.index[mine.le(1)]),
            self._raised(),
            self._tuning(),
            *(self._against(levels, other) for other in self.others),
        ]
        return list(filter(None, said))

    def _sentence(self, how: str, names: Iterable[str]) -> str:
        about = {problem.name: problem.about for problem in self.exam.problems}
        told = [f"{about[name]} ({name})" for name in names]
        return f"{how} {_listed(told)}." if told else ""

    def _raised(self) -> str:
        mine = self.grades[self.grades["optimizer"].eq(self.candidate)]
        told = mine.dropna(subset="message").drop_duplicates("problem")
        pairs = [f"{row['problem']} ({row['message']})" for row in told.to_dict("records")]
        return f"It raises on {_listed(pairs)}." if pairs else ""

    def _tuning(self) -> str:
        each = [f"{name} {self._attempts(name)}" for name in self.others]
        mine = self.grades[self.grades["optimizer"].eq(self.candidate) & self.grades["level"].eq(1)]
        share = mine["solved"] / mine["attempts"]
        rare = mine.loc[share.gt(0) & share.lt(FEW), "problem"].tolist()
        careful = f", and careful tuning on {_listed(rare)}" if rare else ""
        rest = f" ({', '.join(each)})" if each else ""
        return (
            f"It needs {self._attempts(self.candidate)} random attempts for a first success at the "
            f"easiest difficulty, in the median over problems{rest}{careful}."
        )

    def _attempts(self, name: str) -> str:
        needed = self.needed(name)
        return f"{needed:.3g}" if np.isfinite(needed) else f"more than {self.exam.attempts}"

    def _against(self, levels: pd.DataFrame, other: str) -> str:
        apart = levels.fillna(0)
        apart = apart[self.candidate] - apart[other]
        further, shorter = apart.index[apart.gt(0)].tolist(), apart.index[apart.lt(0)].tolist()
        if not further and not shorter:
            return f"It comes as far as {other} everywhere."
        parts = [f"further than {other} on {_listed(further)}"] if further else []
        parts += [f"less far than {other} on {_listed(shorter)}"] if shorter else []
        return f"It comes {'; '.join(parts)}."

    def _ordered(self, wide: pd.DataFrame) -> pd.DataFrame:
        names = [problem.name for problem in self.exam.problems]
        return wide.reindex(index=names, columns=list(self.exam.entrants))


def sections(card: Card) -> list[Section]:
    """The card: what each optimizer reaches, the map of all problems, both in words."""
    blocks: list[str | Table | Picture] = [_totals(card), _map(card), *card.sentences()]
    return [
        Section(f"The character of {card.candidate}", blocks),
        Section("Problem by problem", [_problems(card)]),
    ]


def _totals(card: Card) -> Table:
    levels, shares = card.levels(), card.shares()
    rows: list[dict[str, Cell]] = [
        {
            "optimizer": name,
            "difficulties solved": int(levels[name].sum()),
            "all four": int(levels[name].eq(4).sum()),
            "not one": int(levels[name].fillna(0).eq(0).sum()),
            "attempts that succeed (%)": float(shares[name].mean()),
            "attempts needed at the easiest": _finite(card.needed(name)),
        }
        for name in card.exam.entrants
    ]
    return report.table(
        rows,
        f"{counted(len(card.exam.problems), 'problem')} at 4 difficulties each, "
        f"{card.tried} a difficulty: random points of the optimizer's space, each from a start of "
        "its own. Needed: in the median over problems; – where half of them or more are never "
        "solved.",
    )


def _map(card: Card) -> Picture:
    levels, shares = card.levels(), card.shares()
    texts = pd.DataFrame(
        {name: list(map(_cell, levels[name], shares[name])) for name in levels}, levels.index
    )
    figure = report.heat_map(
        levels.rename_axis(index="problem", columns="optimizer"),
        texts=texts,
        title="Difficulties solved, of 4, and attempts that succeed (%)",
        label="difficulties solved, of 4",
        limits=(0, 4),
    )
    alt = f"How many of four difficulties {', '.join(levels)} solve, problem by problem"
    caption = (
        f"{alt}; beside it the share of attempts that succeed over the four, of "
        f"{card.tried} each, from a start of its own. A difficulty counts if one attempt solves it "
        "and all easier ones are solved. Without intervals, which the claims have."
    )
    return Picture("card", figure, alt, caption)


def _cell(level: float, share: float) -> str:
    return "raised" if np.isnan(level) else f"{level:.0f} · {100 * share:.0f} %"


def _problems(card: Card) -> Table:
    mine = card.grades[card.grades["optimizer"].eq(card.candidate)]
    rows = []
    for problem in card.exam.problems:
        grades = mine[mine["problem"].eq(problem.name)].sort_values("level")
        each = dict(zip(grades["level"], map(_outcome, grades.to_dict("records")), strict=True))
        rows.append(
            {
                "problem": problem.name,
                "difficulty": f"{problem.unit}: {', '.join(f'{d:g}' for d in problem.levels)}",
                **{f"at the {n}.": each[n] for n in LEVELS},
                "diverged (%)": float(grades["diverged"].sum() / grades["attempts"].sum()),
                "raised": next(iter(grades["message"].dropna()), ""),
            }
        )
    if not any(row["raised"] for row in rows):
        rows = [{name: cell for name, cell in row.items() if name != "raised"} for row in rows]
    return report.table(
        rows,
        f"{card.candidate}: attempts until the first success, in the mean over their orders, and "
        f"the median steps of those that succeed; – where none of {card.tried} does.",
    )


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _outcome(grade: dict[str, float]) -> str:
    if not grade["solved"]:
        return "–"
    return f"{grade['needed']:.3g} × {grade['steps']:.0f} steps"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)
