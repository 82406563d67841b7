"""Every error of Kubroker.

The tree::

    KubrokerError
      BadRequestError              400  the request itself is malformed
      UnprocessableError           422  well formed, but a field's value is not acceptable
      ForbiddenError               403  not allowed for this caller or this browser
      NotFoundError                404  no such thing
      ConflictError                409  the state of the thing does not allow it
      GoneError                    410  it was there and is over
      TooManyRequestsError         429  a limit of ours or KuCoin's
      UnavailableError             503  passing: ask again after retry_after_seconds
        OutOfTimeError             503  this invocation's time is over; what it did counts
      ConfigurationError           500  an operator has to mend a setting or a secret
      StoreError                   503  DynamoDB, SQS or KMS could not be reached
        LostRaceError              409  a conditional write found another state
        ContendedError             503  two transactions met: nothing was written, ask again
        FileGoneError              503  a file that was written is not there any more
      VaultError                   500  a ciphertext can't be opened
      KucoinError                  502  KuCoin's side
        KucoinUnsentError          502  provably not sent: safe to ask again
        KucoinOutcomeUnknownError  502  sent, and no answer that says what happened
        KucoinRefusedError         502  KuCoin answered: no, with its code

Each instance carries a stable ``code`` (class default or argument) that callers may build on,
and a message written for the person who reads it. Neither ever holds a secret.
"""

from collections.abc import Mapping
from typing import Any


class KubrokerError(Exception):
    """Root of the tree; what it renders to is class data."""

    code = "internal_error"
    http_status = 500
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        field: str | None = None,
        retry_after_seconds: int | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        """Says what happened and what to do.

        Args:
            message: For a person; no secret, no request body.
            code: Stable machine-readable code, where the class default is too wide.
            field: Name of the request's field or parameter that is at fault.
            retry_after_seconds: When asking again makes sense.
            members: More facts for a machine, such as what would be allowed (RFC 9457, section
                3.2: extension members); JSON, no secret.
        """
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        self.field = field
        self.retry_after_seconds = retry_after_seconds
        self.members = dict(members or {})


class BadRequestError(KubrokerError):
    """The request is malformed."""

    code = "bad_request"
    http_status = 400


class UnprocessableError(KubrokerError):
    """The request is well formed, but a value is not acceptable."""

    code = "invalid_value"
    http_status = 422


class ForbiddenError(KubrokerError):
    """Not allowed for this caller or this browser."""

    code = "forbidden"
    http_status = 403


class NotFoundError(KubrokerError):
    """There is no such thing."""

    code = "not_found"
    http_status = 404


class ConflictError(KubrokerError):
    """The state of the thing does not allow it."""

    code = "conflict"
    http_status = 409


class GoneError(KubrokerError):
    """It was there and is over: used, expired, disconnected."""

    code = "gone"
    http_status = 410


class TooManyRequestsError(KubrokerError):
    """A limit is reached."""

    code = "too_many_requests"
    http_status = 429
    retryable = True


class UnavailableError(KubrokerError):
    """Passing: asking again later is right."""

    code = "unavailable"
    http_status = 503
    retryable = True


class OutOfTimeError(UnavailableError):
    """This invocation's time is over; what it did before counts."""

    code = "out_of_time"


class ConfigurationError(KubrokerError):
    """A setting or a secret of this installation is wrong; an operator has to mend it."""

    code = "configuration_error"


class StoreError(KubrokerError):
    """DynamoDB, SQS or KMS could not be reached, or refused."""

    code = "store_unavailable"
    http_status = 503
    retryable = True


class LostRaceError(StoreError):
    """A conditional write found another state than the one it was decided on."""

    code = "conflict"
    http_status = 409
    retryable = False

    def __init__(self, message: str, item: dict[str, Any] | None = None) -> None:
        """Keeps the item that was found, for the caller that has to recognise its own write.

        Args:
            message: What was tried.
            item: DynamoDB's own form, or None where it was not told.
        """
        super().__init__(message)
        self.item = item


class ContendedError(StoreError):
    """Two transactions met on an item: this one wrote nothing, and may be tried again."""

    code = "store_contended"


class FileGoneError(StoreError):
    """A file that was written is not there any more."""

    code = "file_gone"
    retryable = False


class VaultError(KubrokerError):
    """A ciphertext can't be opened: wrong context, shredded key, or damaged."""

    code = "vault_error"


class KucoinError(KubrokerError):
    """KuCoin's side."""

    code = "kucoin_error"
    http_status = 502


class KucoinUnsentError(KucoinError):
    """The request provably never left: safe to ask again."""

    code = "kucoin_unreachable"
    retryable = True


class KucoinOutcomeUnknownError(KucoinError):
    """The request was sent and no answer said what happened: never repeat what acts.

    Attributes:
        http_status_received: Of the answer that did not say it; None where there was none.
        kucoin_code: Its code, where it had one.
    """

    code = "kucoin_outcome_unknown"
    http_status_received: int | None = None
    kucoin_code: str | None = None


class KucoinRefusedError(KucoinError):
    """KuCoin answered no.

    Attributes:
        kucoin_code: KuCoin's code.
        kucoin_message: Its words.
        http_status_received: Its HTTP status.
        quota_left: What a limit says is left of the account's quota; None if it says nothing.
    """

    code = "kucoin_refused"

    def __init__(self, kucoin_code: str, message: str, *, http_status_received: int) -> None:
        """Keeps KuCoin's code apart from our own.

        Args:
            kucoin_code: KuCoin's code as sent, for example ``40503``.
            message: KuCoin's own words, cut to 1000 characters: one may hold a link.
            http_status_received: The status of KuCoin's answer.
        """
        super().__init__(f"KuCoin refused with code {kucoin_code}: {message[:300]}")
        self.kucoin_code = kucoin_code
        self.kucoin_message = message[:1000]
        self.http_status_received = http_status_received
        self.quota_left: int | None = None
