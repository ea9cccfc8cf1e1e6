"""A run folder opened to be asked about: its plan, and what each of its stations is worth."""

from __future__ import annotations

from pathlib import Path
from weakref import WeakKeyDictionary

import pandas as pd

from siting.engine.marginal import Marginal, lost_without
from siting.program.program import Program
from siting.study.pipeline import Study
from siting.study.revalue import in_the_end
from siting.study.stored_run import Source, plan_of, study_of
from siting.study.to_limits import site_named
from siting.study.to_program import instance_of

NEAREST = 3
_OPENED: WeakKeyDictionary[Study, Explained] = WeakKeyDictionary()


def opened(source: Source | Explained) -> Explained:
    """Return a run opened to be asked about; a study in memory is opened once."""
    if isinstance(source, Explained):
        return source
    if isinstance(source, Path | str):
        return Explained(source)
    study = study_of(source)
    if study not in _OPENED:
        _OPENED[study] = Explained(study)
    return _OPENED[study]


class Explained:
    """A run opened to be asked about: its plan, its tables, and the value of changes.

    Parameters
    ----------
    source
        What `siting run` or `siting replan` wrote; or a study, or a plan that one made.
    """

    def __init__(self, source: Source) -> None:
        study = study_of(source)
        self.plan = plan_of(study, Path(source)) if isinstance(source, Path | str) else study.plan
        self.asked, self.found = study.asked, self.plan.outcome
        self.offers, self.shown_offers = study.offers, study.shown_offers
        self.reach = study.reach
        self.compatibility, self.limits = study.compatibility, study.asked.limits
        self.required_sites, self.forbidden_sites = study.required_sites, study.forbidden_sites
        # What one station is worth is told in energy of the last year, all else the same.
        end = in_the_end(self.asked, self.found.budget_pkr)
        self.instance = instance_of(end, next(iter(end.own.values())))
        program = Program(self.instance, self.found.model)
        self.marginal = Marginal(program, self.found.offers)
        self.served_kwh_day = self.marginal.value
        sites = self.plan.sites["site_id"].astype(str)
        lost = lost_without(program, self.found.offers, sites)
        self.losses = pd.Series(lost, name="marginal_kwh_day", dtype=float)

    @property
    def pays_by_offer(self) -> bool:
        """Whether an offer draws the same money whatever it serves."""
        return self.asked.need is None

    @property
    def left_pkr(self) -> float:
        """Public money the plan leaves (PKR)."""
        return self.found.budget_pkr - self.found.subsidy_pkr

    def name_of(self, site: str) -> str:
        """Return a site's id with its name, if it has one."""
        name = self.plan.candidates.set_index("site_id")["name"].get(site)
        return f"{site} ({name})" if isinstance(name, str) and name else site

    def find(self, wanted: str) -> str:
        """Return the id of a site given by id or name; the nearest are named if there is none."""
        return site_named(self.plan.candidates, wanted, "SITE", most=NEAREST)
