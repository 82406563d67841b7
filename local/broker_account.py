"""The broker's own account: made at the simulator, its API key in the operator's secret."""

import json

from local.deployment.deployed import DeployedStack
from local.deployment.parameters import KUCOIN_SECRET
from local.kucoin_simulator.control.client import SimulatorControl

NAME = "broker"


def give_broker_account(stack: DeployedStack, simulator: SimulatorControl) -> None:
    """Makes the account, which a reset of the simulator forgets, and fills its key in."""
    simulator.add_user(NAME, isBroker=True)
    made = simulator.add_key(NAME, groups=["API_COMMON"])
    account = {
        "apiKey": made["apiKey"],
        "apiSecret": made["secret"],
        "passphrase": made["passphrase"],
    }
    put_secret(stack, account=account)


def put_secret(stack: DeployedStack, **changes: object) -> None:
    """Writes the operator's secret as the simulator takes it, but for these parts."""
    stack.aws.client("secretsmanager").put_secret_value(
        SecretId=stack.physical_ids["KucoinSecret"],
        SecretString=json.dumps({**KUCOIN_SECRET, **changes}),
    )
