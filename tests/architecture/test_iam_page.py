"""docs/iam.md comes from the template."""

from tools.iam_table import PAGE, build_page


def test_iam_page_is_fresh():
    assert PAGE.read_text() == build_page(), "run `make docs`"
