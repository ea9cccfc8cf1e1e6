"""The text that shows a program in words and mathematics in a notebook."""

from __future__ import annotations

import math

from siting import settings
from siting.program.aims import Aim
from siting.program.layout import Layout
from siting.program.slices import Scenarios
from siting.texts import counted


def latex_of(
    layout: Layout, aims: tuple[Aim, ...], unit: str, scenarios: Scenarios | None, differ: int
) -> str:
    """Return the aims and constraints of a program as LaTeX, each with its meaning.

    The module docstrings in `siting.program` define the symbols. `unit` is the unit of worth.
    `differ` is the number of other plans from which the plan must differ.
    """
    told = [(aim.formula, _escaped(aim.explained(unit))) for aim in aims]
    before = ["", *[r"\text{then }"] * (len(aims) - 1), r"\text{where }"]
    lines = [
        f"& {before[n] if n < len(before) else ''} & {formula} && \\text{{{words}}}"
        for n, (formula, words) in enumerate([*told, *_rows(layout, scenarios, differ)])
    ]
    return "$$\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$$"


def _rows(layout: Layout, scenarios: Scenarios | None, differ: int) -> list[tuple[str, str]]:
    instance, years = layout.instance, layout.years
    sites, options = counted(len(instance.site_ids), "site"), counted(len(layout.options), "option")
    wanted = counted(len(instance.demand_ids), "demand row")
    formula = r"\textstyle\sum_{n \in O_j} y_n \le 1,\; y_n \in \{0, 1\}"
    rows = [(formula, f"at most one option per site: {sites}, {options}")]
    formula = r"\textstyle\sum_j x_{ijs} \le d_{is}"
    rows.append((formula, f"energy served is at most the demand: {wanted}"))
    if layout.capacitated:
        formula = r"\textstyle\sum_{i \in K} x_{ijs} \le \sum_n c_{nK}\, y_n"
        words = "no station sells more than its chargers deliver, for each set of vehicle classes"
        rows.append((formula, words))
    else:
        words = "demand is served only if a station is in reach"
        rows.append((r"x_{ijs} \le d_{is} \sum_{n \in O_j} y_n", words))
    if years is not None:
        money = zip(years.years, years.budgets_pkr, strict=True)
        text = "; ".join(f"{year}: {pkr / 1e6:,.1f}" for year, pkr in money)
        rows.append((r"M_t \le B_t", f"public money in each year, PKR m: {text}"))
    elif math.isfinite(layout.budget_pkr):
        rows.append((r"M \le B", f"public money: PKR {layout.budget_pkr / 1e6:,.2f} m"))
    if layout.gap is not None:
        formula = r"u_j \ge \textstyle\sum_n c_n y_n - \sum_i v_i x_{ijs},\; u_j \le \bar u_n"
        rows.append((formula, "public money fills the viability gap, up to a cap"))
    if scenarios is not None:
        chances = zip(scenarios.names, scenarios.probabilities, strict=True)
        text = ", ".join(f"{name} {p:g}" for name, p in chances)
        rows.append((r"p_s", f"scenarios and their probabilities: {text}"))
    floors = [f"{floor.name} {floor.share:.0%}" for floor in layout.floors if floor.share > 0]
    if floors:
        formula = r"\textstyle\sum_{i \in g, j} x_{ijs} \ge \varphi_g D_{gs}"
        rows.append((formula, f"shares that must be served: {_first(floors)}"))
    if instance.limits:
        formula = r"\underline u_r \le \textstyle\sum_n u_{rn} y_n \le \bar u_r"
        rows.append((formula, f"limits: {_first([limit.name for limit in instance.limits])}"))
    if len(instance.required_sites):
        formula = r"\textstyle\sum_{n \in O_j} y_n = 1"
        required = counted(len(instance.required_sites), "site")
        rows.append((formula, f"{required} must have a station"))
    if differ:
        formula = r"\textstyle\sum_{j} |Y_j - Y'_j| \ge k"
        rows.append((formula, f"the plan differs from {counted(differ, 'other plan')}"))
    return [(formula, _escaped(words)) for formula, words in rows]


def _first(names: list[str]) -> str:
    more = len(names) - settings.LISTED
    return ", ".join(names[: settings.LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "%&#_$" else c for c in text)
