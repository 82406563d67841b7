"""The daily check that API keys in use still exist at KuCoin: how far it is, and its bounds."""

from decimal import Decimal

from kubroker.foundation.stored import StoredModel

SCHEMA_VERSION = 1
# Users delete keys one by one. More than this at once is believed of KuCoin or of us, not of them.
BELIEVED_KEYS = 5
BELIEVED_SHARE = Decimal("0.02")


class KeyWatch(StoredModel):
    """The item ``key-watch#{day}`` of ``Limits``.

    ================  ====  ==============================================================
    day               s     UTC, ``2025-06-16``
    cursor            s     of the next page of connections; none once it is finished
    isFinished        bool  every active connection was looked at
    checked           n     keys that KuCoin spoke about
    gone              n     of these, marked as gone
    doubted           n     of these, said to be gone and not believed
    changed           n     of these, with another limit to the address book than was told
    unchecked         n     keys that KuCoin said nothing clear about
    ================  ====  ==============================================================
    """

    day: str
    schema_version: int = SCHEMA_VERSION
    cursor: str | None = None
    is_finished: bool = False
    checked: int = 0
    gone: int = 0
    doubted: int = 0
    changed: int = 0
    unchecked: int = 0

    @property
    def is_believable(self) -> bool:
        """Whether one more key may be marked as gone today."""
        return self.gone < BELIEVED_KEYS or self.gone < BELIEVED_SHARE * self.checked
