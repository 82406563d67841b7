"""The progress page: constant script, data in attributes, a way without scripts."""

from kubroker.linking.progress_page import render_progress
from kubroker.web.page_models import Broker, ProgressPage
from tests.support.gallery import BACK, Outline


def render(status_path="/connect/a.b/status", **kwargs):
    return render_progress(ProgressPage(Broker("Northwind"), status_path, BACK, **kwargs))


def test_progress_script_is_constant():
    first, second = Outline(render().body), Outline(render("/connect/other").body)
    assert first.raw["script"] == second.raw["script"]
    [line] = [attributes for tag, attributes in first.tags if attributes.get("id") == "progress"]
    assert line["data-status-path"] == "/connect/a.b/status"
    assert line["aria-live"] == "polite"


def test_progress_without_scripts_loads_itself_again():
    assert '<noscript><meta http-equiv="refresh" content="4"></noscript>' in render().body


def test_progress_way_back_says_pending():
    assert "a=1&amp;status=pending&amp;session=s1" in render(session_id="s1").body
    assert "a=1&amp;status=pending&#34;" not in render().body


def test_progress_without_status_path_only_loads_itself_again():
    assert 'data-status-path=""' in render("").body
