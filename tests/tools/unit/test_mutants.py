"""The table of mutants fits the code: each place is there once, and each test too."""

import pytest

from tools.mutants import PACKAGE, ROOT, Mutant, MutantError, read_mutants


def test_every_mutant_has_its_place_and_its_tests():
    mutants = read_mutants([])
    assert len(mutants) >= 30
    assert len({one.name for one in mutants}) == len(mutants)
    for mutant in mutants:
        text = (ROOT / PACKAGE / mutant.file).read_text()
        assert mutant.apply(text) != text
        assert mutant.tests
        assert all((ROOT / test).is_file() for test in mutant.tests), mutant.name


def test_mutants_can_be_chosen_by_a_word_of_their_names():
    assert {one.file for one in read_mutants(["signature"])} == {"kucoin/signer.py"}
    assert read_mutants(["no such word"]) == []


@pytest.mark.parametrize("text", ["b = 1", "a = 1; a = 1"])
def test_mutant_whose_place_is_not_there_once_is_told(text):
    mutant = Mutant("a name", "x.py", "a = 1", "a = 2", [])
    with pytest.raises(MutantError, match=r"a name: its place in x\.py is there [02] times"):
        mutant.apply(text)
