"""The README's tables come from the template and the settings."""

from tools.readme_tables import README, fill


def test_readme_tables_are_fresh():
    text = README.read_text()
    assert fill(text) == text, "run `make docs`"
