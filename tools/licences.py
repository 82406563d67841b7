"""Writes docs/licences.md: what the layer ships and under which licence.

`make docs` runs it; a test fails where the page is stale or a licence is not permissive.
"""

import re
import sys
from importlib.metadata import metadata
from pathlib import Path

from tools.release_dates import read_dates, read_lock

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
PERMISSIVE = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
_HEAD = """# Licences

Made from `layers/kubroker/requirements.txt` by `make docs`; do not edit. This is all that is
deployed besides Kubroker's own code; boto3 (Apache-2.0) and Python (PSF-2.0) come with the
Lambda runtime. How to audit it: [operations.md](operations.md#auditing-dependencies).

| package | version | released | licence |
| --- | --- | --- | --- |
"""


def read_licences() -> list[tuple[str, str, str]]:
    """Name, version and SPDX expression of everything that the layer ships.

    Raises:
        PackageNotFoundError: It is not installed here: run `make setup`.
        ValueError: Another version is installed here, or it names no licence.
    """
    found = []
    for name, version in read_lock().items():
        fields = metadata(name)
        licence = fields.get("License-Expression") or fields.get("License")
        if not licence or fields["Version"] != version:
            raise ValueError(f"{name} {version}: no licence, or another version is installed")
        found.append((name, version, licence))
    return found


def list_parts(expression: str) -> list[str]:
    """The licences of an SPDX expression."""
    return re.split(r"\s+(?:OR|AND)\s+", expression.strip("()"))


def build_page() -> str:
    """The whole page.

    Raises:
        KeyError: A version's date is missing: run `make lock`.
    """
    dates = read_dates()
    rows = (
        f"| {name} | {version} | {dates[f'{name}=={version}']} | {licence} |"
        for name, version, licence in read_licences()
    )
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(build_page())
    sys.stdout.write("docs/licences.md: fresh\n")
