"""The command line: commands, error messages, and JSON on stdout if requested.

The exit code is 0 for success, 1 for infeasible requirements, 2 for invalid input, 3 for a plan
with a gap above 100 %, and 130 if Ctrl-C stopped the command before there was a plan.
"""

import io
import sys

from siting.cli import planning, after_run  # isort: skip  # in the order of --help
from siting.cli.app import app

__all__ = ["after_run", "app", "main", "planning"]


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        # Characters that the terminal cannot encode become escape codes.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    app(prog_name="siting")
