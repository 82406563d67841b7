"""The sides of the function ``withdrawal``, joined from the environment."""

from dataclasses import dataclass
from functools import partial

from kubroker.foundation.settings import ConnectSettings, PaymentSettings
from kubroker.payments.checkout_route import CheckoutRoute
from kubroker.payments.flow import Payments, check_listed
from kubroker.payments.funds import AccountClient, PaymentFunds
from kubroker.payments.routes import PaymentRoutes
from kubroker.web.page_models import Broker
from kubroker.withdrawals.routes import WithdrawalRoutes
from kubroker.withdrawals.verify_route import VerifyRoute
from kubroker.withdrawals.wiring import WithdrawalUseCases, build_withdrawal_usecases

BASE = "/v1/connections/<user_id>/withdrawals"


@dataclass(frozen=True, slots=True)
class WithdrawalApi:
    """The routes of the broker's services, and the page of its users."""

    services: WithdrawalRoutes
    payments: PaymentRoutes
    page: VerifyRoute


def build_withdrawal_api() -> WithdrawalApi:
    """Reads the settings and joins everything.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = ConnectSettings.from_environment()
    usecases, payments = build_payments()
    broker = Broker(settings.broker_name, settings.broker_logo_url)
    return WithdrawalApi(
        services=WithdrawalRoutes(settings, usecases),
        payments=PaymentRoutes(settings, usecases, payments),
        page=VerifyRoute(broker, usecases, CheckoutRoute(broker, usecases, payments)),
    )


def build_payments() -> tuple[WithdrawalUseCases, Payments]:
    """Withdrawals that know the operator's payees, and payments on top of them.

    Raises:
        ConfigurationError: A setting is missing or malformed.
    """
    settings = PaymentSettings.from_environment()
    usecases = build_withdrawal_usecases(partial(check_listed, settings.payees))
    payments = Payments(
        withdrawals=usecases.store,
        connections=usecases.connections,
        claims=usecases.claims,
        funds=PaymentFunds(usecases.quotes, AccountClient(usecases.rest), usecases.vault),
        submission=usecases.submission,
        settings=settings,
    )
    return usecases, payments
