"""A program in words and mathematics, for a notebook."""

from __future__ import annotations

import math

import numpy as np

from siting.program.aims import (
    Aim,
    LeastCostToAll,
    LeastMoney,
    LeastRegret,
    MostWorth,
    NetWorth,
    ShortestDrives,
    Tail,
    WorstShare,
)
from siting.program.blocks import Blocks

_SHOWN = 6  # floors or limits listed before the rest is counted


def latex_of(program: Blocks) -> str:
    """Return the aims and rows of a program as LaTeX, each with its meaning.

    The symbols are those of the tops of the files in `siting.program`: options ``n`` (offers, over
    the years), sites ``j``, demand rows ``i``, slices ``s``.
    """
    aims = [_aim(aim, program) for aim in program.all_aims]
    before = ["", *[r"\text{then }"] * (len(aims) - 1), r"\text{where }"]
    lines = [
        f"& {before[n] if n < len(before) else ''} & {formula} && \\text{{{words}}}"
        for n, (formula, words) in enumerate([*aims, *_rows(program)])
    ]
    return "$$\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}$$"


def _aim(aim: Aim, program: Blocks) -> tuple[str, str]:
    energy = r"\sum_{ijs} w_s a_{ij} v_{is} x_{ijs}"
    drives = r"\sum_{ijs} w_s\, t_{ij}\, x_{ijs}"
    match aim:
        case MostWorth():
            return rf"\max {energy}", f"the most worth served, {program.worth_unit}"
        case NetWorth():
            each = ", ".join(f"{gain * 1e6:g}" for gain in np.ravel(aim.least_gain).tolist())
            gain = f"{each} {program.worth_unit} for each PKR m" + " by year" * aim.by_year
            money = r"\sum_t g_t (M_t - M_{t-1})" if aim.by_year else "g M"
            return rf"\max {energy} - {money}", f"the most worth of which money brings {gain}"
        case LeastMoney():
            return r"\min M", "the least money, PKR"
        case WorstShare():
            return r"\max_g \min \tfrac{\sum_{i \in g} x_{ijs}}{D_{gs}}", "the best worst share"
        case LeastRegret():
            return r"\min \max_k (b_k - S_k)", "the least worst regret over scenarios"
        case Tail():
            return r"\max \mathrm{CVaR}_{\alpha}", f"the best mean of the worst {1 - aim.alpha:.0%}"
        case ShortestDrives():
            return rf"\min {drives}", "the shortest drives, kWh min/day"
        case LeastCostToAll():
            both = r"\sum_n c_n y_n + \sum_{ijs} w_s\, v_i\, t_{ij}\, x_{ijs}"
            return rf"\min {both}", "the least cost of stations and drivers' time, PKR a year"
    raise TypeError(f"no words for {type(aim).__name__}")


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
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in "%&#_$" else c for c in text)
