"""Silence C code on the user's standard output."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def quiet_stdout() -> Iterator[None]:
    """Discard standard output of C code while the block runs.

    HiGHS prints two lines on file descriptor 1 when the first model of a process is made, before
    any option can stop it. `contextlib.redirect_stdout` does not catch these lines, and a reader of
    JSON on standard output would fail on them. Earlier output of the user is flushed first. A
    closed descriptor is left alone.
    """
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    _flush_c()
    try:
        keep = os.dup(1)
    except OSError:
        yield
        return
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(nowhere, 1)
        finally:
            os.close(nowhere)
        try:
            yield
        finally:
            _flush_c()
            os.dup2(keep, 1)
    finally:
        os.close(keep)


def _flush_c() -> None:
    """Flush the C library's buffers; a pipe would otherwise get them after the block."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).fflush(None)
