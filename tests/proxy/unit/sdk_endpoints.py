"""Every REST endpoint as KuCoin's official SDK documents it: the other witness of the table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import kucoin_universal_sdk

_ROOT = Path(kucoin_universal_sdk.__file__).parent / "generate"
_DOC = re.compile(
    r'@abstractmethod\s+(?:@deprecated\(.*?\)\s+)?def (\w+)\(.*?"""(.*?)"""', re.DOTALL
)
_CALL = re.compile(
    r"def (\w+)\([^)]*\)[^:]*:\s+return self\.transport\.call\(\s*"
    r'"?(\w+)"?,\s*"?\w+"?,\s*"(\w+)",\s*"([^"]+)"',
    re.DOTALL,
)


@dataclass(frozen=True)
class SdkEndpoint:
    """One endpoint; what the documents leave open is None."""

    host: str
    method: str
    path: str
    channel: str
    permission: str | None
    pool: str
    weight: int | None


@cache
def list_endpoints() -> tuple[SdkEndpoint, ...]:
    """All of them, each path variable that is a choice of words spelt out."""
    return tuple(
        endpoint
        for source in sorted(_ROOT.glob("*/*/api_*.py"))
        for endpoint in _read(source.read_text())
    )


def _read(text: str) -> Iterator[SdkEndpoint]:
    documents = dict(_DOC.findall(text))
    for name, host, method, path in _CALL.findall(text):
        facts = dict(re.findall(r"\| (API-[\w-]+) +\| (\S+) +\|", documents[name]))
        permission, weight = facts["API-PERMISSION"], facts["API-RATE-LIMIT-WEIGHT"]
        for size in ("20", "100") if "{size}" in path else ("",):
            yield SdkEndpoint(
                host=host,
                method=method.upper(),
                path=path.replace("{size}", size).replace("{order-id}", "{orderId}"),
                channel=facts["API-CHANNEL"],
                permission=None if permission == "NULL" else permission,
                pool=facts["API-RATE-LIMIT-POOL"],
                weight=None if weight == "NULL" else int(weight),
            )
