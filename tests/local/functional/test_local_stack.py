"""Everything at once, functions in processes of their own."""

from local.demo import trade
from local.demo.linking import LINKING
from local.demo.story import World, tell
from tests.support.linked import link_user


def test_linking_story_becomes_active_and_logs_no_secret(local_stack):
    told: list[str] = []
    world = World(local_stack, user="story-user")
    assert tell(world, LINKING, told.append), told
    assert world.connection["status"] == "ACTIVE"
    logs = local_stack.pool.read_logs()
    assert logs
    journal = str(local_stack.aws.read_journal())
    for secret in local_stack.simulator.secrets():
        assert secret not in logs
        assert secret not in journal


def test_journal_names_the_function_that_called(local_stack):
    world = World(local_stack, user="caller-user")
    since = len(local_stack.aws.read_journal())
    world.call("GET", "/v1/connections")
    callers = {
        entry["caller"].rpartition(".")[0] for entry in local_stack.aws.read_journal()[since:]
    }
    assert "kubroker-local-connections" in callers


def test_linking_story_a_step_that_does_not_work_is_told(local_stack):
    told: list[str] = []
    local_stack.aws.add_fault("error", service="dynamodb", times=0, code="InternalServerError")
    assert not tell(World(local_stack), LINKING, told.append)
    assert "FAILED  open a session" in told[0]


def test_trade_story_exports_the_fill_of_its_order(local_stack):
    told: list[str] = []
    link_user(local_stack.stack, local_stack.simulator, user_id="demo-user-1")
    # The simulator was reset and with it the broker's own account: no rebates.
    steps = [step for step in trade.TRADE if step[1] is not trade.list_rebates]
    assert tell(World(local_stack), steps, told.append), told
    assert "each of the user's fills: 1; complete: True" in told[-1]


def test_trade_story_fails_where_the_export_lacks_a_fill(local_stack, monkeypatch):
    told: list[str] = []
    link_user(local_stack.stack, local_stack.simulator, user_id="demo-user-1")
    monkeypatch.setattr(trade, "_SETTLED_SECONDS", 0)
    assert not tell(World(local_stack), trade.TRADE, told.append)
    assert "FAILED  an export of the day (signed): the export does not have the user's" in told[-1]
