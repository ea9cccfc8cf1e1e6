"""Solve a run again under changed requirements, and list the stations that change.

Stages that are still valid are reused, and the solve starts from the stored plan. The new
``config.yaml`` has the new budget, and lists the dropped and required sites. The ids of added
places continue the run's numbering; offers and drive times are computed only for these places.
"""

from __future__ import annotations

import json
import reprlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd

from siting import sites
from siting.config import Config, SitesLayer, load, with_keys
from siting.engine.proof import far_in_words
from siting.errors import Fault, InputError, is_number, naming, refuse
from siting.export import with_units, write_csv
from siting.files import read_layer
from siting.plan import Plan
from siting.review.added_places import located, study_of_sites, study_with_sites
from siting.review.answers import ANSWERS_FILE, OF_ANSWERS, OF_BIDS, answered, changed_least
from siting.review.solving import budget_keys
from siting.shown import SITE, Block, Column, Display, Shown, block_of, labelled, sentences
from siting.sites.chargers_text import told_as
from siting.study.pipeline import Study
from siting.study.runs import write_run
from siting.study.stages import Report
from siting.study.stored_run import Source, plan_of, study_again, study_of
from siting.study.to_limits import sites_named

ADDED = "added by siting replan"
CHANGES = ("built", "not built any more", "changed in kind", "serves more", "serves less")
SUFFIXES = ("_before", "_after")
# A kept station is listed as changed if its energy served differs by more than this (kWh/day).
NOTICED_KWH = 1.0


def _builds(row: Mapping[Any, Any]) -> str:
    """Return a station's chargers before and after a change; only once if they are equal."""
    sides = [(row[f"configuration{side}"], row[f"chargers{side}"]) for side in SUFFIXES]
    return " to ".join(dict.fromkeys(told_as(*side) for side in sides if isinstance(side[0], str)))


# The columns of the changed stations.
CHANGED = (
    *SITE,
    Column("Change", "change", no_wrap=True, min_width=18),
    Column("Build", _builds, overflow="fold", min_width=13),
    Column("PKR m", "subsidy_pkr", "+,.2f", per=1e6, min_width=7),
    Column("kWh/day", "served_kwh_day", "+,.0f", min_width=7),
)


@dataclass(frozen=True, eq=False, repr=False)
class Replan(Shown):
    """The earlier plan (`before`), the new plan (`after`), and how they differ.

    `changes` has one row per changed station: ``site_id``, ``name``, ``change``; and
    ``configuration``, ``chargers``, ``subsidy_pkr``, ``served_kwh_day``, each as ``…_before`` and
    ``…_after``. `classes` has one row per vehicle class: ``demand_kwh_day`` and ``served_kwh_day``,
    before and after. `notes` states the effects of the changes in plain words. `folder` is the new
    run folder; None if nothing was written.
    """

    before: Plan
    after: Plan
    changes: pd.DataFrame
    classes: pd.DataFrame
    notes: tuple[str, ...]
    folder: Path | None

    def _shown(self) -> Display:
        open_ = [
            f"The {word} plan is not proven optimal: {plan.outcome.stopped}"
            for plan, word in ((self.before, "earlier"), (self.after, "new"))
            if plan.outcome.status != "optimal"
        ]
        return Display(
            f"{self.after.title}: planned again",
            self.after.note,
            self._blocks(),
            notes=[*open_, *self.notes],
            warning=far_in_words(self.after.outcome.gap),
        )

    def _blocks(self) -> list[Block]:
        figures = labelled(["", "Before", "After", "Change"], self._figures(), "classes")
        if self.changes.empty:
            return [figures, sentences(["No station changes."])]
        counts = self.changes["change"].value_counts()
        words = [f"{n:,} {str(name).replace('serves', 'serving')}" for name, n in counts.items()]
        told = sentences(["Stations: " + ", ".join(words)])
        shown = self.changes[~self.changes["change"].str.startswith("serves")]
        if shown.empty:
            return [figures, told, sentences(["All of them are in .changes (changes.csv)."])]
        for key in ("subsidy_pkr", "served_kwh_day"):
            shown = shown.assign(**{key: shown[f"{key}_after"] - shown[f"{key}_before"]})
        below = "PKR m: change of subsidy. kWh/day: change of energy served."
        stations = block_of(
            shown, CHANGED, "changes", "changes.csv", count=len(self.changes), below=below
        )
        return [figures, told, stations]

    def _figures(self) -> Iterator[tuple[str, list[str]]]:
        """Yield the label of each figure, with its value before and after and the change."""

        def row(name: str, before: float, after: float, places: int = 0) -> tuple[str, list[str]]:
            change, form = after - before, f",.{places}f"
            same = not abs(change) >= 0.5 * 10**-places
            texts = [format(before, form), format(after, form)]
            return name, [*texts, "same" if same else format(change, f"+{form}")]

        old, new = self.before, self.after
        yield row("New stations", len(old.new_sites), len(new.new_sites))
        for name, key in (("Budget", "budget"), ("Subsidy", "subsidy"), ("Total cost", "cost")):
            before, after = (getattr(plan, f"{key}_pkr") / 1e6 for plan in (old, new))
            yield row(f"{name}, PKR m", before, after, 2)
        yield row("Served, kWh/day", old.served_kwh_day, new.served_kwh_day)
        for line in self.classes.fillna(0.0).to_dict("records"):
            name = "  " + str(line["vehicle_class"]).replace("_", " ")
            yield row(name, line["served_kwh_day_before"], line["served_kwh_day_after"])
        points = f"{100 * (new.served_share - old.served_share):+.1f} points"
        yield "Share served", [f"{old.served_share:.1%}", f"{new.served_share:.1%}", points]
        yield "Proven gap", [f"{old.outcome.gap:.2%}", f"{new.outcome.gap:.2%}", ""]


def replan(
    run: Source,
    *,
    drop: Sequence[str] = (),
    require: Sequence[str] = (),
    budget_pkr: float | None = None,
    add: Path | str | None = None,
    answers: Path | str | None = None,
    overrides: Sequence[str] = (),
    out: Path | str | None = None,
    now: datetime | None = None,
    progress: Report | None = None,
) -> Replan:
    """Solve a run again under changed requirements, and return both plans and the changes.

    Parameters
    ----------
    run
        The folder of a `siting run` or of an earlier replan; or a study or plan in memory.
    drop, require
        Sites, by id or name, that must not get a station, and sites that must get one, in addition
        to those of the configuration. A new requirement replaces an opposite one.
    budget_pkr
        A new budget (PKR). If the plan has several years, each year keeps its share of the budget.
    add
        A layer of further places where a station could be built.
    answers
        A CSV of answers from the power company and from bidders (`siting.review.answers`). If
        answers are given, the plan changes as little as possible.
    overrides
        ``key.path=value`` strings that replace keys of the run's ``config.yaml``; for a run in
        memory use `siting.Study.with_`.
    out
        The new or empty folder to write. By default, a stored run is written to
        ``<folder>-replan-TIME`` next to its old folder, and a run in memory is not written.
    now
        The time that is recorded, and used in the folder's name.
    progress
        Called with an `Event` when a stage is done, and at intervals while solving.

    Raises
    ------
    InputError
        If the folder cannot be used, a site is unknown, or the changes contradict each other.
    InfeasibleError
        If no plan meets the changed requirements; the error lists the conflicting requirements.

    Examples
    --------
    >>> replanned = replan("runs/islamabad", drop=["s0008"], budget_pkr=7e7)  # doctest: +SKIP
    >>> replanned.changes[["name", "change", "subsidy_pkr_after"]]  # doctest: +SKIP
    """
    now = now or datetime.now().astimezone()
    folder = Path(run) if isinstance(run, Path | str) else None
    if folder is None and overrides:
        what = "overrides are for a run folder"
        raise InputError("overrides", what, "change the study with Study.with_ first")
    first = study_of(run)
    known, config = first.candidates, first.config
    layer = None if add is None else Path(add)
    if layer is not None:
        added, far, notes_on_added = _places(first, layer)
        known = pd.concat([known, added], ignore_index=True)
    if folder is not None:
        config = load(folder / "config.yaml", overrides, check_files=False)
    wishes, notes = wishes_of(config, known, drop, require, budget_pkr)
    if folder is None:
        study = first.with_(**wishes)
        study.start = first.outcome.offers
    else:
        texts = [*overrides, *(f"{key}={json.dumps(value)}" for key, value in wishes.items())]
        study = study_again(first, folder, texts)
    study.progress = progress or study.progress
    if layer is not None:
        if folder is not None and "candidates" not in study.reused:
            fix = "add the sites first, then change the rest in a second replan"
            raise InputError("add", "cannot be combined with a change to the candidates", fix)
        notes += notes_on_added
        study = _with_places(study, layer, added, far)
    before = first.plan if folder is None else plan_of(first, folder)
    of_bids = [limit for limit in first.limits if limit.kind in OF_BIDS]
    if "limits" not in study.reused and of_bids:
        study = study.with_stages({"limits": (*study.limits, *of_bids)})
    if answers is not None:
        offers, note = answered(study, Path(answers))
        left = tuple(limit for limit in study.limits if limit.kind != OF_ANSWERS)
        study = study.with_stages({"offers": offers, "limits": left})
        study, kept = changed_least(study, tuple(first.outcome.offers))
        notes += [note, *kept]

    def write_changes(part: Path, after: Plan) -> None:
        write_csv(changes_between(before, after), part / "changes.csv", note=after.note)
        if answers is not None:
            shutil.copyfile(answers, part / ANSWERS_FILE)

    record = {
        "run": first.config.name if folder is None else folder.name,
        "written": before.facts.get("written"),
        "drop": list(drop),
        "require": list(require),
        "budget_pkr": budget_pkr,
        "add": layer and layer.name,
        "answers": None if answers is None else Path(answers).name,
        "set": list(overrides),
        "reused": list(study.reused),
    }
    written = None if out is None else Path(out)
    if out is None and folder is None:
        after = study.plan
    else:
        usual = folder and folder.parent / f"{folder.name}-replan-{now:%Y%m%d-%H%M%S}"
        after, written = write_run(
            study,
            written,
            now,
            usual=usual,
            facts={"replanned_from": record},
            warnings=notes,
            also=write_changes,
        )
    classes = before.classes.merge(after.classes, "outer", "vehicle_class", suffixes=SUFFIXES)
    changes = with_units(changes_between(before, after))
    return Replan(before, after, changes, with_units(classes), tuple(notes), written)


def changes_between(before: Plan, after: Plan) -> pd.DataFrame:
    """Return the stations that differ between two plans.

    The columns are those of `Replan.changes`. Stations are sorted by kind of change, and then by
    subsidy, largest first. Both plans must use the same site ids.
    """
    kept = ["site_id", "name", "configuration", "chargers", "subsidy_pkr", "served_kwh_day"]
    old, new = (pd.DataFrame(plan.sites[kept]) for plan in (before, after))
    both = old.merge(new, on="site_id", how="outer", suffixes=SUFFIXES)
    gone, fresh = both["configuration_after"].isna(), both["configuration_before"].isna()
    more = both["served_kwh_day_after"].fillna(0) - both["served_kwh_day_before"].fillna(0)
    other = both["configuration_before"] != both["configuration_after"]
    # Each station is listed under the first of the `CHANGES` that applies to it.
    order = np.select([fresh, gone, other, more > NOTICED_KWH, more < -NOTICED_KWH], range(5), 5)
    both.insert(1, "name", both.pop("name_after").fillna(both.pop("name_before")))
    both.insert(2, "change", np.array([*CHANGES, ""])[order])
    figures = [f"{c}{side}" for c in ("subsidy_pkr", "served_kwh_day") for side in SUFFIXES]
    both[figures] = both[figures].fillna(0.0)
    pkr = -both[["subsidy_pkr_before", "subsidy_pkr_after"]].max(axis=1)
    both = both.assign(order=order, pkr=pkr)[both["change"] != ""]
    both = both.sort_values(["order", "pkr", "site_id"], ignore_index=True)
    return both.drop(columns=["order", "pkr"])


def wishes_of(
    config: Config,
    known: gpd.GeoDataFrame,
    drop: Sequence[str],
    require: Sequence[str],
    budget_pkr: float | None,
) -> tuple[dict[str, Any], list[str]]:
    """Return the changed requirements as configuration keys and values, and notes on them."""
    faults: list[Fault] = []

    def named(names: Sequence[str], key: str) -> tuple[str, ...]:
        try:
            return sites_named(known, names, key)
        except InputError as err:
            faults.extend(err.faults)
            return ()

    dropped, wanted = named(drop, "drop"), named(require, "require")
    both = [site for site in dict.fromkeys(dropped) if site in wanted]
    what = f"{'site is' if len(both) == 1 else 'sites are'} both dropped and required"
    faults += naming("drop and require", what, both, "keep each in only one list", count=True)
    if budget_pkr is not None and not (is_number(budget_pkr) and 0 <= budget_pkr <= 1e14):
        what = f"{reprlib.repr(budget_pkr)} is not an amount of money"
        faults.append(Fault("budget_pkr", what, "enter an amount of PKR 0 to 1e14"))
    refuse(faults)
    limits = config.program.limits
    was_required = sites_named(known, limits.required_sites, "program.limits.required_sites")
    was_forbidden = sites_named(known, limits.forbidden_sites, "program.limits.forbidden_sites")
    notes = [f"{s} was required before and is dropped now" for s in dropped if s in was_required]
    notes += [f"{s} was dropped before and is required now" for s in wanted if s in was_forbidden]
    keys: dict[str, Any] = {}
    if dropped or wanted:
        required = dict.fromkeys(s for s in (*was_required, *wanted) if s not in dropped)
        forbidden = dict.fromkeys(s for s in (*was_forbidden, *dropped) if s not in wanted)
        keys["program.limits.required_sites"] = list(required)
        keys["program.limits.forbidden_sites"] = list(forbidden)
    if budget_pkr is not None:
        money = budget_keys(config, budget_pkr)
        keys |= {f"program.{name}": value for name, value in money.items()}
    return keys, notes


def _places(study: Study, path: Path) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame, list[str]]:
    """Return the added places as candidates, the places too far from a road, and notes."""
    config = study.config.candidates
    layer = sites.candidates_from_layer(path)
    added, dropped = sites.merge_candidates(
        [layer], study.network, merge_within_m=config.merge_within_m, max_snap_m=config.max_snap_m
    )
    there = study.candidates
    from scipy.spatial import cKDTree

    near = cKDTree(there.geometry.get_coordinates().to_numpy())
    away, which = near.query(added.geometry.get_coordinates().to_numpy())
    taken = away <= config.merge_within_m
    notes = [
        f"an added place within {config.merge_within_m:g} m of {there['site_id'].iloc[n]} is that "
        "site and was not added again"
        for n in which[taken].tolist()
    ]
    added = added[~taken].reset_index(drop=True)
    numbers = there["site_id"].astype(str).str.extract(r"^s(\d+)$")[0].dropna()
    first = max(map(int, numbers), default=0) + 1
    added["site_id"] = [f"s{n:04d}" for n in range(first, first + len(added))]
    if len(dropped):
        notes.append(f"{len(dropped):,} added places are too far from a road and were left out")
    if len(added):
        ids = ", ".join(added["site_id"].head(5)) + (" …" if len(added) > 5 else "")
        notes.append(
            f"{len(added):,} places added ({ids}); a `siting run` of config.yaml has them too, but "
            "renumbers all sites"
        )
    return located(study, added), dropped, notes


def _with_places(
    study: Study, path: Path, added: gpd.GeoDataFrame, dropped: gpd.GeoDataFrame
) -> Study:
    """Return a study with added places; its sources then include the layer of these places."""
    name_column = "name" if "name" in read_layer(path).columns else None
    source = SitesLayer.model_construct(
        kind="layer", path=path.resolve(), name_column=name_column, source=ADDED
    )
    sources = (*study.config.candidates.sources, source)
    study.config = with_keys(study.config, {"candidates.sources": sources})
    if added.empty:
        return study
    return study_with_sites(study, added, study_of_sites(study, added).offers, dropped)
