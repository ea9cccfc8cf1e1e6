"""Halve and double settings of the engine on medium towns, to find the settings that matter.

    nice -n 19 uv run python scripts/vary_settings.py cuts windows > out.md

The arguments are the first words of sections of `siting/settings.py`. Towns are planned to a gap of
0.5 % as if they were large (`WHOLE_FIRST`), with one thread. Each line has a setting and the number
of towns that read it. For half and double the setting, it has the largest change of an aim, and the
CPU time relative to the unchanged setting. For a share of 0.5 or more, the distance from 1 is
halved and doubled instead.
"""

import re
import sys
import time
import types
import warnings
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))

from medium_cases import medium_case
from program_cases import program_of

from siting import settings
from siting.engine.solve import solve

TOWNS = (
    ("decay", 2), ("years", 3), ("class floors", 4), ("viability gap", 5), ("need, years", 6),
    ("scenarios", 9),
)  # fmt: skip
READ: set[str] = set()


class Heard(types.ModuleType):
    """The settings module, which records the name of every setting that is read."""

    def __getattribute__(self, name: str) -> object:
        """Record the name, and return the setting."""
        READ.add(name)
        return super().__getattribute__(name)


def planned(features: str, seed: int) -> tuple[list[float], float]:
    """Return the values of all aims in a town, and the CPU seconds."""
    began = time.process_time()
    case = medium_case(tuple(features.split(", ")), "plain", seed)
    answer = solve(program_of(case), gap=0.005, time_limit_s=20.0, threads=1)
    return [one.proof.objective for one in answer.proofs], time.process_time() - began


def varied(value: float) -> tuple[float, float]:
    """Return half and double a setting.

    >>> varied(5), varied(0.1), varied(0.75)
    ((2, 10), (0.05, 0.2), (0.5, 0.875))
    """
    if isinstance(value, int):
        return max(1, value // 2), 2 * value
    return (2 * value - 1, (1 + value) / 2) if 0.5 <= value < 1 else (value / 2, 2 * value)


def main() -> None:
    """Print a table of the settings in the requested sections."""
    settings.__class__ = Heard
    settings.WHOLE_FIRST = -1
    text = Path(settings.__file__).read_text(encoding="utf-8")
    sections = [part for part in text.split("# --- ") if part.split()[0] in sys.argv[1:]]
    base = []
    for town in TOWNS:
        READ.clear()
        values, seconds = planned(*town)
        base.append((town, set(READ), values, seconds))
    print("| setting | towns | half: value, time | double: value, time |\n|---|--:|---|---|")
    for name in re.findall(r"^([A-Z_]+) = ", "".join(sections), re.MULTILINE):
        value = getattr(settings, name)
        towns = [one for one in base if name in one[1]]
        if isinstance(value, tuple) or not towns:
            continue
        cells = []
        for other in varied(value):
            setattr(settings, name, other)
            apart, spent = 0.0, 0.0
            for town, _, values, _ in towns:
                found, seconds = planned(*town)
                spent += seconds
                apart = max(apart, *(abs(a / b - 1) for a, b in zip(found, values, strict=True)))
            cells.append(f"{apart:.2%}, {spent / sum(one[3] for one in towns):.2f}")
        setattr(settings, name, value)
        print(f"| `{name}` = {value:g} | {len(towns)} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
