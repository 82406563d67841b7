"""The store of withdrawals with its counters, joined from the environment."""

from kubroker.aws.clients import get_dynamodb
from kubroker.aws.table import Table
from kubroker.foundation.settings import LimitsSettings, WithdrawalTableSettings
from kubroker.withdrawals.limit_store import LimitStore
from kubroker.withdrawals.store import WithdrawalStore


def build_withdrawal_store() -> WithdrawalStore:
    """Reads the tables' names.

    Raises:
        ConfigurationError: A setting is missing.
    """
    limits = LimitStore(Table(get_dynamodb(), LimitsSettings.from_environment().limits_table))
    name = WithdrawalTableSettings.from_environment().withdrawals_table
    return WithdrawalStore(Table(get_dynamodb(), name), limits)
