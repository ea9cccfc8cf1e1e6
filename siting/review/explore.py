"""Show the map of a report in a notebook cell, even offline."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from weakref import WeakKeyDictionary

from siting.errors import require_kind
from siting.study.pipeline import Study
from siting.study.report_page import page_of, record_of
from siting.study.stored_run import Source, study_of
from siting.writing import write_text

# CSS that hides every part of a report except the map.
_ALONE = (
    "<style>body > :not(main), main > :not(#plan-map) { display: none !important }"
    "main { margin: 0 !important; padding: 0 8px !important }</style>"
)
_PAGES: WeakKeyDictionary[Study, str] = WeakKeyDictionary()


@dataclass(frozen=True)
class PlanMap:
    """A plan's map for display in a notebook."""

    page: str = field(repr=False)  # the map as a self-contained HTML page
    height_px: int = 720  # height of the map in the notebook

    def _repr_html_(self) -> str:
        """Return the page in an HTML frame, which isolates it from the notebook."""
        return (
            f'<iframe sandbox="allow-scripts" srcdoc="{escape(self.page)}" title="Map of the plan" '
            f'style="width:100%;height:{self.height_px}px;border:1px solid #d1d5db"></iframe>'
        )

    def save(self, path: Path | str) -> Path:
        """Write the map as a new HTML file that works offline, and return the path."""
        write_text(Path(path), self.page)
        return Path(path)


def explore(run: Source, height_px: int = 720) -> PlanMap:
    """Return the interactive map of a run's report, which a notebook shows even offline.

    Parameters
    ----------
    run
        A run folder, a study or a plan.
    height_px
        Height of the map in the notebook (pixels).

    Raises
    ------
    MissingExtraError
        If the packages of the extra ``report`` are not installed.

    Examples
    --------
    >>> explore("runs/islamabad").save("map.html")  # doctest: +SKIP
    """
    require_kind("height_px", height_px, int | float, "give the height in pixels, such as 720")
    if isinstance(run, Path | str):
        return PlanMap(_page(run), height_px)
    study = study_of(run)
    if study not in _PAGES:
        _PAGES[study] = _page(study)
    return PlanMap(_PAGES[study], height_px)


def _page(run: Source) -> str:
    return map_alone(page_of(record_of(run)))


def map_alone(page: str) -> str:
    """Return a report's page in which only the map is visible."""
    return page.replace("</head>", f"{_ALONE}</head>", 1)
