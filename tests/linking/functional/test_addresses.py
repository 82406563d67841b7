"""Our addresses are not on the key's IP list at KuCoin: the operator sees it, in words."""

import pytest

from tests.support.linked import link_user
from tests.support.linking import Link

OURS = "203.0.113.9"
WORDS = f"Invalid request ip, the current clientIp is:{OURS}"
METRIC = '"AddressRefused":[1.0]'


@pytest.mark.parametrize("code", ["400006", "400202"])
def test_key_that_our_address_may_not_use_waits_and_says_why(
    link: Link, capsys, caplog, code
) -> None:
    link.simulator.add_fault("check_key", "error", code=code, msg=WORDS, times=1)
    link.start()
    link.complete()
    link.create_key()
    waiting = link.connection()
    assert waiting["status"] == "CONNECTING"
    assert waiting["apiKey"]["attempt"]["code"] == "ip_not_allowed"
    assert METRIC in capsys.readouterr().out
    (told,) = [record for record in caplog.records if getattr(record, "address", None)]
    assert told.address == OURS
    assert f"KuCoin does not let {OURS} use this API key" in told.getMessage()
    link.functions.stack.aws.release_delayed("kubroker-local-key-creation")
    link.create_key()
    mended = link.connection()
    assert mended["status"] == "ACTIVE"
    assert mended["apiKey"]["attempt"]["code"] is None
    assert len(link.simulator.journal(route="create_key")) == 1, "the key was never made again"


@pytest.mark.parametrize("route", ["token", "create_key"])
@pytest.mark.parametrize("code", ["400006", "400202"])
def test_link_that_our_address_may_not_ask_for_rings_and_makes_nothing(
    link: Link, capsys, route: str, code: str
) -> None:
    link.simulator.add_fault(route, "error", code=code, msg=WORDS, times=1)
    if route == "token":
        _come_back_refused(link)
    else:
        link.start()
        link.complete()
        link.create_key()
        assert link.connection()["apiKey"]["code"] == "authorization_failed"
    printed = capsys.readouterr().out
    assert METRIC in printed
    assert len(link.simulator.journal(route=route)) == 1


@pytest.mark.parametrize("route", ["token", "create_key"])
def test_link_whose_path_kucoin_does_not_have_rings_and_claims_nothing(
    link: Link, capsys, route: str
) -> None:
    fault = {"code": "404", "msg": "Not Found", "status": 404}
    link.simulator.add_fault(route, "error", phase="after", times=1, **fault)
    if route == "token":
        _come_back_refused(link)
    else:
        link.start()
        link.complete()
        link.create_key()
        assert link.connection()["apiKey"]["state"] == "OUTCOME_UNKNOWN"
    assert '"ConfigurationErrorFound":[1.0]' in capsys.readouterr().out
    assert len(link.simulator.journal(route=route)) == 1


@pytest.mark.parametrize("host", ["kucoin"])
def test_call_from_an_address_that_is_not_on_the_list_is_counted(
    host, api, functions, simulator, capsys
) -> None:
    key = link_user(functions.stack, simulator)
    simulator.patch_key(key["apiKey"], ipWhitelist=[OURS])
    answer = api.get(f"/v1/connections/user-1/{host}/api/v1/accounts")
    assert answer.json()["code"] == "400006"
    assert METRIC in capsys.readouterr().out


def test_address_on_the_list_is_nobodys_news(api, functions, simulator, capsys) -> None:
    key = link_user(functions.stack, simulator)
    simulator.patch_key(key["apiKey"], ipWhitelist=["127.0.0.1", OURS])
    assert api.get("/v1/connections/user-1/kucoin/api/v1/accounts").status == 200
    assert "AddressRefused" not in capsys.readouterr().out


def _come_back_refused(link: Link) -> None:
    """To the callback, whose exchange of the code KuCoin refuses."""
    link.open()
    link.choose("SPOT")
    link.authorize("alice", permissions=["SPOT"])
    assert "did not" in link.come_back().text
