"""The command line: its commands, clear errors, and JSON on stdout if requested.

Exit codes: 0, done; 1, infeasible requirements; 2, invalid input; 3, a plan was written, but its
gap is above 100 %; 130, stopped by Ctrl-C before a plan was found.
"""

import io
import sys

from siting.cli import library, planning, after_run  # isort: skip  # their order is that of --help
from siting.cli.app import app

__all__ = ["after_run", "app", "library", "main", "planning"]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # Characters that the terminal cannot encode are written as escape codes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="siting")
