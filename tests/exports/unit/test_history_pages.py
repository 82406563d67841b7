"""A page that comes again is never taken for the one behind it, even where the count fits."""

from typing import Any

import pytest

from kubroker.exports.history import read_window
from kubroker.exports.records import ExportKind
from kubroker.foundation.errors import KucoinOutcomeUnknownError
from tests.exports.unit.history_account import NUMBERED, Account, day

PAGES = {kind: most for kind, _, most in NUMBERED.values()}


@pytest.mark.parametrize("kind", PAGES)
def test_page_that_comes_again_in_place_of_the_last_is_no_success(kind: ExportKind):
    """Deposits have no id that tells those of the first page from others like them."""
    account, shown = Account(), []
    account.spread(kind, 2 * PAGES[kind], day(kind))

    def repeat(number: int, data: Any) -> Any:
        shown.append(data)
        return shown[0]

    account.tamper = repeat
    with pytest.raises(KucoinOutcomeUnknownError, match="changed"):
        read_window(kind, "user-1", day(kind), account.ask)
    assert len(shown) == 2
