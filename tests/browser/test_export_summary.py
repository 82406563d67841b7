"""The summary of an export, opened from a disk: accessible, narrow, dark, printed, inert."""

import pytest

from tests.browser.visitor import PHONE
from tests.exports.unit.summaries import build_every_summary

pytestmark = pytest.mark.browser

SUMMARIES = build_every_summary()
HOSTILE = "<img src=x onerror=document.title=1>"


@pytest.fixture
def open_file(new_visitor, tmp_path):
    """Opens a summary as whoever saved it would; nothing may be asked of any network."""

    def open_it(html, **options):
        path = tmp_path / "summary.html"
        path.write_text(html)
        visitor = new_visitor(**options)
        asked = []
        visitor.page.on("request", lambda request: asked.append(request.url))
        visitor.page.goto(path.as_uri())
        visitor.page.wait_for_load_state("networkidle")
        assert [url for url in asked if not url.startswith("data:")] == [path.as_uri()]
        return visitor

    return open_it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", SUMMARIES)
def test_summary_has_no_accessibility_fault(open_file, name, scheme):
    visitor = open_file(SUMMARIES[name], color_scheme=scheme)
    assert visitor.find_accessibility_faults() == []


@pytest.mark.parametrize("name", ["gaps", "bounded"])
def test_summary_fits_a_phone(open_file, name):
    visitor = open_file(SUMMARIES[name], **PHONE)
    assert not visitor.has_horizontal_scroll
    assert visitor.find_accessibility_faults() == []
    visitor.page.set_viewport_size({"width": 320, "height": 600})  # WCAG 1.4.10, reflow
    assert not visitor.has_horizontal_scroll


def test_summary_tables_scroll_by_keyboard_and_keep_the_month_in_sight(open_file):
    page = open_file(SUMMARIES["gaps"], **PHONE).page
    region = page.get_by_role("region", name="Spot fills").and_(page.locator(".scroll"))
    region.focus()
    assert region.evaluate("e => e.scrollWidth > e.clientWidth")
    moved = region.evaluate_handle(
        "e => ({by: new Promise(tell => e.onscroll = () => tell(e.scrollLeft))})"
    )
    page.keyboard.press("ArrowRight")
    assert moved.evaluate("m => m.by") > 0
    month = region.get_by_role("rowheader", name="Jan 2025").first
    assert month.bounding_box()["x"] >= 0


def test_summary_hostile_texts_do_nothing(open_file):
    page = open_file(build_every_summary(HOSTILE)["gaps"]).page
    assert page.title().startswith("Account export")
    assert page.locator("img").count() == 0
    assert page.get_by_text(HOSTILE).count() >= 3


def test_summary_script_that_got_in_would_not_run(open_file, new_visitor, tmp_path):
    """The policy is the second wall: what is written into the file by other hands is refused."""
    html = SUMMARIES["gaps"].replace("</main>", "<script>document.title='run'</script></main>")
    path = tmp_path / "changed.html"
    path.write_text(html)
    visitor = new_visitor()
    visitor.page.goto(path.as_uri())
    assert visitor.page.title().startswith("Account export")
    assert len(visitor.complaints) == 1
    assert "Content Security Policy" in visitor.complaints.pop()


def test_summary_prints_black_on_white_whatever_the_screen_is(open_file):
    visitor = open_file(SUMMARIES["gaps"], color_scheme="dark")
    visitor.page.emulate_media(media="print", color_scheme="dark")
    colours = visitor.page.evaluate(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
    assert len(visitor.page.pdf()) > 10_000
