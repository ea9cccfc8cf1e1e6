"""Mandates: the share of places that owners must equip, the places chosen, and their cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from siting.config import Config
from siting.config.program import Mandate
from siting.engine.answer import Answer
from siting.engine.fixed import plan_of
from siting.errors import Fault, refuse
from siting.export.dictionary import is_own
from siting.files import texts_of
from siting.outcome import Line
from siting.program.limits import Limit
from siting.program.program import Program
from siting.study.other_plans import Effort
from siting.study.program_inputs import Asked
from siting.study.stages import Layer, Table

PUBLIC, OWNERS = "mandate", "mandate at the owner's expense"
NOT_FOUND = "not found in time"


def mandate_limits(config: Config, candidates: Layer, offers: Table) -> Iterator[Limit]:
    """Yield the limits of each mandate: a limit per owner, or per owner and area.

    A pooled mandate treats all owners as a single owner. An `InputError` lists every column that no
    candidate has, and every owner column without values.
    """
    faults: list[Fault] = []
    for name, asked in config.program.limits.mandates.items():
        key = f"program.limits.mandates.{name}"
        owner = _column(candidates, asked.column, f"{key}.column", faults)
        area = "" if asked.by is None else _column(candidates, asked.by, f"{key}.by", faults)
        if owner is None or area is None:
            continue
        if not (owner != "").any():
            what = f"no site has a value in {asked.column}"
            faults.append(Fault(f"{key}.column", what, "name another column"))
        of_site = candidates["site_id"].astype(str)
        parts = pd.DataFrame({"site": of_site, "owner": owner, "area": area})
        parts = parts[(parts["owner"] != "") & ((parts["area"] != "") | (asked.by is None))]
        if asked.pooled:
            parts = parts.assign(owner="all owners")
        for (whose, place), rows in parts.groupby(["owner", "area"]):
            called = f"{name}: {whose}" + (f" / {place}" if place else "")
            here = offers["site_id"].astype(str).isin(rows["site"])
            use = dict.fromkeys(offers.loc[here, "offer_id"].astype(str), 1.0)
            yield _limit(called, asked, rows["site"].nunique(), use)
    refuse(faults)


def _limit(name: str, asked: Mandate, places: int, use: Mapping[str, float]) -> Limit:
    must = math.ceil(asked.share * places - 1e-9)
    kind, most = (OWNERS, float(must)) if asked.money == "owner" else (PUBLIC, math.inf)
    return Limit(name, kind, "stations", most, use, must)


def _column(candidates: Layer, name: str, key: str, faults: list[Fault]) -> pd.Series[str] | None:
    if name not in candidates.columns or name == candidates.active_geometry_name:
        plain = candidates.columns.drop(candidates.active_geometry_name)
        have = ", ".join(str(c) for c in plain if is_own(str(c)))
        fix = f"name a column that a layer has: {have}" if have else "add the column to a layer"
        faults.append(Fault(key, f"no layer of candidates has a column {name!r}", fix))
        return None
    return texts_of(candidates, name)


def on_owners_money(offers: Table, limits: tuple[Limit, ...]) -> pd.Series[bool]:
    """Return, for each offer, whether the site's owner must build it without public money."""
    theirs = {o for one in limits if one.kind == OWNERS for o in one.use}
    return offers["offer_id"].astype(str).isin(theirs) & ~offers["existing"].astype(bool)


def mandates_told(asked: Asked, answer: Answer, effort: Effort) -> tuple[Table, list[Line]]:
    """Return a table of the mandates by owner, and headline figures on the cost of mandates.

    The table has one row per owner, or per owner and area. Columns: ``mandate``, ``places``,
    ``must`` (number of sites to equip), ``equipped`` (number equipped), ``sites`` (ids of the
    equipped sites), ``worth`` (served by these sites and the existing stations), ``free_worth``
    (the worth if the same number of the owner's best sites were equipped instead) and ``loses``
    (``free_worth`` less ``worth``).
    """
    program, mine = answer.program, [one for one in asked.limits if one.kind in (PUBLIC, OWNERS)]
    stands = set(answer.offers)
    site_of = dict(zip(asked.offers["offer_id"].astype(str), asked.offers["site_id"], strict=True))
    rows = []
    for one in mine:
        there = sorted(stands & set(one.use))
        own, free = _owner_worths(program, one, there, effort)
        rows.append(
            {
                "mandate": one.name,
                "places": len({site_of[o] for o in one.use}),
                "must": int(one.at_least),
                "equipped": len(there),
                "sites": ", ".join(str(site_of[o]) for o in there),
                "worth": own,
                "free_worth": free,
                "loses": max(free - own, 0.0) if math.isfinite(free) else math.nan,
            }
        )
    # To value pooling, each area gets a single mandate for all owners, as if owners could trade
    # their obligations.
    pooled: dict[str, Limit] = {}
    for one in mine:
        name, _, rest = one.name.partition(": ")
        called = f"{name}: all / {rest.partition(' / ')[2]}"
        use = {**(pooled[called].use if called in pooled else {}), **one.use}
        places = len({site_of[o] for o in use})
        pooled[called] = _limit(called, asked.config.program.limits.mandates[name], places, use)
    lines = []
    others = [one for one in program.instance.limits if one.kind not in (PUBLIC, OWNERS)]
    for field, label, limits in (
        ("mandates_cost", "Cost of mandates", []),
        ("mandates_pooled", "Regained by pooling mandates", list(pooled.values())),
    ):
        bare = replace(program, instance=replace(program.instance, limits=(*others, *limits)))
        other = effort.attempt(bare.without_aims().most_worth(), 0.5, answer.offers)
        more = NOT_FOUND
        if other is not None:
            more = f"{max(other.proof.objective - answer.worth, 0.0):,.0f} {program.worth_unit}"
        lines.append(Line(field, label, more))
    return pd.DataFrame(rows), lines


def _owner_worths(
    program: Program, one: Limit, there: list[str], effort: Effort
) -> tuple[float, float]:
    """Return the worth of an owner's equipped sites, and of as many of the owner's best sites.

    Both worths include the existing stations. The second worth is NaN if the best sites are not
    found in time.
    """
    instance = program.instance
    theirs = np.isin(instance.offer_ids, np.array(list(one.use), dtype=object))
    kept = np.flatnonzero(theirs | instance.offer_existing)
    nowhere = np.zeros(0, dtype=np.int64)
    alone = replace(instance.with_offers(kept), limits=(), required_sites=nowhere)
    bare = replace(program, instance=alone, floors=()).without_aims().most_worth()
    many = Limit("as many", "number", "stations", float(len(there)), one.use)
    free = effort.attempt(bare.limit(many).without_budget(), 0.1, there)
    old = instance.offer_ids[instance.offer_existing].tolist()
    own = plan_of(bare, {*old, *there}).proof.objective
    return own, math.nan if free is None else max(free.proof.objective, own)
