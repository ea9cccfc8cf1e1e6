"""The embedded city: a configuration and its data, carried in the package and copied out to run."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from siting.errors import Fault, InputError
from siting.writing import write_whole

CONFIG = Path("configs", "islamabad.yaml")
DATA = Path("data", "islamabad")

PACKAGE = Path(__file__).resolve().parent


def embedded_files() -> dict[Path, Path]:
    """Return the files of the embedded city, by the place each has in a copy of it.

    Raises
    ------
    InputError
        If this installation does not carry them.
    """
    # A wheel carries them inside the package; a clone has them beside it.
    for home in (PACKAGE / "_embedded", PACKAGE.parent):
        if (home / CONFIG).is_file() and (home / DATA).is_dir():
            found = [CONFIG, *(p.relative_to(home) for p in sorted((home / DATA).iterdir()))]
            return {place: home / place for place in found}
    raise InputError(
        Fault(
            "the embedded city",
            "is not in this installation of siting",
            "install siting from its wheel, or run it in a clone",
        )
    )


def copy_embedded_city(folder: Path | str = "siting-demo") -> Path:
    """Return the configuration of the embedded, schematic Islamabad, copied out with its data.

    Its plan needs no internet. Runs go to ``runs/`` in the folder, parsed roads to ``cache/``.

    Parameters
    ----------
    folder
        Where the copy shall stand: ``configs/`` and ``data/`` are made in it. What is there already
        is left as it is.

    Returns
    -------
    Path
        The copy's ``configs/islamabad.yaml``.

    Raises
    ------
    InputError
        If files of the city are there already and are not as they were copied: they are yours now.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     config = copy_embedded_city(folder)
    ...     config.relative_to(folder).as_posix()
    'configs/islamabad.yaml'
    """
    folder = Path(folder)
    files = embedded_files()
    if folder.exists() and not folder.is_dir():
        raise InputError(Fault(str(folder), "is a file", "name another folder"))
    changed = tuple(
        place.as_posix()
        for place, source in files.items()
        if (folder / place).exists() and (folder / place).read_bytes() != source.read_bytes()
    )
    if changed:
        raise InputError(
            Fault(
                str(folder),
                "holds files of the embedded city that were changed",
                f"siting run {folder / CONFIG} runs them; or name another folder",
                changed,
            )
        )
    for place, source in files.items():
        if not (folder / place).exists():
            write_whole(folder / place, partial(shutil.copyfile, source))
    return folder / CONFIG
