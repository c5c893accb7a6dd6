"""Markdown: bars, rules, and text from data that stays text."""

from jaxdl.report.markdown import escaped, to_markdown
from jaxdl.report.tables import Table


def test_marks_stay_marks():
    assert escaped("a|b *c* <i> [d] `e` ~f $g") == (r"a\|b \*c\* \<i\> \[d\] \`e\` \~f \$g")
    assert escaped("digits_mlp: 1\n2") == "digits_mlp: 1 2"

    assert escaped("_mine_ __init__ a_b R&amp;D &#42; R&D") == (
        r"\_mine\_ \_\_init\_\_ a_b R\&amp;D \&#42; R&D"
    )


def test_a_name_at_the_beginning_is_no_heading_rule_or_item():
    assert escaped("# 1") == r"\# 1"
    assert escaped("## 1") == r"\## 1"
    assert escaped("- x") == r"\- x"
    assert escaped("---") == r"\---"
    assert escaped("12. x") == r"12\. x"
    assert escaped("-3 +2 1.5 #2") == "-3 +2 1.5 #2"


def test_columns_of_numbers_are_flush_right():
    table = Table(("name", "value"), (("a|b", "0.1*"),), frozenset({1}), "* border")
    assert to_markdown(table) == (
        "| name | value |\n| --- | ---: |\n| a\\|b | 0.1\\* |\n\n\\* border\n"
    )
