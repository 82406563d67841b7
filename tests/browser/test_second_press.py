"""A button that is pressed again before the first answer has come."""

import pytest

from tests.browser.story import Story

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("pause_ms", [0, 300])
def test_consent_pressed_again_while_the_first_press_is_worked_leads_to_kucoin(
    new_visitor, browser_stack, pause_ms
):
    story = Story(new_visitor(), browser_stack.broker_url)
    story.start()
    browser_stack.stack.aws.add_fault(
        "delay", service="dynamodb", operation="UpdateItem", seconds=1.0, times=2
    )
    button = story.page.get_by_role("button", name="Continue to KuCoin")
    button.scroll_into_view_if_needed()
    box = button.bounding_box()
    for pause in (pause_ms, 0):
        story.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        story.page.wait_for_timeout(pause)
    story.expect("Log in to KuCoin")
    assert [request.method for request in story.requests].count("POST") >= 3
    browser_stack.stack.aws.reset_faults()
    story.log_in_at_kucoin("alice")
    story.authorize()
    story.expect("Your KuCoin account is connected")
