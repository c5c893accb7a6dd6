"""A table for a paper: LaTeX with the rules of booktabs, which any engine reads."""

from collections.abc import Sequence

from jaxdl.report.tables import Table
from jaxdl.report.text import clean

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "η": "eta",
    "θ": "theta", "λ": "lambda", "μ": "mu", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi",
    "ω": "omega", "Δ": "Delta", "Σ": "Sigma", "−": "", "×": "times", "·": "cdot", "±": "pm",
    "≤": "le", "≥": "ge", "≈": "approx", "→": "to", "∞": "infty",
}  # fmt: skip
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
ESCAPES = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "…": r"\dots{}",
    "–": "--",
    "†": r"\textdagger{}",
    "‡": r"\textdaggerdbl{}",
    "√": r"$\surd$",
    **{sign: f"$\\{name}$" if name else "$-$" for sign, name in _GREEK.items()},
    **{sign: f"$^{{{digit}}}$" for sign, digit in _RAISED.items()},
    **{sign: f"$_{{{digit}}}$" for sign, digit in _LOWERED.items()},
}
"""What a reader of text would see otherwise, or an engine of eight bits not at all."""


def escaped(text: str) -> str:
    """Text from data as LaTeX that shows it; a line break is a space."""
    return "".join(ESCAPES.get(sign, sign) for sign in " ".join(clean(text).split()))


def to_latex(table: Table, name: str) -> str:
    r"""A `table` with its caption and the label `tab:NAME`, to be read by `\input`.

    Its document needs `\usepackage{booktabs}`. Everything in the table is escaped.
    """

    def row(cells: Sequence[str]) -> str:
        return " & ".join(map(escaped, cells)) + r" \\"

    columns = "".join("r" if place in table.right else "l" for place in range(len(table.header)))
    caption = [rf"\caption{{{escaped(table.caption)}}}"] if table.caption else []
    lines = [
        r"\begin{table}",
        r"\centering",
        *caption,
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        row(table.header),
        r"\midrule",
        *map(row, table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"
