"""What a refresh's answer, or its absence, means: the one table.

===========================================  ==============  ======================================
KuCoin's answer                              outcome         and then
===========================================  ==============  ======================================
a pair                                       REFRESHED       sealed and committed
a pair, expires_in missing, negative, huge   REFRESHED       with the setting's life instead
a pair without a refresh token               REFRESHED_HALF  committed with the old refresh token
                                                             (RFC 6749, 6), which is doubted
code in ``refused_for_good_codes``           REFUSED         held for a window, then REQUIRED
code in ``misconfiguration_codes``           MISCONFIGURED   ours: no state changes, pages
HTTP 429, or 429000                          NOT_SPENT       back-off
any other code, HTTP below 500               NOT_SPENT       back-off
success: false with whatever code            NOT_SPENT       back-off
no byte sent (DNS, connect, TLS, deadline)   NOT_SPENT       back-off
our own settings can't make the request      MISCONFIGURED   ours: no state changes, pages
HTTP 5xx, whatever is in it                  IN_DOUBT        the old token is tried once more
408000, 500000                               IN_DOUBT        likewise
sent, then a timeout, a reset, a cut answer  IN_DOUBT        likewise
garbage, HTML, a redirect, too large         IN_DOUBT        likewise
an envelope that contradicts itself          IN_DOUBT        likewise
no usable access token in a success          IN_DOUBT        likewise
===========================================  ==============  ======================================

KuCoin's own codes are undocumented and therefore settings (``KucoinProtocol``); how they are read
from the three envelopes stands in ``kucoin.answers``, refusals in ``classify_token_refusal``.
"""

from kubroker.foundation.errors import (
    ConfigurationError,
    KubrokerError,
    KucoinError,
    KucoinOutcomeUnknownError,
    KucoinRefusedError,
)
from kubroker.foundation.settings import KucoinProtocol
from kubroker.kucoin.oauth import TokenOutcome, TokenPair, classify_token_refusal
from kubroker.rotation.model import Outcome

_OF_REFUSALS = {
    TokenOutcome.REFUSED_FOR_GOOD: Outcome.REFUSED,
    TokenOutcome.MISCONFIGURED: Outcome.MISCONFIGURED,
    TokenOutcome.PASSING: Outcome.NOT_SPENT,
}


def classify(result: TokenPair | KubrokerError, protocol: KucoinProtocol) -> Outcome:
    """Looks a result up in the table above. Pure.

    Args:
        result: What ``OAuthClient.refresh`` returned or raised.
        protocol: Has KuCoin's codes.
    """
    if isinstance(result, TokenPair):
        return Outcome.REFRESHED_HALF if result.refresh_token is None else Outcome.REFRESHED
    if isinstance(result, ConfigurationError):
        return Outcome.MISCONFIGURED
    is_broken = isinstance(result, KucoinRefusedError) and result.http_status_received >= 500
    if is_broken or isinstance(result, KucoinOutcomeUnknownError):
        return Outcome.IN_DOUBT
    if isinstance(result, KucoinError):
        return _OF_REFUSALS[classify_token_refusal(result, protocol)]
    raise TypeError(f"no result of a refresh: {type(result).__name__}")
