"""A program in words and mathematics, for a notebook."""

from __future__ import annotations

import math

from siting import settings
from siting.program.blocks import Blocks


def latex_of(program: Blocks) -> str:
    """Return the aims and rows of a program as LaTeX, each with its meaning.

    The module docstrings in `siting.program` define the symbols: options ``n`` (offers, over the
    years), sites ``j``, demand rows ``i``, slices ``s``.
    """
    unit = program.worth_unit
    aims = [(aim.formula, _escaped(aim.explained(unit))) for aim in program.all_aims]
    before = ["", *[r"\text{then }"] * (len(aims) - 1), r"\text{where }"]
    lines = [
        f"& {before[n] if n < len(before) else ''} & {formula} && \\text{{{words}}}"
        for n, (formula, words) in enumerate([*aims, *_rows(program)])
    ]
    return "$$\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$$"


def _rows(program: Blocks) -> list[tuple[str, str]]:
    instance, years = program.instance, program.year_plan
    rows = [
        (
            r"\textstyle\sum_{n \in O_j} y_n \le 1,\; y_n \in \{0, 1\}",
            f"one offer at a site: {len(instance.site_ids):,} sites, "
            f"{len(program.options):,} options",
        ),
        (
            r"\textstyle\sum_j x_{ijs} \le d_{is}",
            f"no more is served than is wanted: {len(instance.demand_ids):,} rows of demand",
        ),
    ]
    if program.capacitated:
        rows.append(
            (
                r"\textstyle\sum_{i \in K} x_{ijs} \le \sum_n c_{nK}\, y_n",
                "no station sells more than its chargers deliver, for each set of vehicle classes",
            )
        )
    else:
        rows.append((r"x_{ijs} \le d_{is} \sum_{n \in O_j} y_n", "what is in reach is served"))
    if years is not None:
        money = zip(years.years, years.budgets_pkr, strict=True)
        text = ", ".join(f"{year}: {pkr / 1e6:,.1f}" for year, pkr in money)
        rows.append((r"M_t \le B_t", f"public money by year, PKR m: {text}"))
    elif program.budgeted and math.isfinite(instance.budget_pkr):
        rows.append((r"M \le B", f"public money: PKR {instance.budget_pkr / 1e6:,.2f} m"))
    if program.gap is not None:
        rows.append(
            (
                r"u_j \ge \textstyle\sum_n c_n y_n - \sum_i v_i x_{ijs},\; u_j \le \bar u_n",
                "public money pays what the business case lacks, up to a cap",
            )
        )
    if program.scenario_plan is not None:
        plan = program.scenario_plan
        chances = zip(plan.names, plan.probabilities, strict=True)
        text = ", ".join(f"{name} {p:g}" for name, p in chances)
        rows.append((r"p_s", f"scenarios and how likely they are: {text}"))
    floors = [f"{floor.name} {floor.share:.0%}" for floor in program.floors]
    if floors:
        formula = r"\textstyle\sum_{i \in g, j} x_{ijs} \ge \varphi_g D_{gs}"
        rows.append((formula, f"shares that must be served: {_first(floors)}"))
    if instance.limits:
        formula = r"\underline u_r \le \textstyle\sum_n u_{rn} y_n \le \bar u_r"
        rows.append((formula, f"limits: {_first([limit.name for limit in instance.limits])}"))
    if len(instance.required_sites):
        formula = r"\textstyle\sum_{n \in O_j} y_n = 1"
        rows.append((formula, f"{len(instance.required_sites):,} sites must have a station"))
    if program.distances:
        formula = r"\textstyle\sum_{j} |Y_j - Y'_j| \ge k"
        rows.append((formula, f"differs from {len(program.distances)} other plans"))
    return [(formula, _escaped(words)) for formula, words in rows]


def _first(names: list[str]) -> str:
    more = len(names) - settings.LISTED
    return ", ".join(names[: settings.LISTED]) + (f" and {more:,} more" if more > 0 else "")


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "%&#_$" else c for c in text)
