"""Opens a payment, waits for its end: what a broker's service has to write.

    pip install boto3 requests
    python pay_with_kucoin.py https://GATEWAY USER-ID PAYEE 25.5 USDT

It prints the checkout's URL; open it as the user would. A real service sends the user's browser
there and learns the end from the events PaymentSettled, PaymentFailed, PaymentCancelled and
PaymentExpired (docs/events.md) instead of asking again and again.
"""

import json
import sys
import time
from typing import Any

import boto3
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

ENDS = {"SETTLED", "FAILED", "CANCELLED", "EXPIRED"}


class Payments:
    """Signed calls of ``/v1/payments``."""

    def __init__(self, base_url: str, session: boto3.Session | None = None) -> None:
        """Takes credentials and region from where boto3 finds them."""
        self._url = f"{base_url}/v1/payments"
        self._session = session or boto3.Session()

    def open(self, key: str, **fields: str) -> dict[str, Any]:
        """Opens a payment. Ask again with the same key as often as you like: it is the same one."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": key}
        return self._call("POST", self._url, json.dumps(fields), headers)

    def get(self, payment_id: str) -> dict[str, Any]:
        """How it stands."""
        return self._call("GET", f"{self._url}/{payment_id}")

    def _call(
        self, method: str, url: str, body: str = "", headers: dict[str, str] | None = None
    ) -> dict[str, Any]:
        signed = AWSRequest(method, url, data=body, headers=headers or {})
        credentials = self._session.get_credentials().get_frozen_credentials()
        SigV4Auth(credentials, "execute-api", self._session.region_name).add_auth(signed)
        answer = requests.request(method, url, data=body, headers=dict(signed.headers), timeout=30)
        told: dict[str, Any] = answer.json()
        if not answer.ok:  # RFC 9457: `code` is stable, `detail` is for people
            raise RuntimeError(f"{told.get('code')}: {told.get('detail')}")
        return told


def main() -> None:
    """Opens one and waits for its end."""
    base_url, user_id, payee, amount, currency = sys.argv[1:6]
    payments = Payments(base_url)
    reference = f"order {int(time.time())}"  # your own name of it: what is to be paid once
    payment = payments.open(
        reference.replace(" ", "-"),
        userId=user_id,
        payee=payee,
        amount=amount,
        currency=currency,
        reference=reference,
    )
    print("send the user to", payment["checkoutUrl"], flush=True)
    while payment["status"] not in ENDS:
        time.sleep(2)
        payment = payments.get(payment["paymentId"])
    print(payment["status"], payment["walletTxId"] or payment["code"])


if __name__ == "__main__":
    main()
