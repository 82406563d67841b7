"""Prints what both of KuCoin's IP lists have to hold, ready to paste.

``python -m tools.addresses STAGE`` reads the outputs of the stack that network.yaml made.
"""

import sys
from typing import Any

import boto3  # noqa: TID251 - an operator's program, not the layer
from botocore.exceptions import ClientError  # noqa: TID251

_LISTS = {
    "FastApiAddresses": "IP list that calls the Fast API service",
    "TradingAddresses": "IP list for trading",
}


def read_addresses(formation: Any, stack_name: str) -> dict[str, str]:
    """KuCoin's name of each list to its addresses.

    Args:
        formation: A CloudFormation client.
        stack_name: The network's stack.

    Raises:
        SystemExit: There is no such stack, or it is not one of network.yaml.
    """
    try:
        (stack,) = formation.describe_stacks(StackName=stack_name)["Stacks"]
    except ClientError as error:
        raise SystemExit(f"There is no stack {stack_name}: deploy network.yaml first.") from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in stack.get("Outputs", [])}
    if missing := set(_LISTS) - set(outputs):
        raise SystemExit(f"{stack_name} has no output {', '.join(sorted(missing))}.")
    return {title: outputs[key] for key, title in _LISTS.items()}


def main() -> None:
    """Prints both lists."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    client = boto3.client("cloudformation")
    for title, addresses in read_addresses(client, f"kubroker-{sys.argv[1]}-network").items():
        print(f"{title}:\n  {addresses}")


if __name__ == "__main__":
    main()
