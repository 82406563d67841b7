"""Our addresses are not on the key's IP list at KuCoin: the operator sees it, in words."""

import pytest

from tests.support.linked import link_user
from tests.support.linking import Link

OURS = "203.0.113.9"
WORDS = f"Invalid request ip, the current clientIp is:{OURS}"
METRIC = '"AddressRefused":[1.0]'


def test_key_that_our_address_may_not_use_waits_and_says_why(link: Link, capsys, caplog) -> None:
    link.simulator.add_fault("check_key", "error", code="400006", msg=WORDS, times=1)
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
