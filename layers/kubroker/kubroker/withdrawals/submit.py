"""Submitting a withdrawal, once an attempt, with codes or without.

1 kill switch and list of payees, 2 open the API key (the only KMS call), 3 claim (SUBMITTING, with
the timestamp that will be signed), 4 ask KuCoin on a fresh connection, 5 record. A crash between 3
and 5 leaves a SUBMITTING that lapses into OUTCOME_UNKNOWN, which nobody ever submits again.
The timestamp is fixed before the claim: a process that is frozen in between and goes on later is
refused by KuCoin.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from kubroker.audit.model import AuditKind, AuditOutcome
from kubroker.audit.store import Act, run_audited
from kubroker.connections.model import Connection
from kubroker.connections.secrets import open_credentials
from kubroker.connections.vault import Vault
from kubroker.foundation.clock import read_now
from kubroker.foundation.errors import (
    ConfigurationError,
    ConflictError,
    KubrokerError,
    KucoinError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
    KucoinUnsentError,
    TooManyRequestsError,
    UnavailableError,
    UnprocessableError,
)
from kubroker.foundation.observability import (
    WITHDRAWAL_REJECTED,
    WITHDRAWAL_SUBMITTED,
    count,
    logger,
)
from kubroker.foundation.settings import KucoinSettings
from kubroker.kucoin.address_watch import watch_address
from kubroker.kucoin.rest import SecretBody
from kubroker.kucoin.signer import ApiCredentials
from kubroker.withdrawals.claims import ClaimRequest, WithdrawalClaims
from kubroker.withdrawals.client import Accepted, CodesWanted, WithdrawalClient, add_validation
from kubroker.withdrawals.keys import check_may_withdraw
from kubroker.withdrawals.model import (
    MAX_WRONG_TRIES,
    QuotedFees,
    Verification,
    Withdrawal,
    WithdrawalState,
)
from kubroker.withdrawals.records import WithdrawalRecords
from kubroker.withdrawals.refusals import (
    SubmitRefusal,
    classify_submit_refusal,
    explain_submit_refusal,
)
from kubroker.withdrawals.security_link import build_security_link, find_security_link

# With the reads before it within the 28 s that a function behind the API has.
_DEADLINE_SECONDS = 9.0
# KuCoin takes a signature for 5 s: a claim that took most of it is given back instead.
_LATEST_SENDING_MS = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitRequest:
    """What an attempt is made with.

    Attributes:
        factors: 2FA codes by factor, or None for the first step. Never stored, never logged.
        quote: A fresh quote, where the withdrawal holds no reservation any more.
        acknowledged: See ``ClaimRequest``.
    """

    factors: Mapping[str, SecretStr] | None = None
    quote: QuotedFees | None = None
    acknowledged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmitChecks:
    """What the operator can still stop, looked at before each attempt.

    Attributes:
        switch: Raises where withdrawals are switched off.
        listed: Raises where a payment's payee is not on the operator's list any more.
    """

    switch: Callable[[], None]
    listed: Callable[[Withdrawal], None]


class Submission:
    """Makes one attempt."""

    def __init__(
        self,
        *,
        claims: WithdrawalClaims,
        records: WithdrawalRecords,
        client: WithdrawalClient,
        vault: Vault,
        settings: KucoinSettings,
        checks: SubmitChecks,
        now: Callable[[], int] = read_now,
    ) -> None:
        """Joins claims, records, vault and KuCoin.

        Args:
            claims: Takes the right to submit.
            records: Writes what came of it.
            client: KuCoin's withdrawals.
            vault: For the purpose api-key.
            settings: KuCoin's protocol, and who we are for the way back from its pages.
            checks: What the operator can still stop.
            now: The clock, epoch seconds.
        """
        self._claims = claims
        self._records = records
        self._refusals = SubmissionRefusals(records, client, settings)
        self._client = client
        self._vault = vault
        self._settings = settings
        self._paths = records.paths
        self.check_switch = checks.switch
        self.check_listed = checks.listed
        self._now = now

    def run(
        self, withdrawal: Withdrawal, connection: Connection, request: SubmitRequest
    ) -> Withdrawal:
        """One attempt, to whatever KuCoin says.

        Returns:
            The withdrawal as it is now.

        Raises:
            LostRaceError: Another caller has claimed it; read it again.
            UnprocessableError: ``verification_code_wrong``.
            UnavailableError: Switched off, or nothing was sent; ask again with the same key.
            TooManyRequestsError: A limit of ours or KuCoin's; nothing was done.
            ConflictError: The same payment is in flight or was made since, its payee is not listed
                any more, its tries are used up, or the connection is gone or another account's.
            ConfigurationError: KuCoin has no such path; nothing was done.
            StoreError: AWS could not be asked; the same key tells how it stands.
        """
        act = Act(
            user_id=withdrawal.user_id,
            kind=AuditKind.ACT,
            action="withdrawal.submit" if request.factors is None else "withdrawal.verify",
            outcome=AuditOutcome.BEGUN,
            reference=withdrawal.withdrawal_id,
        )
        return run_audited(
            act, lambda: self._attempt(withdrawal, connection, request), judge=_judge
        )

    def _attempt(
        self, withdrawal: Withdrawal, connection: Connection, request: SubmitRequest
    ) -> Withdrawal:
        check_may_withdraw(connection, of_uid=withdrawal.kucoin_uid)
        self.check_switch()
        self.check_listed(withdrawal)
        credentials = open_credentials(self._vault, connection)
        claimed = self._claims.claim(
            withdrawal,
            ClaimRequest(
                is_verification=request.factors is not None,
                quote=request.quote,
                acknowledged=request.acknowledged,
                timestamp_ms=self._client.now_ms,
            ),
            now=self._now(),
        )
        try:
            answer = self._ask_known(claimed, credentials, request.factors)
        except KucoinRefusedError as error:
            return self._refusals.take(claimed, error)
        except (KucoinUnsentError, ConfigurationError) as error:
            self._records.release(claimed)
            raise _build_unsent(error) from error
        except KucoinError as error:
            return self._records.doubt(claimed, error)
        if isinstance(answer, Accepted):
            return self._accept(claimed, answer)
        return self._want_codes(claimed, answer)

    def _ask_known(
        self,
        claimed: Withdrawal,
        credentials: ApiCredentials,
        factors: Mapping[str, SecretStr] | None,
    ) -> Accepted | CodesWanted:
        """Asks, and keeps in mind that KuCoin's service answered, before what it said."""
        try:
            answer = self._ask(claimed, credentials, factors)
        except KucoinRefusedError:
            self._paths.note(now=self._now())
            raise
        except KucoinOutcomeUnknownError as error:
            self._paths.check(error, now=self._now())
            raise
        self._paths.note(now=self._now())
        return answer

    def _ask(
        self,
        claimed: Withdrawal,
        credentials: ApiCredentials,
        factors: Mapping[str, SecretStr] | None,
    ) -> Accepted | CodesWanted:
        attempt = claimed.attempt
        body: str | SecretBody = claimed.body
        if attempt is None or self._client.now_ms() - attempt.timestamp_ms > _LATEST_SENDING_MS:
            raise KucoinUnsentError("The claim took too long to be signed with.")
        if factors is not None and claimed.verification is not None:
            body = add_validation(claimed.body, claimed.verification.transaction_id, factors)
        return self._client.submit(
            body,
            credentials,
            timestamp_ms=attempt.timestamp_ms,
            deadline_seconds=_DEADLINE_SECONDS,
        )

    def _accept(self, claimed: Withdrawal, answer: Accepted) -> Withdrawal:
        count(WITHDRAWAL_SUBMITTED)
        return self._records.write(
            claimed,
            WithdrawalState.SUBMITTED,
            {"kucoin_withdrawal_id": answer.kucoin_id, "submitted_at": self._now()},
        )

    def _want_codes(self, claimed: Withdrawal, answer: CodesWanted) -> Withdrawal:
        verification = Verification(
            transaction_id=answer.transaction_id,
            all_factors=answer.all_factors,
            sent_factors=answer.sent_factors,
            until=self._now() + self._settings.protocol.verification_seconds,
        )
        return self._records.write(
            claimed, WithdrawalState.VERIFICATION_REQUIRED, {"verification": verification}
        )


def _judge(result: Withdrawal) -> tuple[AuditOutcome, str | None]:
    """How the audit tells what an attempt came to."""
    if result.state is WithdrawalState.OUTCOME_UNKNOWN:
        return AuditOutcome.UNKNOWN, result.state
    is_refused = result.state is WithdrawalState.REJECTED
    return (AuditOutcome.REFUSED if is_refused else AuditOutcome.DONE), result.state


def _build_unsent(error: KubrokerError) -> KubrokerError:
    if isinstance(error, ConfigurationError):
        return error
    return UnavailableError(
        "KuCoin could not be reached. Nothing was sent; ask again with the same key.",
        code="kucoin_unreachable",
        retry_after_seconds=5,
    )


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
            logger.error("KuCoin's words hold no link to KuCoin: its security page instead")
            link = settings.web_url.rstrip("/") + settings.protocol.security_path
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
