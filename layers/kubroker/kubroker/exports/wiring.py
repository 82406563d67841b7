"""The parts of the function ``export``, joined once a process."""

from dataclasses import dataclass

from kubroker.aws.clients import get_dynamodb, get_sqs
from kubroker.aws.files import FileStore, get_link_s3
from kubroker.aws.queue import Queue
from kubroker.aws.table import Table
from kubroker.connections.store import ConnectionNames
from kubroker.connections.wiring import build_key_use
from kubroker.exports.account_history import AccountHistory
from kubroker.exports.archive.archives import Archives
from kubroker.exports.archive.collector import Collector
from kubroker.exports.archive.store import ArchiveStore
from kubroker.exports.assembly import ExportAssembly
from kubroker.exports.flow import Exports
from kubroker.exports.store import ExportStore
from kubroker.exports.units import UnitWork
from kubroker.exports.work import ExportWork
from kubroker.foundation.clock import Clock
from kubroker.foundation.settings import CommonSettings, ExportSettings, KucoinSettings
from kubroker.kucoin.clients import KucoinClients

# A unit is one user's, and takes many calls.
_KEY_SECONDS = 60
_KEY_COUNT = 20


@dataclass(frozen=True, slots=True)
class ExportUseCases:
    """What the function offers."""

    exports: Exports
    archives: Archives
    collector: Collector
    work: ExportWork


def build_export_use_cases() -> ExportUseCases:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings, kucoin = ExportSettings.from_environment(), KucoinSettings.from_environment()
    clients, clock = KucoinClients(kucoin), Clock()
    connections = Table(get_dynamodb(), CommonSettings.from_environment().connections_table)
    table = Table(get_dynamodb(), settings.exports_table)
    store, archives = ExportStore(table), ArchiveStore(table, connections)
    queue = Queue(get_sqs, settings.export_queue_url)
    archive_queue = Queue(get_sqs, settings.archive_queue_url)
    files = FileStore(get_link_s3(), settings.exports_bucket)
    keys = build_key_use(key_seconds=_KEY_SECONDS, key_count=_KEY_COUNT)
    history = AccountHistory(keys, clients.build_forwarder(), clients.rest, clock=clock)
    units = UnitWork(store, archives, files, history, protocol=kucoin.protocol, clock=clock)
    assembly = ExportAssembly(store, files, broker_name=settings.broker_name, clock=clock)
    collector = Collector(
        archives,
        files,
        archive_queue,
        history,
        protocol=kucoin.protocol,
        kept_days=settings.archive_days,
        clock=clock,
    )
    names = ConnectionNames(connections)
    return ExportUseCases(
        exports=Exports(store, queue, files, kept_days=settings.kept_days),
        archives=Archives(archives, history),
        collector=collector,
        work=ExportWork(
            store,
            names,
            queue,
            units=units,
            assembly=assembly,
            collector=collector,
            clock=clock,
        ),
    )
