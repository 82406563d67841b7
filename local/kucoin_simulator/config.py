"""What the simulator is started with: the broker that KuCoin knows, and where it listens."""

from collections.abc import Sequence
from dataclasses import dataclass, field

DEFAULT_PORT = 3001
DEFAULT_REDIRECT_URL = "http://localhost:3000/oauth/callback"


@dataclass(frozen=True, slots=True)
class Partner:
    """One partner identity of the broker; spot and futures usually have different ones.

    Source:
        Fast API page, broker headers: KC-API-PARTNER, KC-BROKER-NAME and the broker key.
    """

    partner: str
    name: str
    key: str


SPOT_PARTNER = Partner("kubrokerspot", "kubrokerspotND", "local-spot-broker-key")
FUTURES_PARTNER = Partner("kubrokerfutures", "kubrokerfuturesND", "local-futures-broker-key")


@dataclass(frozen=True, slots=True)
class Config:
    """The start-up configuration; `/_sim/reset` returns to it.

    Attributes:
        port: TCP port; 0 takes a free one.
        host: Address to listen on.
        client_id: The broker's OAuth client_id.
        client_secrets: Accepted client secrets; several while one is being rotated.
        redirect_urls: Registered redirect URLs, matched exactly.
        spot: Partner for the spot and broker hosts.
        futures: Partner for the futures host.
        exit_with_parent: Process id of the parent with which to end; None lives on.
    """

    port: int = DEFAULT_PORT
    host: str = "127.0.0.1"
    client_id: str = "kubroker-local"
    client_secrets: Sequence[str] = ("local-client-secret",)
    redirect_urls: Sequence[str] = field(default=(DEFAULT_REDIRECT_URL,))
    spot: Partner = SPOT_PARTNER
    futures: Partner = FUTURES_PARTNER
    exit_with_parent: int | None = None
