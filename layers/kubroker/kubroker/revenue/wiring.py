"""The parts of the function ``rebate``, joined once a process."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from kubroker.audit.store import get_audit
from kubroker.aws.clients import get_dynamodb
from kubroker.aws.daily_checks import DailyCheckStore
from kubroker.aws.table import Table
from kubroker.connections.store import ConnectionStore
from kubroker.foundation.errors import BadRequestError, ConfigurationError
from kubroker.foundation.observability import CONFIGURATION_ERROR_FOUND, count
from kubroker.foundation.settings import CommonSettings, KucoinSettings, LimitsSettings
from kubroker.kucoin.clients import KucoinClients
from kubroker.revenue.client import RebateClient, TradeType
from kubroker.revenue.tag_checks import TagChecks
from kubroker.revenue.tags import TagCheck

# Room for one page of a check and its write.
_SPARE_MS = 18_000


@dataclass(frozen=True, slots=True)
class Rebates:
    """What the function offers."""

    client: RebateClient
    checks: TagChecks

    def order_report(self, begin: date, end: date, trade_type: TradeType, *, seconds: float) -> str:
        """KuCoin's link to its file; a key that it does not take is counted.

        Raises:
            KubrokerError: As for ``RebateClient.order_report``.
        """
        try:
            return self.client.order_report(begin, end, trade_type, deadline_seconds=seconds)
        except ConfigurationError:
            count(CONFIGURATION_ERROR_FOUND)
            raise

    def run_schedule(self, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
        """Runs ``{"kind": "check_tags"}``.

        Returns:
            How the check stands.

        Raises:
            BadRequestError: Another kind.
            KubrokerError: AWS or KuCoin could not be asked; the next run goes on.
        """
        if event.get("kind") != "check_tags":
            raise BadRequestError("This release does not know that kind of schedule.")
        check = self.checks.run(has_time=lambda: context.get_remaining_time_in_millis() > _SPARE_MS)
        if check is None:
            return {"isFinished": False, "reason": "broker_account_missing"}
        return {"day": check.day, "isFinished": check.is_finished}


def build_rebates() -> Rebates:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = KucoinSettings.from_environment()
    clients = KucoinClients(settings)
    client = RebateClient(clients.rest, clients.get_secret, settings.protocol)
    limits = Table(get_dynamodb(), LimitsSettings.from_environment().limits_table)
    checks = TagChecks(
        store=DailyCheckStore(limits, "tag-check", TagCheck),
        connections=ConnectionStore(
            Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
        ),
        audit=get_audit(),
        client=client,
        report_hours=settings.protocol.broker_report_hours,
    )
    return Rebates(client, checks)
