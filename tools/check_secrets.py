"""Says whether a stage's webhooks can be signed: ``python -m tools.check_secrets STAGE``.

Reads the stage's secret with the operator's own credentials; prints its name, never its content.
"""

import sys
from typing import TYPE_CHECKING

import boto3  # noqa: TID251 - an operator's program, not the layer
from botocore.exceptions import BotoCoreError, ClientError  # noqa: TID251

from kubroker.events.webhook_sender import WebhookSecrets
from kubroker.foundation.errors import ConfigurationError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


def check_webhooks(client: "SecretsManagerClient", stage: str) -> str | None:
    """What is wrong with the secret that webhooks are signed with, or None.

    Args:
        client: Of Secrets Manager.
        stage: As in samconfig.toml.
    """
    name = f"kubroker/{stage}/webhooks"
    try:
        text = client.get_secret_value(SecretId=name)["SecretString"]
    except (BotoCoreError, ClientError, KeyError) as error:
        return f"The secret {name} can't be read ({type(error).__name__})."
    try:
        WebhookSecrets.parse(text, name=name)
    except ConfigurationError as error:
        return error.message
    return None


def main() -> None:
    """Exits with what is wrong, or says that nothing is."""
    match sys.argv[1:]:
        case [stage]:
            client = boto3.client("secretsmanager")
            if fault := check_webhooks(client, stage):
                sys.exit(fault)
            print(f"kubroker/{stage}/webhooks can sign")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
