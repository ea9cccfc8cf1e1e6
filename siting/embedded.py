"""The cities in the package: configurations and data, to copy and run."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from siting.errors import InputError
from siting.writing import write_whole

CITIES = ("islamabad", "faisalabad", "quetta")
CONFIG = Path("configs", "islamabad.yaml")
NATION = Path("configs", "nation.yaml")

PACKAGE = Path(__file__).resolve().parent


def embedded_files(nation: bool = False) -> dict[Path, Path]:
    """Return the files of the embedded city (or cities, if `nation`), by their paths in a copy.

    Raises `InputError` if this installation lacks the files.
    """
    # A wheel has the files inside the package; a clone has them beside the package.
    cities = CITIES if nation else CITIES[:1]
    configs = [Path("configs", f"{city}.yaml") for city in cities] + [NATION] * nation
    for home in (PACKAGE / "_embedded", PACKAGE.parent):
        folders = [home / "data" / city for city in cities]
        if all((home / c).is_file() for c in configs) and all(f.is_dir() for f in folders):
            data = [p.relative_to(home) for f in folders for p in sorted(f.iterdir())]
            return {place: home / place for place in [*configs, *data]}
    fix = "install siting from its wheel, or run it in a clone"
    raise InputError("the embedded city", "is not in this installation of siting", fix)


def copy_embedded_city(folder: Path | str = "siting-demo", nation: bool = False) -> Path:
    """Copy the embedded, schematic Islamabad to a folder; return the configuration file.

    The copy runs offline. Its runs are later written to ``runs/`` in the folder, and parsed roads
    are stored in ``cache/``.

    Parameters
    ----------
    folder
        Folder for ``configs/`` and ``data/``. Existing files are left unchanged.
    nation
        Whether to copy all embedded cities, and the configuration of their nation.

    Returns
    -------
    Path
        ``configs/islamabad.yaml`` or, with `nation`, ``configs/nation.yaml`` in the copy.

    Raises
    ------
    InputError
        If the folder is a file, or contains edited files of the city.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     config = copy_embedded_city(folder)
    ...     config.relative_to(folder).as_posix()
    'configs/islamabad.yaml'
    """
    folder = Path(folder)
    files, config = embedded_files(nation), NATION if nation else CONFIG
    if folder.exists() and not folder.is_dir():
        raise InputError(str(folder), "is a file", "name another folder")
    changed = tuple(
        place.as_posix()
        for place, source in files.items()
        if (folder / place).exists() and (folder / place).read_bytes() != source.read_bytes()
    )
    if changed:
        verb = "nation" if nation else "run"
        what = "contains modified files of the embedded city"
        fix = f"to use these files, run `siting {verb} {folder / config}`; or name another folder"
        raise InputError(str(folder), what, fix, changed)
    for place, source in files.items():
        if not (folder / place).exists():
            write_whole(folder / place, partial(shutil.copyfile, source))
    return folder / config
