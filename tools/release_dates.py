"""Writes requirements/layer-dates.json: when each version that the layer ships was released.

`make lock` runs it, since it asks the package index that pip is configured for (PEP 700's
``upload-time``). docs/licences.md shows the dates: an auditor compares them with advisories.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import requests

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "layers/kubroker/requirements.txt"
FILE = ROOT / "requirements/layer-dates.json"
_JSON = "application/vnd.pypi.simple.v1+json"


def read_lock() -> dict[str, str]:
    """Version by name of everything that the layer ships."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", LOCK.read_text(), re.MULTILINE))


def read_dates() -> dict[str, str]:
    """Dates as locked, ``name==version`` to ``YYYY-MM-DD``."""
    dates: dict[str, str] = json.loads(FILE.read_text())
    return dates


def find_date(name: str, version: str, files: list[dict[str, str]]) -> str:
    """The day on which the first file of a version was uploaded, UTC.

    Args:
        name: Normalized, as in the lock file.
        version: As in the lock file.
        files: As PEP 691 has them, with ``filename`` and ``upload-time``.

    Raises:
        LookupError: The index has no file of that version, or tells no time.
    """
    distribution = re.sub(r"[-_.]+", "[-_.]+", re.escape(name).replace(r"\-", "-"))
    own = re.compile(rf"{distribution}-{re.escape(version)}(-|\.tar\.gz$|\.zip$)", re.IGNORECASE)
    times = [
        file["upload-time"]
        for file in files
        if own.match(file["filename"]) and file.get("upload-time")
    ]
    if not times:
        raise LookupError(f"the package index tells no time for {name} {version}")
    return min(times)[:10]


def _find_index() -> str:
    """The index that pip asks, by its own word."""
    pip = [sys.executable, "-m", "pip"]
    told = subprocess.run(
        [*pip, "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if not told:
        code = "from pip._internal.models.index import PyPI; print(PyPI.simple_url)"
        told = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()
    if urlsplit(told).scheme not in {"http", "https"}:
        raise LookupError("pip is not configured for an index that can be asked for times")
    return told.rstrip("/")


def main() -> int:
    """Asks for every package of the lock file.

    Returns:
        The exit code.
    """
    index, dates = _find_index(), {}
    for name, version in read_lock().items():
        answer = requests.get(f"{index}/{name}/", headers={"Accept": _JSON}, timeout=60)
        answer.raise_for_status()
        dates[f"{name}=={version}"] = find_date(name, version, answer.json()["files"])
    FILE.write_text(json.dumps(dates, indent=2, sort_keys=True) + "\n")
    sys.stdout.write(f"{FILE.relative_to(ROOT)}: {len(dates)} dates\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
