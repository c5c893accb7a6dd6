"""Tables for papers: what a reader of LaTeX sees is what stood in the cells."""

from jaxdl.report.latex import cell, escaped, to_latex
from jaxdl.report.tables import Table


def test_signs_that_latex_takes_for_itself_are_shown():
    assert escaped(r"50 % of a_b & {c} $1 #2 ~^\ ") == (
        r"50 \% of a\_b \& \{c\} \$1 \#2 \textasciitilde{}\textasciicircum{}\textbackslash{}"
    )
    assert escaped("1.2 … 3 – x\ny") == r"1.2 \dots{} 3 -- x y"
    assert escaped("−2 × 10⁻³, λ ≤ ε₁") == (
        r"$-$2 $\times$ 10$^{-}$$^{3}$, $\lambda$ $\le$ $\epsilon$$_{1}$"
    )

    # Two signs that would become one, quotes that not every encoding has, what nothing can show.
    assert escaped("--config.x 'a'' \"b\" `c` \x00") == (
        r"-{}-config.x 'a'{}' {\ttfamily\char34}b{\ttfamily\char34} "
        r"{\ttfamily\char96}c{\ttfamily\char96} ?"
    )


def test_a_number_has_a_minus_and_a_power_of_ten():
    shown = {
        "-0.2": "$-$0.2",
        "-0.11 points, -0.50 … +0.28": r"$-$0.11 points, $-$0.50 \dots{} +0.28",
        "0.1 (-0.8 … 0.4)": r"0.1 ($-$0.8 \dots{} 0.4)",
        "[-1, 2e-05]": r"[$-$1, 2$\times10^{-5}$]",
        "2.4e-12 (1.3e-12 … -1.27e+03)": (
            r"2.4$\times10^{-12}$ (1.3$\times10^{-12}$ \dots{} $-$1.27$\times10^{3}$)"
        ),
    }
    assert {text: cell(text) for text in shown} == shown
    kept = ["2026-12-01", "0.10.2", "1-2", "--config.steps=-1", "run-7e-05", "3e-05x", "a -b", "--"]
    assert [cell(text) for text in kept] == [escaped(text) for text in kept]


def test_no_cell_is_the_argument_of_the_row_before():
    table = Table(("[a]", "*b"), (("*x", "[1, 2]"), ("[1, 2]", "y")))
    rows = [line for line in to_latex(table, "t").splitlines() if line.endswith(r"\\")]
    assert r"\midrule" in to_latex(Table((), ()), "t")
    assert rows == [r"{}[a] & *b \\", r"{}*x & [1, 2] \\", r"{}[1, 2] & y \\"]


def test_what_is_left_is_ascii_where_a_sign_has_a_name():
    signs = "αβγδεζηθκλμµνξπρστφχψωΓΔΘΛΠΣΦΨΩ∂∇−×·±≤≥≠≈→←∈‖∞…–†‡√⁰¹²³⁴⁵⁶⁷⁸⁹⁻₀₁₂₃₄₅₆₇₈₉"
    assert escaped(signs).isascii()


def test_a_table_has_its_rules_columns_caption_and_label():
    table = Table(("name", "share (%)"), (("a_1", "97.2"),), frozenset({1}), "Of 5 seeds.")
    assert to_latex(table, "gains").splitlines() == [
        r"\begin{table}",
        r"\centering",
        r"\caption{Of 5 seeds.}",
        r"\label{tab:gains}",
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"name & share (\%) \\",
        r"\midrule",
        r"a\_1 & 97.2 \\",
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    assert r"\caption" not in to_latex(table._replace(caption=""), "gains")
