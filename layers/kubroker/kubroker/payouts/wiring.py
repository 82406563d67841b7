"""The parts of the function ``deposit_address``, joined once a process."""

from dataclasses import dataclass

from kubroker.aws.clients import get_dynamodb, get_sqs
from kubroker.aws.files import FileStore, get_link_s3
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.wiring import build_key_use
from kubroker.foundation.clock import Clock
from kubroker.foundation.settings import KucoinSettings, PayoutSettings
from kubroker.kucoin.clients import KucoinClients
from kubroker.payouts.addresses import DepositAddresses
from kubroker.payouts.client import DepositClient
from kubroker.payouts.flow import Payouts
from kubroker.payouts.store import PayoutStore
from kubroker.payouts.work import PayoutWork

# A part has other users than the next: keeping their keys would serve nothing.
_KEY_SECONDS = 30
_KEY_COUNT = 20


@dataclass(frozen=True, slots=True)
class DepositUseCases:
    """What the function offers."""

    addresses: DepositAddresses
    payouts: Payouts
    work: PayoutWork


def build_deposit_use_cases() -> DepositUseCases:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = PayoutSettings.from_environment()
    clients = KucoinClients(KucoinSettings.from_environment())
    keys = build_key_use(key_seconds=_KEY_SECONDS, key_count=_KEY_COUNT)
    clock = Clock()
    addresses = DepositAddresses(keys, DepositClient(clients.rest), clients.rest, clock=clock)
    store = PayoutStore(Table(get_dynamodb(), settings.payouts_table))
    queue = Queue(get_sqs, settings.payout_queue_url)
    files = FileStore(get_link_s3(), settings.exports_bucket)
    return DepositUseCases(
        addresses=addresses,
        payouts=Payouts(store, queue, files, kept_days=settings.kept_days),
        work=PayoutWork(store, queue, files, addresses, clock=clock),
    )
