"""KuCoin said no to a withdrawal: what becomes of it, and what its user can do."""

from kubroker.foundation.errors import (
    ConflictError,
    KucoinError,
    KucoinRefusedError,
    TooManyRequestsError,
    UnprocessableError,
)
from kubroker.foundation.observability import WITHDRAWAL_REJECTED, count, logger
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.address_watch import watch_address
from kubroker.withdrawals.client import WithdrawalClient
from kubroker.withdrawals.model import MAX_WRONG_TRIES, Withdrawal, WithdrawalState
from kubroker.withdrawals.records import WithdrawalRecords
from kubroker.withdrawals.refusals import (
    SubmitRefusal,
    classify_submit_refusal,
    explain_submit_refusal,
)
from kubroker.withdrawals.security_link import build_security_link, find_security_link

_CLOCK_DEADLINE_SECONDS = 2.0


class SubmissionRefusals:
    """Takes refusals."""

    def __init__(
        self, records: WithdrawalRecords, client: WithdrawalClient, settings: KucoinSettings
    ) -> None:
        """Joins records, KuCoin and the settings."""
        self._records = records
        self._client = client
        self._settings = settings

    def take(self, claimed: Withdrawal, error: KucoinRefusedError) -> Withdrawal:
        """Records what the refusal means.

        Returns:
            The withdrawal as it is now.

        Raises:
            UnprocessableError: ``verification_code_wrong``.
            ConflictError: ``verification_expired``: too many wrong codes.
            TooManyRequestsError: KuCoin did nothing; ask again with the same key.
            StoreError: It can't be written.
        """
        is_verification = claimed.attempt is not None and claimed.attempt.is_verification
        refusal = classify_submit_refusal(
            error, self._settings.protocol, is_verification=is_verification
        )
        if refusal is SubmitRefusal.UNCLEAR:
            return self._records.doubt(claimed, error)
        if refusal is SubmitRefusal.PASSING:
            self._pass(claimed, error)
        if refusal is SubmitRefusal.WRONG_CODE:
            self._count_wrong_code(claimed)
        if refusal is SubmitRefusal.VERIFICATION_OVER:
            if claimed.verification is not None and claimed.verification.was_put_off:
                return self._records.doubt(claimed, error)
            return self._records.write(
                claimed, WithdrawalState.EXPIRED, {"code": "verification_expired"}
            )
        if refusal is SubmitRefusal.SECURITY_SETUP:
            return self._want_security(claimed, error)
        count(WITHDRAWAL_REJECTED)
        watch_address(error)
        explanation = explain_submit_refusal(error, self._settings.protocol)
        return self._records.write(
            claimed,
            WithdrawalState.REJECTED,
            {"code": explanation.code, "detail": explanation.words},
        )

    def _want_security(self, claimed: Withdrawal, error: KucoinRefusedError) -> Withdrawal:
        settings = self._settings
        link = find_security_link(
            error.kucoin_message,
            web_url=settings.web_url,
            hosts=settings.protocol.security_link_hosts,
        )
        if link is None:
            logger.error("KuCoin's security link does not lead to KuCoin: not handed on")
        else:
            link = build_security_link(
                link, client_id=settings.client_id, redirect_uri=claimed.return_url
            )
        return self._records.write(
            claimed,
            WithdrawalState.SECURITY_SETUP_REQUIRED,
            {"code": "security_setup_required", "security_url": link},
        )

    def _pass(self, claimed: Withdrawal, error: KucoinRefusedError) -> None:
        """A limit or a clock: definite, and right to be asked again.

        Raises:
            TooManyRequestsError: Always.
        """
        self._records.release(claimed, was_put_off=True)
        if error.kucoin_code not in self._settings.protocol.transfer_limit_codes:
            try:
                self._client.measure_clock(deadline_seconds=_CLOCK_DEADLINE_SECONDS)
            except KucoinError:
                logger.info("KuCoin's clock can't be measured now")
        raise TooManyRequestsError(
            "KuCoin takes no more requests at the moment, and did nothing. "
            "Ask again with the same key.",
            code="kucoin_busy",
            retry_after_seconds=error.retry_after_seconds or 10,
        ) from error

    def _count_wrong_code(self, claimed: Withdrawal) -> None:
        """Back to the codes, or over after too many tries.

        Raises:
            UnprocessableError: With the tries left.
            ConflictError: None are left.
        """
        verification = claimed.verification
        tried = verification.wrong_tries + 1 if verification else MAX_WRONG_TRIES
        left = MAX_WRONG_TRIES - tried
        if verification is None or left <= 0:
            self._records.write(claimed, WithdrawalState.EXPIRED, {"code": "verification_expired"})
            raise ConflictError(
                "Too many wrong codes. Ask for the withdrawal again with the same key to get "
                "new ones.",
                code="verification_expired",
            )
        verification = verification.model_copy(update={"wrong_tries": tried})
        self._records.write(
            claimed, WithdrawalState.VERIFICATION_REQUIRED, {"verification": verification}
        )
        raise UnprocessableError(
            f"A code is wrong. {left} tries left.",
            code="verification_code_wrong",
            field="factors",
            members={"triesLeft": left},
        )
