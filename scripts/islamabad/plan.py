"""The sector plan: positions of rows and columns, and the sectors with their uses.

The positions of the lines come from real roads and addresses, rounded to 10 m for measured roads
and to about 50 m elsewhere. README.md beside the data states their accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

# Lines between the columns (u in metres). Column 8 lies between NINTH and FAISAL.
ATATURK, SEVENTH, FAISAL, NINTH, TENTH = 4060, 2155, 241, -1682, -3672
LINE_10_11, LINE_11_12, LINE_12_13, LINE_13_14, LINE_14_15 = -5580, -7440, -9370, -11300, -13230
# Lines between the rows (v in metres).
LINE_C_D, LINE_D_E, MARGALLA = 5300, 3390, 1440
NAZIMUDDIN, JINNAH, FAZL_E_HAQ, IBN_E_SINA = -130, -303, -440, -476
SUHRWARDY, SRINAGAR, LINE_H_I, IJP = -2180, -2270, -4320, -6200

_COLUMNS = {
    5: (ATATURK, 4640),
    6: (SEVENTH, ATATURK),
    7: (FAISAL, SEVENTH),
    8: (NINTH, FAISAL),
    9: (TENTH, NINTH),
    10: (LINE_10_11, TENTH),
    11: (LINE_11_12, LINE_10_11),
    12: (LINE_12_13, LINE_11_12),
    13: (LINE_13_14, LINE_12_13),
    14: (LINE_14_15, LINE_13_14),
}
# South and north lines of each row. In rows F and G they depend on the column: see `_rows`.
_ROWS = {
    "D": (LINE_D_E, LINE_C_D),
    "E": (MARGALLA, LINE_D_E),
    "H": (LINE_H_I, SRINAGAR),
    "I": (IJP, LINE_H_I),
}


@dataclass(frozen=True)
class Sector:
    """One sector of the grid.

    Parameters
    ----------
    row, column
        Its letter and number.
    kind
        Its use: a key of `people.RELATIVE_DENSITY`.
    west, east, south, north
        The lines of the roads around it, metres in the grid.
    markaz
        The centre of its market, metres in the grid; ``None`` without a market.
    open_to
        The sides (letters of ``WESN``) on which the streets of the sector reach the road. Other
        sides have no road, or a road without side streets.
    """

    row: str
    column: int
    kind: str
    west: float
    east: float
    south: float
    north: float
    markaz: tuple[float, float] | None
    open_to: str

    @property
    def name(self) -> str:
        """Return the sector's name, e.g. ``F-7``."""
        return f"{self.row}-{self.column}"


# Known positions of markets in the grid, rounded, from places in OpenStreetMap with the market in
# their address. Other markets are in the middle of their sector.
_MARKAZ: dict[str, tuple[float, float]] = {
    "F-6": (3300, 570),
    "F-7": (1180, 660),
    "F-8": (-790, 630),
    "F-10": (-3950, 550),
    "F-11": (-6430, 640),
    "G-6": (3150, -1150),
    "G-7": (1150, -1430),
    "G-8": (-780, -1220),
    "G-9": (-2600, -1150),
    "G-10": (-4700, -1450),
    "G-11": (-6400, -1340),
    "I-8": (-460, -5220),
    "I-9": (-2700, -5300),
    "I-10": (-4700, -5210),
    "I-14": (-12250, -5230),
    "E-11": (-6680, 2750),
}

# Sector: kind, open sides, whether it has a market. Left out: E-8 and E-9 (navy and air force,
# closed), C-, E-10, E-12, F-12, G-12, G-14, H-13, I-12, I-13, I-15 to I-17 (unbuilt, partly built,
# or private estates off the grid).
_SECTORS: dict[str, tuple[str, str, bool]] = {
    "D-12": ("residential_low", "ES", True),
    "E-7": ("residential_low", "WS", False),
    "E-11": ("residential_dense", "WESN", True),
    "F-5": ("administrative", "WE", False),
    "F-6": ("residential_low", "WESN", True),
    "F-7": ("residential_low", "WESN", True),
    "F-8": ("residential_low", "WESN", True),
    "F-9": ("park", "", False),
    "F-10": ("residential_low", "WESN", True),
    "F-11": ("residential_low", "WESN", True),
    "G-5": ("administrative", "WE", False),
    "G-6": ("residential_dense", "WESN", True),
    "G-7": ("residential_dense", "WESN", True),
    "G-8": ("residential_dense", "WEN", True),
    "G-9": ("residential_dense", "WEN", True),
    "G-10": ("residential_dense", "WEN", True),
    "G-11": ("residential_dense", "WEN", True),
    "G-13": ("residential_dense", "WEN", True),
    "H-8": ("institutional", "WES", False),
    "H-9": ("institutional", "WES", False),
    "H-10": ("institutional", "WES", False),
    "H-11": ("institutional", "WES", False),
    "H-12": ("institutional", "ES", False),
    "I-8": ("residential_dense", "WEN", True),
    "I-9": ("industrial", "WESN", True),
    "I-10": ("residential_dense", "WESN", True),
    "I-11": ("residential_dense", "WESN", True),
    "I-14": ("residential_dense", "N", True),
}
# Sectors that are smaller than their cell of the grid: west, east, south, north.
_BOUNDS: dict[str, tuple[float, float, float, float]] = {
    "E-7": (FAISAL, 1950, MARGALLA, 2450),
    "F-5": (ATATURK, 4640, -230, 1340),
    "G-5": (ATATURK, 4430, -2080, -400),
}


def _rows(row: str, column: int) -> tuple[float, float]:
    if row == "F":
        return (NAZIMUDDIN if column <= 8 else JINNAH), MARGALLA
    if row == "G":
        north = FAZL_E_HAQ if column <= 7 else IBN_E_SINA
        return (SUHRWARDY if column <= 7 else SRINAGAR), north
    return _ROWS[row]


def sectors() -> list[Sector]:
    """Return all drawn sectors, by row and column."""
    out = []
    for name, (kind, open_to, has_markaz) in _SECTORS.items():
        row, column = name[0], int(name[2:])
        west, east, south, north = _BOUNDS.get(name, (*_COLUMNS[column], *_rows(row, column)))
        middle = (west + east) / 2, (south + north) / 2
        markaz = _MARKAZ.get(name, middle) if has_markaz else None
        out.append(Sector(row, column, kind, west, east, south, north, markaz, open_to))
    return out
