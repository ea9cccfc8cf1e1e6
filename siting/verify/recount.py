"""All checks of a plan, in order."""

from __future__ import annotations

import pandas as pd

from siting.verify.account import Account
from siting.verify.aim_values import check_aims
from siting.verify.book import Book
from siting.verify.built import check_built
from siting.verify.fair_shares import check_floors
from siting.verify.ledger import Ledger
from siting.verify.money_recount import check_money
from siting.verify.service_recount import check_service
from siting.verify.side_constraints import check_rows


def recount(account: Account) -> pd.DataFrame:
    """Return one row a check that a plan passed; raise if it fails any.

    Parameters
    ----------
    account
        The claims of the plan and its input tables.

    Returns
    -------
    DataFrame
        ``check`` (the figure), ``found`` and ``limit`` (or the claim), in the check's own unit.

    Raises
    ------
    VerifyError
        Naming every figure that does not hold.
    InputError
        If the tables cannot be recounted: columns missing, names that do not match.
    """
    book, ledger = Book(account), Ledger()
    check_built(book, ledger)
    check_money(book, ledger)
    check_service(book, ledger)
    check_rows(book, ledger)
    check_floors(book, ledger)
    check_aims(book, ledger)
    return ledger.done()
