"""The double-entry book."""

from decimal import Decimal

import pytest

from local.kucoin_simulator.funds.book import OUTSIDE, Account, Book, InsufficientFundsError

ALICE = Account("alice", "main", "USDT")
WORLD = Account(OUTSIDE, "world", "USDT")


def test_post_moves_and_keeps_the_sum_at_zero():
    book = Book()
    book.post("Deposit", "r1", 1, {ALICE: Decimal("10"), WORLD: Decimal("-10")})
    book.post("Withdrawal", "r2", 2, {ALICE: Decimal("-3"), WORLD: Decimal("3")})

    assert book.balance("alice", "main", "USDT") == Decimal("7")
    assert sum(book.balances().values()) == 0
    assert [posting.reference for posting in book.postings] == ["r1", "r2"]
    assert book.is_sound()


def test_post_below_zero_is_refused_and_changes_nothing():
    book = Book()

    with pytest.raises(InsufficientFundsError):
        book.post("Withdrawal", "r1", 1, {ALICE: Decimal("-1"), WORLD: Decimal("1")})

    assert book.postings == []
    assert book.balance("alice", "main", "USDT") == 0


def test_post_that_does_not_balance_is_refused():
    book = Book()

    with pytest.raises(ValueError, match="add up"):
        book.post("Deposit", "r1", 1, {ALICE: Decimal("1"), WORLD: Decimal("-0.99999999")})

    assert book.postings == []


def test_is_sound_notices_a_balance_that_no_posting_explains():
    book = Book()
    book.post("Deposit", "r1", 1, {ALICE: Decimal("10"), WORLD: Decimal("-10")})
    book._balances[ALICE] += 1

    assert not book.is_sound()
