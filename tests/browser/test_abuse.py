"""Who can't abuse a link: other sites, other browsers, forwarded links, previews, replays."""

from urllib.parse import urlsplit

import pytest
import requests

pytestmark = pytest.mark.browser

CONNECTED = "Your KuCoin account is connected"


def test_story_return_from_another_site_brings_the_lax_cookie(story, browser_stack):
    story.walk()
    story.expect(CONNECTED)
    [cookie] = [
        item for item in story.visitor.context.cookies() if item["name"].startswith("kubroker-")
    ]
    assert cookie["sameSite"] == "Lax"
    assert cookie["httpOnly"]
    hosts = [urlsplit(url).hostname for url in story.visited]
    assert "127.0.0.1" in hosts, "KuCoin has to be another site than ours"
    assert {cookie["name"] for cookie in story.visitor.context.cookies()} == {
        "demo_broker", cookie["name"],
    }  # fmt: skip


def test_story_leaves_no_referrer_and_no_secret_at_kucoin(story, browser_stack):
    connect_url = story.start()
    story.consent()
    story.log_in_at_kucoin("alice")
    story.authorize()
    story.expect(CONNECTED)
    secret = urlsplit(connect_url).path.partition(".")[2]
    hosts = [urlsplit(url).hostname for url in story.visited]
    arrived = story.requests[hosts.index("127.0.0.1")]
    assert secret not in arrived.url
    assert "referer" not in arrived.all_headers()
    returned = next(item for item in story.requests if "completionCode" in item.url)
    assert "referer" not in returned.all_headers()


def test_story_embedded_callback_from_another_site_spends_nothing(story, browser_stack):
    story.start()
    story.consent()
    state = dict(part.split("=", 1) for part in urlsplit(story.page.url).query.split("&"))["state"]
    callback = f"{browser_stack.gateway_url}/oauth/callback?code=stolen&state={state}"
    status = story.page.evaluate(
        """async (url) => {
          const frame = document.createElement("iframe"); frame.src = url;
          const loaded = new Promise((done) => { frame.onload = done; });
          document.body.append(frame); await loaded;
          return fetch(url, { mode: "no-cors", credentials: "include" }).then(() => "read", () => "blocked");
        }""",
        callback,
    )
    assert status == "blocked"
    story.visitor.complaints.clear()  # both are refused, and chromium says so
    story.log_in_at_kucoin("alice")
    story.authorize()
    story.expect(CONNECTED)


def test_story_link_that_is_done_shows_its_end_and_asks_nothing(story):
    connect_url = story.start()
    story.consent()
    story.log_in_at_kucoin("alice")
    story.authorize()
    story.expect(CONNECTED)
    story.page.goto(connect_url)
    story.expect(CONNECTED)
    assert story.page.locator("form").count() == 0


def test_story_callback_loaded_again_spends_nothing(story, browser_stack):
    story.walk()
    story.expect(CONNECTED)
    [callback] = [url for url in story.visited if urlsplit(url).path == "/oauth/callback"]
    story.page.goto(callback)
    story.page.wait_for_load_state()
    assert len(browser_stack.find_requests("token")) == 1


def test_story_second_browser_can_not_finish(story, new_story, browser_stack):
    story.start()
    story.consent()
    other = new_story()
    other.page.goto(story.page.url)
    other.log_in_at_kucoin("alice")
    other.authorize()
    other.expect("This was started in another browser")
    assert other.visitor.find_accessibility_faults() == []
    assert other.page.locator(".sign.warn").count() == 1
    story.log_in_at_kucoin("alice")
    story.authorize()
    story.expect(CONNECTED)


def test_story_forwarded_link_connects_nothing(new_story, browser_stack):
    attacker, victim = new_story(), new_story()
    connect_url = attacker.start("ben@example.com")
    victim.log_in_at_broker("anna@example.com")
    victim.page.goto(connect_url)
    assert "ben@example.com" in victim.page.locator(".account").inner_text()
    victim.consent()
    victim.log_in_at_kucoin("alice")
    victim.authorize()
    victim.expect("Demo Broker")
    assert "not_started_here" in victim.page.get_by_role("status").inner_text()
    query = {name: values[0] for name, values in victim.find_return_query().items()}
    # Even a broker that does not look whose session it was: the user who is logged in decides.
    refused = browser_stack.call(
        "POST",
        f"/v1/connect-sessions/{query['session']}/complete",
        {"userId": "demo-anna", "completionCode": query["completionCode"]},
    )
    assert (refused.status_code, refused.json()["code"]) == (403, "user_mismatch")
    for user in ("demo-anna", "demo-ben"):
        assert browser_stack.call("GET", f"/v1/connections/{user}").status_code == 404
    attacker.page.goto(connect_url)
    assert attacker.visitor.heading != CONNECTED
    assert browser_stack.find_requests("create_key") == []


def test_story_link_preview_consumes_nothing(story, browser_stack):
    connect_url = story.start()
    stored = browser_stack.read_sessions()
    for method in ("GET", "HEAD", "GET"):
        requests.request(method, connect_url, timeout=20, allow_redirects=False)
    assert browser_stack.read_sessions() == stored
    story.consent()
    story.log_in_at_kucoin("alice")
    story.authorize()
    story.expect(CONNECTED)
