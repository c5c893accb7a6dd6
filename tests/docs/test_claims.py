"""The ledger of sentences: numbered without a gap, of kept verdicts, and put together by rule."""

import runpy
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MADE = runpy.run_path(str(ROOT / "docs/make_claims.py"))


def claim(verdict, measured=0.0, threshold=1.0):
    low, high = measured - 1, measured + 1
    return {
        "verdict": verdict,
        "measured": measured,
        "interval": [low, high],
        "threshold": threshold,
        "unit": "1",
    }


def test_the_page_is_that_of_the_kept_runs():
    text = (ROOT / "docs/claims.md").read_text()
    assert MADE["page"]() == text, "write it anew: python docs/make_claims.py"


def test_sentences_are_numbered_from_1_to_100_and_their_rows_are_in_the_curriculum():
    found = MADE["sentences"]()
    assert [sentence.number for sentence in found] == [*range(1, 101)]
    page = (ROOT / "docs/curriculum.md").read_text()
    assert [s.row for s in found if f"\n| {s.row} |" not in page] == []


@pytest.mark.parametrize(
    ("families", "verdict"),
    [
        ([], "not measured"),
        ([(["holds", "holds"], False)], "holds"),
        ([(["holds"], False), (["fails"], False)], "depends"),
        ([(["holds", "inconclusive"], False)], "inconclusive"),
        ([(["holds"], False), (["depends"], False)], "depends"),
        ([(["fails"], True)], "holds"),
        ([(["inconclusive", "holds"], True)], "fails"),
    ],
)
def test_a_sentence_has_the_verdict_of_its_claims(families, verdict):
    measured = [("x: y", [*map(claim, found)], against) for found, against in families]
    assert MADE["Sentence"](1, "", "F1", "", "", measured).verdict == verdict


def test_plots_by_hand():
    assert MADE["_plot"]([claim("fails")]) == "─" * 12 + "●" + "─" * 11 + "│"
    several = [claim("holds", 2.0), claim("holds", 3.0)]
    assert MADE["_plot"](several) == "│" + "─" * 7 + "●" + "─" * 7 + "●" + "─" * 8
    assert MADE["_effect"](several) == "2 … 3 (1 … 4)"
    endless = [several[0], several[1] | {"interval": [2.0, None]}]
    assert MADE["_effect"](endless) == "2 … 3 (1 … –)"
    assert MADE["_plot"](endless) == "│" + "·" * 11 + "●" + "·" * 11 + "●"


def test_a_claim_is_told_whole_and_another_that_begins_like_it_is_not_of_its_family():
    """Conditions in brackets are of one family; `*` stands for anything."""
    texts = ["it copies (T = 5)", "it copies (T = 9)", "it copies more than others (T = 5)"]
    kept = {"x": [claim("holds") | {"claim": text} for text in texts]}
    ((_, family, _),) = MADE["_named"](["x: it cop"], kept, False)
    assert [each["claim"] for each in family] == texts[:2]
    assert MADE["_whole"](family[0]) == "it copies"
    ((_, family, _),) = MADE["_named"](["x: it copies more"], kept, False)
    assert len(family) == 1
    ((_, family, _),) = MADE["_named"](["x: it *T = 5"], kept, False)
    assert len(family) == 2


def test_a_name_that_no_verdict_has_is_told():
    with pytest.raises(ValueError, match=r"no verdict of xor has a claim 'unheard of'"):
        list(MADE["_named"](["xor: unheard of"], {"xor": [{"claim": "other"}]}, False))


def test_unknown_experiments_are_not_run(capsys):
    main = runpy.run_path(str(ROOT / "docs/run_verdicts.py"))["main"]
    assert main(["unheard_of"]) == 2
    assert capsys.readouterr().err == "no experiment is named unheard_of\n"


def test_a_verdict_that_is_kept_does_not_make_the_others_begin_anew(tmp_path):
    """They lie in a folder of the commit; another is taken where code has changed."""
    for name in ("docs/run_verdicts.py", "experiments/one.py", "docs/verdicts/one.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    shutil.copy(ROOT / "docs/run_verdicts.py", tmp_path / "docs")
    who = ("-c", "user.name=a", "-c", "user.email=a@localhost")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)

    def folder():
        made = runpy.run_path(str(tmp_path / "docs/run_verdicts.py"))
        return made["_workdir"]("one").parent.name

    first = folder()
    (tmp_path / "docs/verdicts/one.json").write_text("[]")
    assert folder() == first
    (tmp_path / "experiments/one.py").write_text("[]")
    assert folder() == f"{first}-dirty"
