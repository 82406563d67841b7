"""The sides of the function ``withdrawal``, joined from the environment."""

from dataclasses import dataclass

from kubroker.http_api.pages import Broker
from kubroker.http_api.payment_routes import PaymentRoutes
from kubroker.http_api.verify_route import VerifyRoute
from kubroker.http_api.withdrawal_routes import WithdrawalRoutes
from kubroker.settings import ConnectSettings
from kubroker.usecases.withdrawal_setup import build_withdrawal_usecases

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
    usecases = build_withdrawal_usecases()
    broker = Broker(settings.broker_name, settings.broker_logo_url)
    return WithdrawalApi(
        services=WithdrawalRoutes(settings, usecases),
        payments=PaymentRoutes(settings, usecases),
        page=VerifyRoute(broker, usecases),
    )
