"""What is said of claims, by hand."""

import io
import math

import pytest

from jaxdl import stats
from jaxdl.report import verdicts
from jaxdl.report.claims import Claim, to_json

AHEAD = Claim("O2", "momentum is ahead of SGD", "gain in test accuracy", above=0.01, unit="points")
FAST = Claim("O2", "it is fast", "time of the other over its own", above=1.5)
LOW = Claim("O2", "it costs little", "loss", below=0.2, unit="nats")


def interval(mean, low, high, n=5):
    return stats.Interval(mean, low, high, n, "Student t, 95 %")


HOLDS = AHEAD.judge(interval(0.014, 0.011, 0.019))
FAILS = LOW.judge(interval(0.31, 0.25, 0.37))
EACH = FAST.judge_each({"16 units": interval(2.0, 1.8, 2.25), "64 units": interval(1.2, 1.1, 1.31)})


def test_a_sentence_has_its_numbers_in_the_unit_of_print():
    assert verdicts.sentence(HOLDS) == (
        "momentum is ahead of SGD. Gain in test accuracy: 1.4 points [1.1, 1.9], "
        "to be above 1.0 points"
    )
    assert verdicts.sentence(FAILS) == (
        "it costs little. Loss: 0.31 nats [0.25, 0.37], to be below 0.2 nats"
    )
    assert verdicts.effect(EACH[0]) == "2 [1.8, 2.25]"
    assert (
        verdicts.effect(HOLDS._replace(measured=math.nan, interval=(math.nan,) * 2)) == "– points"
    )


def test_too_few_seeds_are_told_where_the_claim_is_read():
    first, second = stats.mean_interval([0.4]), stats.mean_interval([0.3, 0.5])
    (alone,) = claims = [LOW.judge(second)]
    words = "to be below 0.2 nats; a claim needs 3 seeds or more, not 2"
    stream = io.StringIO()
    verdicts.show_claims(claims, stream)
    assert stream.getvalue().rstrip().endswith(words)
    assert words in verdicts.to_html(verdicts.Verdicts(claims))
    assert words in verdicts.to_markdown(verdicts.Verdicts(claims))
    assert verdicts.headline(claims).endswith(f"{words}.")
    each = LOW.judge_each({"a": second, "b": second})
    assert verdicts.told(verdicts.families(each)[0]).endswith(f"under 2 conditions, {words}")
    enough = LOW.judge(stats.mean_interval([0.3, 0.4, 0.5]))
    assert "seeds" not in verdicts.sentence(enough)
    assert LOW.judge_together([enough, LOW.judge(first, "c")]).lacking.endswith("not 1")
    assert "lacking" not in to_json(alone)


@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ([], ""),
        ([HOLDS], f"Holds: {verdicts.sentence(HOLDS)}."),
        (EACH, "Depends: it is fast."),
        ([HOLDS, HOLDS._replace(claim="b")], "Both claims hold."),
        ([HOLDS, FAILS], "Of 2 claims 1 holds and 1 fails."),
        (
            [HOLDS, *EACH, FAILS, HOLDS._replace(claim="b")],
            "Of 4 claims 2 hold, 1 depends on the condition and 1 fails.",
        ),
    ],
)
def test_the_headline_counts_sentences_and_not_their_conditions(claims, said):
    assert verdicts.headline(claims) == said


def test_conditions_that_disagree_are_one_sentence_and_keep_what_each_says():
    (family,) = verdicts.families(EACH)
    assert (family.text, family.verdict) == ("it is fast", "depends")
    text = verdicts.to_markdown(verdicts.Verdicts(EACH))
    assert text.splitlines()[:3] == [
        "* ± **depends** it is fast. Time of the other over its own, to be above 1.5",
        "  * 16 units: 2 \\[1.8, 2.25\\] ✓",
        "  * 64 units: 1.2 \\[1.1, 1.31\\] ✗",
    ]
    page = verdicts.to_html(verdicts.Verdicts(EACH))
    assert '<li class="depends"><span class="badge">± depends</span>' in page
    assert '<li class="holds">16 units: 2 [1.8, 2.25] ' in page
    assert '<li class="fails">64 units: 1.2 [1.1, 1.31] ' in page


def test_conditions_that_do_not_disagree_say_together_what_all_say():
    claims = FAST.judge_each({"a": interval(2.0, 1.8, 2.2), "b": interval(1.6, 1.4, 1.8)})
    (family,) = verdicts.families(claims)
    assert family.verdict == "inconclusive"
    below = LOW.judge_each({"a": interval(0.1, 0.05, 0.15), "b": interval(0.3, 0.25, 0.35)})
    page = verdicts.to_html(verdicts.Verdicts(below))
    assert '<li class="holds">a: 0.1 nats' in page
    assert '<li class="fails">b: 0.3 nats' in page


def test_what_claims_say_is_escaped():
    page = verdicts.to_html(verdicts.Verdicts([HOLDS._replace(claim="<script>", quantity="a&b")]))
    assert "<script" not in page
    assert "A&amp;b" in page


def test_a_terminal_without_colours_shows_a_line_a_sentence():
    stream = io.StringIO()
    verdicts.show_claims([HOLDS, *EACH], stream)
    assert stream.getvalue().splitlines() == [
        "✓ holds  momentum is ahead of SGD. Gain in test accuracy: 1.4 points [1.1, 1.9], "
        "to be above 1.0 points",
        "± depends  it is fast. Time of the other over its own: 1.2 … 2 under 2 conditions, "
        "to be above 1.5",
    ]
