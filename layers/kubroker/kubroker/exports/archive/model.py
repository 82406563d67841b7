"""The archive: what KuCoin forgets, of connections that opted in, collected daily. Pure."""

from kubroker.exports.records import ExportKind
from kubroker.foundation.stored import StoredModel

# The partition that lists the users who opted in.
REGISTRY = "archived"
# KuCoin forgets these, the first ones first: a first round has hundreds of windows to catch up on.
# Deposits and withdrawals it keeps, and their status still changes.
ARCHIVED_KINDS = (
    ExportKind.SPOT_FILLS,
    ExportKind.TRADE_LEDGER,
    ExportKind.FUTURES_FILLS,
    ExportKind.FUNDING_LEDGER,
    ExportKind.FUTURES_LEDGER,
)
# A chunk's item outlives its file, so that an export can tell: archived, and not kept any more.
CHUNK_GRACE_DAYS = 60


class ArchiveProgress(StoredModel):
    """Until when a kind was collected: an item of ``Exports``, ``state#KIND`` of an archive."""

    export_id: str
    item: str
    collected_until_ms: int


class ArchiveChunk(StoredModel):
    """What was collected from start to end: an item ``KIND#START``; no object where nothing was.

    Attributes:
        missing: Trades that the ledger knew and the fills did not show, in the end.
    """

    export_id: str
    item: str
    start_ms: int
    end_ms: int
    windows: int
    records: int
    missing: int = 0
    key: str | None = None
    ttl: int


def name_archive(user_id: str, kucoin_uid: str) -> str:
    """One for each of KuCoin's accounts that a user ever linked."""
    return f"archive#{user_id}#{kucoin_uid}"


def name_progress(kind: ExportKind) -> str:
    """The item that tells how far a kind is."""
    return f"state#{kind}"


def name_chunk(kind: ExportKind, start_ms: int) -> str:
    """Sorts by time."""
    return f"{kind}#{start_ms:015d}"
