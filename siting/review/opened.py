"""A run folder opened to be asked about: its study, its plan, and what each station is worth."""

from __future__ import annotations

import difflib
from pathlib import Path

import pandas as pd

from siting.errors import Fault, InputError
from siting.plan import Plan
from siting.solve import assign
from siting.solve.marginal import Marginal
from siting.study.pipeline import Study
from siting.study.stored import plan_of, study_from_run

NEAREST = 3


class Explained:
    """A run opened to be asked about: its study, its plan, and the value of changes.

    Parameters
    ----------
    folder
        What `siting run` or `siting replan` wrote.
    """

    def __init__(self, folder: Path | str) -> None:
        self.study: Study = study_from_run(folder)
        self.plan: Plan = plan_of(self.study, Path(folder))
        program = self.study.config.program
        gap = self.study.config.offers.subsidy.rule == "gap"
        self.instance = self.study.gap_case.instance if gap else self.study.instance
        self.model = program.model
        self.energy_only = program.variant == "plain" and not gap
        offers = self.plan.solution.offers
        self.marginal = Marginal(self.instance, offers, self.model)
        self.served_kwh_day = self.marginal.value_kwh_day
        self.losses = self.marginal.losses() if self.marginal.all_known else self._slow_losses()

    def _slow_losses(self) -> pd.Series[float]:
        """Return the losses by whole assignments: some offer is no option of the quick search."""
        offers = list(self.plan.solution.offers)
        served = float(assign(self.instance, offers, self.model)["served_kwh_day"].sum())
        rows = {}
        for site, offer in self.plan.sites[["site_id", "offer_id"]].itertuples(index=False):
            rest = assign(self.instance, [o for o in offers if o != offer], self.model)
            rows[str(site)] = max(served - float(rest["served_kwh_day"].sum()), 0.0)
        return pd.Series(rows, name="marginal_kwh_day", dtype=float)

    @property
    def left_pkr(self) -> float:
        """Public money the plan leaves (PKR)."""
        return self.plan.solution.budget_pkr - self.plan.solution.subsidy_pkr

    def name_of(self, site: str) -> str:
        """Return a site's id with its name, if it has one."""
        name = self.plan.candidates.set_index("site_id")["name"].get(site)
        return f"{site} ({name})" if isinstance(name, str) and name else site

    def find(self, wanted: str) -> str:
        """Return the id of a site given by id or name; the nearest are named if there is none."""
        sites = self.plan.candidates
        ids = sites["site_id"].astype(str)
        if wanted in set(ids):
            return wanted
        called = sites["name"].astype("str").str.strip().str.casefold()
        here = ids[(called == wanted.strip().casefold()).to_numpy()].tolist()
        if len(here) == 1:
            return str(here[0])
        if here:
            what = f"{wanted!r} is the name of {len(here)} sites"
            raise InputError(Fault("SITE", what, "give the id", tuple(here)))
        near = difflib.get_close_matches(wanted, ids.tolist(), NEAREST, cutoff=0.5)
        names = sites["name"].dropna().astype(str)
        near += difflib.get_close_matches(wanted, names.unique().tolist(), NEAREST, cutoff=0.6)
        fix = f"nearest: {', '.join(near)}" if near else f"ids run from {ids.min()} to {ids.max()}"
        raise InputError(Fault("SITE", f"no site {wanted!r} in this run", fix))
