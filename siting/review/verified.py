"""Verify a stored run from its files alone: check hashes, and recompute the plan and the tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from siting.config import with_keys
from siting.errors import (
    ConfigError,
    DownloadError,
    Fault,
    InputError,
    OutputError,
    SitingError,
    naming,
    refuse,
)
from siting.export import json_text
from siting.export.values import plain
from siting.manifest import (
    FOLDER,
    MANIFEST,
    REPORT,
    SEAL,
    as_form,
    read_json,
    read_manifest,
    strange,
)
from siting.report import is_why_no_report
from siting.review.awarded import AWARD, award_account, is_own, own_faults, own_files
from siting.review.run_claims import (
    MENDED,
    NOT_OTHERS,
    OF_A_REPLAN,
    OfTheMoment,
    Replanned,
    edited,
    file_faults,
    input_faults,
    json_faults,
    of_the_moment_faults,
    outcome_faults,
    same_table,
    set_faults,
)
from siting.shown import Block, Display, Shown, sentences
from siting.study.depends import STAGES
from siting.study.pipeline import Study
from siting.study.recounted import account_of, headroom_kw
from siting.study.report_page import page_of, record_of_plan
from siting.study.runs import NO_REPORT, PHASES, write_run
from siting.study.stages import Event, Report, Table
from siting.study.stored_run import plan_of, study_from_run
from siting.verify import BOUND, award_faults, certified
from siting.verify.ledger import above, differs, shown
from siting.writing import scratch_folder

# Tables that follow from other tables of the run; the remaining tables are read from inputs.
_FROM_TABLES = ("demand", "factors", "offers", "reach", "limits")
# The file and the key that only a replan writes, to record the earlier run.
_CHANGES, _REPLANNED = "changes.csv", "replanned_from"


@dataclass(frozen=True, repr=False)
class Verified(Shown):
    """The checks of a run, and the errors found."""

    folder: Path
    held: dict[str, str] = field(default_factory=dict)  # the result of each check, by its name
    faults: list[Fault] = field(default_factory=list)  # empty if every check passes
    notes: list[str] = field(default_factory=list)  # claims that could not be checked, and why

    def attempt[T](
        self, what: str, check: Callable[[], tuple[str, T]], progress: Report | None = None
    ) -> T | None:
        """Run a check, record its outcome or its errors, and return its result."""
        begun = datetime.now()
        result: T | None = None
        self.held[what] = "does not hold"
        try:
            self.held[what], result = check()
        except OutputError:
            raise  # the machine is at fault, not the run
        except SitingError as err:
            self.faults.extend(fault for fault in err.faults if fault not in self.faults)
        except Exception as err:
            # Edited files can raise any exception in a reader, so every exception fails the check.
            said = f"cannot be checked: {type(err).__name__}: {' '.join(str(err).split())[:200]}"
            self.faults.append(edited(f"{self.folder}, {what}", said))
        if progress is not None:
            seconds = (datetime.now() - begun).total_seconds()
            progress(Event(what, self.held[what], seconds, done=True))
        return result

    def _shown(self) -> Display:
        held = Block((), list(self.held.items()))
        faults = sentences([f"  {fault}" for fault in self.faults], all_in="faults")
        blocks = [held, faults] if self.faults else [held]
        title = f"{'Does not hold' if self.faults else 'Holds'}: {self.folder}"
        return Display(title, "", blocks, notes=self.notes, good=not self.faults)

    def plain(self) -> dict[str, Any]:
        """Return the result as JSON values."""
        return {
            "run": str(self.folder),
            "holds": not self.faults,
            "checks": self.held,
            "faults": [str(fault) for fault in self.faults],
            "notes": self.notes,
        }


def verify_run(
    folder: Path | str, *, frontier: Path | str | None = None, progress: Report | None = None
) -> Verified:
    """Check everything that a stored run states, from its files alone, and return the results.

    Files are compared with their hashes and with each other, and the plan is recounted. The bound
    is proven again from the stored dual prices. Tables that follow from other tables are
    recomputed. The whole folder is written again from its tables and compared with the original, so
    that an edit is found even if the hashes were changed to match. Only `siting rerun` finds edits
    of data that a run read from input files. `Verified.notes` lists what is not proven.

    `frontier`: if the run's page shows a budget curve, the folder that `siting frontier` wrote for
    this curve; `progress`: called with an `Event` after each check.

    >>> verify_run("runs/lahore-20261124-101500").faults  # doctest: +SKIP
    []
    """
    folder = Path(folder)
    verified = Verified(folder)
    notes, attempt = verified.notes, verified.attempt
    record = attempt("files", lambda: _files(folder), progress)
    if record is None:
        return verified
    study = attempt("recount", lambda: _recount(folder), progress)
    if study is None:
        return verified
    attempt("bound", lambda: _bound(study, notes), progress)
    if AWARD in read_json(folder / "run.json"):
        attempt("award", lambda: _award(study, folder), progress)
    attempt("tables", lambda: _tables(study, folder, notes), progress)
    curve = None if frontier is None else Path(frontier)
    attempt("written", lambda: _written(study, folder, record, curve, notes), progress)
    return verified


def _files(folder: Path) -> tuple[str, dict[str, Any]]:
    record, _ = read_manifest(folder)
    faults = strange(folder, [*record["of_the_run"], REPORT, FOLDER])
    faults += strange(folder / FOLDER, [*record["sha256"], MANIFEST])
    refuse(faults)
    return f"hashes match ({len(record['of_the_run']) + len(record['sha256']):,} files)", record


def _recount(folder: Path) -> tuple[str, Study]:
    study = study_from_run(folder)
    plan = plan_of(study, folder)
    proof = plan.outcome.proof
    words = f"{len(plan.checks):,} figures of energy, money and capacity hold; {proof} is claimed"
    return words, study


def _bound(study: Study, notes: list[str]) -> tuple[str, None]:
    """Prove a bound from the run's dual prices, and compare the stated bound with it."""
    plan, prices = study.plan, study.certificate
    proof = plan.outcome.proof
    if prices is None:
        notes.append(f"no certificate of the bound is stored: {proof} is claimed")
        return "claimed only, no certificate is stored", None
    spare = headroom_kw(study.candidates, study.config.offers.headroom_kw)
    account = account_of(study.asked, plan.outcome, plan.sites, spare)
    proven = certified(account, prices)
    where = f"{FOLDER}, the bound"
    faults = []
    told = prices.loc[prices["row"] == BOUND, "price"].to_numpy(float)
    if len(told) != 1 or differs(told, proof.bound).any():
        was = ", ".join(shown(one) for one in told) or "none"
        claimed = f"{shown(proof.bound)} {proof.unit} is claimed"
        faults.append(edited(where, f"{claimed}, but the certificate was written for {was}"))
    less = account.aims[0].kind == "least_money"
    low, high = (proven.bound, proof.objective) if less else (proof.objective, proven.bound)
    if above(low, high):
        what = (
            f"the certificate proves that no plan reaches more than {shown(proven.bound)} "
            f"{proof.unit}, but the run says that its plan reaches {shown(proof.objective)}"
        )
        faults.append(edited(where, what))
    refuse(faults)
    by = "in exact fractions" if proven.exact else "rounding errors included"
    words = f"the certificate proves {shown(proven.bound)} {proof.unit} ({by})"
    low, high = (proof.bound, proven.bound) if less else (proven.bound, proof.bound)
    if not above(low, high):
        return f"{words}, and the run states {shown(proof.bound)}: proven", None
    rests = "also relies on cuts and branching, which were not repeated"
    return f"{words}; the {shown(proof.bound)} of the run {rests}", None


def _award(study: Study, folder: Path) -> tuple[str, None]:
    account = award_account(study, folder)
    refuse(award_faults(account))
    bids = f"{len(account.winners):,} winning and {len(account.losers):,} losing bids"
    return f"{bids}: bundles, alternatives, caps, reserve prices and payments hold", None


def _tables(study: Study, folder: Path, notes: list[str]) -> tuple[str, None]:
    """Recompute each table that follows from other tables, and compare it with the stored one."""
    facts = read_json(folder / "run.json")
    faults, again = list[Fault](), []
    with scratch_folder() as cache:
        config = with_keys(study.config, {"output.cache_dir": cache})
        stored = {name: getattr(study, name) for name, made in STAGES.items() if made.stored}
        for name in (name for name in stored if STAGES[name].stored in _FROM_TABLES):
            others = {other: table for other, table in stored.items() if other != name}
            with _inputs_there(name, faults):
                anew = getattr(Study(config, tables=others), name)
                if is_own(name, facts):
                    faults += own_faults(study, name, anew, facts, folder)
                    notes.append(f"{name}: bids and answers were not confirmed with their authors")
                elif same_table(stored[name], anew):
                    again.append(name)
                else:
                    faults.append(edited(f"{FOLDER}, table {name}", NOT_OTHERS))
        with _inputs_there("the notes on population", faults):
            # Only these kinds of population data add notes to a run when they are read.
            noted = config.demand.people.kind in ("streets", "zones")
            people_notes = STAGES["people_read"].make(config, study.network).notes if noted else ()
            if study.people_read.notes != people_notes:
                where = f"{FOLDER}/{MANIFEST}, key people_notes"
                faults.append(edited(where, "differs from the notes of the population data"))
        with _inputs_there("the list of figures", faults):
            given = {k: t for k, t in stored.items() if k != "outcome"}
            figures = Study(config, tables=given).sourced_figures
            if _records(study.sourced_figures) != _records(figures):
                where = "run.json, key assumptions"
                faults.append(edited(where, "differ from the tables that they name"))
    faults += input_faults(study)
    told, rests = outcome_faults(study)
    faults += told
    if rests:
        notes.append(f"relies on other solves, which were not repeated: {', '.join(rests)}")
    refuse(faults)
    return f"recomputed from each other: {', '.join(again)}", None


def _records(table: Table) -> list[str]:
    """Return the rows of a table as sorted strings, to compare them in any order."""
    return sorted(json_text(row) for row in plain(table.to_dict("records")))


@contextmanager
def _inputs_there(what: str, faults: list[Fault]) -> Iterator[None]:
    """Add an error for each missing input that is needed to recompute a figure."""
    try:
        yield
    except (InputError, ConfigError, DownloadError) as err:
        what = f"{what} cannot be recomputed"
        faults += [Fault(f.where, f"{what}: {f.what}", "put the file back") for f in err.faults]


def _written(
    study: Study, folder: Path, record: dict[str, Any], curve: Path | None, notes: list[str]
) -> tuple[str, None]:
    """Write the run again from its tables, and compare each file with the stored one."""
    path = folder / "run.json"
    facts = read_json(path)
    moment = as_form(OfTheMoment, facts, str(path), MENDED)
    told = {*PHASES, *(made.told for made in STAGES.values() if made.told)}
    faults = json_faults(path, facts) + of_the_moment_faults(moment, str(path), sorted(told))
    refuse(faults)
    with scratch_folder() as place:
        other = place / "run"
        with _inputs_there("the run", faults):
            write_run(study, other, datetime.fromisoformat(moment.written))
        refuse(faults)
        again = read_json(other / FOLDER / MANIFEST)
        replanned = [_CHANGES] if _REPLANNED in facts else []
        more = [*replanned, *own_files(facts)]
        faults += set_faults(folder, record["of_the_run"], [*again["of_the_run"], *more])
        faults += set_faults(folder / FOLDER, record["sha256"], again["sha256"])
        named = [name for name in again["of_the_run"] if name in record["of_the_run"]]
        faults += file_faults(folder, other, [name for name in named if name != "run.json"])
        faults += _fact_faults(facts, read_json(other / "run.json"), path, notes)
        faults += _record_faults(record, again, moment)
    page, words = _page(study, folder, facts, curve)
    faults += page
    refuse(faults)
    notes.append(
        f"claims that nothing in the run proves: time of writing ({moment.written}), durations, "
        f"memory, platform, versions (siting {moment.siting}, Python {moment.python}), and the "
        "SHA-256 of inputs, which siting rerun compares with the files"
    )
    return f"all {len(named):,} files equal those rebuilt from the tables{words}", None


def _fact_faults(
    said: dict[str, Any], anew: dict[str, Any], path: Path, notes: list[str]
) -> list[Fault]:
    """Return an error for each key of ``run.json`` that the tables contradict."""
    told = dict(said)
    replanned = told.pop(_REPLANNED, None)
    if told.pop(AWARD, None) is not None:
        notes.append(
            f"relies on other solves, which were not repeated: critical asks ({AWARD}, losers.csv)"
        )
    own = [] if replanned is None else _replan_words(told, anew, replanned, path, notes)
    for facts in (told, anew):  # packages that change the page may have been added or removed since
        facts["warnings"] = [line for line in facts["warnings"] if not _no_report(line)]
    told["warnings"] = told["warnings"][len(own) :]
    keys = [key for key in dict.fromkeys([*anew, *told]) if key not in OfTheMoment.model_fields]
    return [
        edited(f"{path}, key {key}")
        for key in keys
        if key not in told or key not in anew or told[key] != anew[key]
    ]


def _no_report(warning: str) -> bool:
    return warning.startswith(NO_REPORT) and is_why_no_report(warning.removeprefix(NO_REPORT))


def _replan_words(
    told: dict[str, Any], anew: dict[str, Any], replanned: Any, path: Path, notes: list[str]
) -> list[str]:
    """Return the warnings that a replan added; add statements about the earlier run to `notes`."""
    before = as_form(Replanned, replanned, f"{path}, key {_REPLANNED}", MENDED)
    more = max(len(told["warnings"]) - len(anew["warnings"]), 0)
    own: list[str] = [line for line in told["warnings"][:more] if OF_A_REPLAN.fullmatch(line)]
    words = [f"{_CHANGES} and {_REPLANNED} ({before.run!r})", *(f"“{line}”" for line in own)]
    notes.append(f"claims about the earlier run, which is not here: {'; '.join(words)}")
    return own


def _record_faults(said: dict[str, Any], anew: dict[str, Any], moment: OfTheMoment) -> list[Fault]:
    """Return errors for manifest keys (other than hashes) that differ from those of the new run."""
    hashes = ("sha256", "of_the_run", SEAL, "siting")
    odd = (k for k in [*anew, *said] if k not in hashes and said.get(k) != anew.get(k))
    faults = naming(f"{FOLDER}/{MANIFEST}", "has keys that differ from a run's", odd, MENDED)
    if said.get("siting") != moment.siting:
        where = f"{FOLDER}/{MANIFEST}, key siting"
        faults.append(edited(where, "names a different version from run.json"))
    return faults


def _page(
    study: Study, folder: Path, facts: dict[str, Any], curve: Path | None
) -> tuple[list[Fault], str]:
    """Return the errors in the run's page, and a note on its language and budget curve."""
    path = folder / REPORT
    fix = f"write it again with siting report {folder}"
    if not path.is_file():
        if any(map(_no_report, facts["warnings"])):
            return [], f"; no {REPORT} was written"
        return [Fault(str(path), "is missing", fix)], ""
    stands = path.read_bytes()
    run = record_of_plan(study, plan_of(study, folder))
    for language, words in {None: "", "en": ", in English", "ur": ", in Urdu"}.items():
        if page_of(run, curve, language).encode() == stands:
            return [], f"; {REPORT} does too{words}{', with its curve' * (curve is not None)}"
    more = "" if curve else "; if it has a budget curve, name the folder of that curve"
    return [Fault(str(path), "is not the page of this run", fix + more)], ""
