"""The credit line of a file: owner, licence and date of each input."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# Values of ``source`` and ``licence`` that name no owner and no licence.
NOBODY = ("", "not stated", "given by the user")


def owners_of(inputs: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the owners of a run's inputs, each once, in the order of the inputs."""
    return [one for one in dict.fromkeys(str(r["source"]) for r in inputs) if one not in NOBODY]


def credit_line(inputs: Iterable[Mapping[str, Any]]) -> str:
    """Return the owners of a run's inputs, with licences and dates; blank if no owner is stated.

    >>> roads = {"source": "© OpenStreetMap contributors", "licence": "ODbL 1.0"}
    >>> credit_line([roads | {"file_date": "2026-11-01"}, roads])
    'Data: © OpenStreetMap contributors (ODbL 1.0, 2026-11-01).'
    """
    records = list(inputs)
    parts = []
    for owner in owners_of(records):
        of_owner = [record for record in records if str(record["source"]) == owner]
        licences = [str(record.get("licence") or "") for record in of_owner]
        dates = sorted(str(record["file_date"]) for record in of_owner if record.get("file_date"))
        details = [*dict.fromkeys(one for one in licences if one not in NOBODY), *dates[-1:]]
        parts.append(f"{owner} ({', '.join(details)})" if details else owner)
    return f"Data: {'; '.join(parts)}." if parts else ""


def noted(plan: Any) -> str:
    """Return the note and the credit line that every file made from a `siting.Plan` contains."""
    inputs = plan.facts.get("inputs")
    if inputs is None:
        inputs = plan.study.inputs if plan.study is not None else []
    return " ".join(filter(None, (plan.note, credit_line(inputs))))
