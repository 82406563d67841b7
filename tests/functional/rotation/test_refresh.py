"""One refresh, as the queue wakes it."""

from kubroker.domain.connection import Authorization
from tests.support.rotation import refresh_event


def test_refresh_due_connection_gets_kucoins_new_pair(functions, world):
    before = world.link()
    assert functions.call("token_refresh", refresh_event("user-1")) == {"batchItemFailures": []}
    after = world.get()
    assert world.is_current()
    assert world.is_accepted()
    assert after.authorization is Authorization.LIVE
    assert (after.claim_seq, after.committed_seq, after.rotation) == (1, 1, None)
    assert after.token_data_key == before.token_data_key
    assert after.action_due_at == after.next_action_at > after.updated_at + 70_000
    assert world.count_asked() == 1
