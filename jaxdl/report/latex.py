"""A table for a paper: LaTeX with the rules of booktabs, which any engine reads."""

import re
from collections.abc import Sequence

from jaxdl._text import clean
from jaxdl.report.tables import Table

_GREEK = {
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "epsilon", "ζ": "zeta",
    "η": "eta", "θ": "theta", "κ": "kappa", "λ": "lambda", "μ": "mu", "µ": "mu", "ν": "nu",
    "ξ": "xi", "π": "pi", "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "χ": "chi",
    "ψ": "psi", "ω": "omega", "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda",
    "Π": "Pi", "Σ": "Sigma", "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega", "∂": "partial",
    "∇": "nabla", "−": "", "×": "times", "·": "cdot", "±": "pm", "≤": "le", "≥": "ge",
    "≠": "ne", "≈": "approx", "→": "to", "←": "gets", "∈": "in", "‖": "|", "∞": "infty",
}  # fmt: skip
_RAISED = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_LOWERED = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
ESCAPES = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\0": "{}",
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # \textquotedbl is not in every encoding of fonts, and a plain ` is a quotation mark.
    '"': r"{\ttfamily\char34}",
    "`": r"{\ttfamily\char96}",
    "\N{REPLACEMENT CHARACTER}": "?",
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
TWINS = re.compile(r"([-',])(?=\1)")
"""Signs of which two would be one; a NUL, which no clean text has, keeps them apart."""
NUMBER = re.compile(r"(?<![^\s(\[])([-+]?)(\d[\d.,]*)(?:e([-+]\d+))?(?![\w.])")
"""A number that stands alone, in escaped text: its sign, its digits and its power of ten."""


def escaped(text: str) -> str:
    """Text from data as LaTeX that shows it; a line break is a space."""
    line = " ".join(clean(text).split())
    return "".join(ESCAPES.get(sign, sign) for sign in TWINS.sub("\\1\0", line))


def cell(text: str) -> str:
    """An `escaped` text in which a number has a minus, no hyphen, and a power of ten."""

    def typeset(found: re.Match[str]) -> str:
        sign, digits, power = found.groups()
        raised = rf"$\times10^{{{int(power)}}}$" if power else ""
        return f"{sign.replace('-', '$-$')}{digits}{raised}"

    return NUMBER.sub(typeset, escaped(text))


def to_latex(table: Table, name: str) -> str:
    r"""A `table` with its caption and the label `tab:NAME`, to be read by `\input`.

    Its document needs `\usepackage{booktabs}`. Everything in the table is escaped.
    """

    def row(cells: Sequence[str]) -> str:
        text = " & ".join(map(cell, cells))
        # What ends the row before takes a bracket, or a star, for its own argument.
        return ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"

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
