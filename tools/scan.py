"""Scans the translated template and network.yaml with checkov, each exception reasoned.

``python -m tools.scan CHECKOV`` runs the program CHECKOV; exceptions stand in
tools/scan_reasons.toml.
"""

import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from local.deployment.parameters import build_local_parameters, check_parameters
from local.deployment.template import ROOT, load_template, translate

REASONS = Path(__file__).with_name("scan_reasons.toml")
_FOLDER = ROOT / "build" / "scan"


def load_reasons() -> dict[str, dict[str, Any]]:
    """Check id to the resources that are excepted and why."""
    return tomllib.loads(REASONS.read_text())


def judge(findings: list[tuple[str, str, str]], reasons: dict[str, dict[str, Any]]) -> list[str]:
    """What is wrong: findings without a reason, reasons without a finding.

    Args:
        findings: Check id, its name, the resource's logical id.
        reasons: As in tools/scan_reasons.toml.
    """
    wrong, used = [], set()
    for check, name, resource in findings:
        patterns = reasons.get(check, {}).get("resources", [])
        fitting = [pattern for pattern in patterns if fnmatchcase(resource, pattern)]
        used |= {(check, pattern) for pattern in fitting}
        if not fitting:
            wrong.append(f"{resource}: {name} ({check})")
    for check, entry in reasons.items():
        stale = [one for one in entry["resources"] if (check, one) not in used]
        wrong += [f"{REASONS.name}: {check} excepts {one}, which is not found" for one in stale]
    return sorted(wrong)


def _write_translated() -> Path:
    template = load_template()
    nowhere = "http://localhost:1"
    given = build_local_parameters(gateway_url=nowhere, simulator_url=nowhere, broker_url=nowhere)
    translated = translate(template, check_parameters(template, given))
    _FOLDER.mkdir(parents=True, exist_ok=True)
    path = _FOLDER / "template.json"
    path.write_text(json.dumps(translated, indent=1))
    return path


def _scan(checkov: str, path: Path) -> Iterator[tuple[str, str, str]]:
    command = [checkov, "--framework", "cloudformation", "--skip-download", "--compact"]
    command += ["--quiet", "--soft-fail", "--output", "json", "--file", str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    report = json.loads(done.stdout)
    if report["summary"]["parsing_errors"] or not report["summary"]["passed"]:
        sys.exit(f"checkov could not read {path}")
    for failed in report["results"]["failed_checks"]:
        yield failed["check_id"], failed["check_name"], failed["resource"].rpartition(".")[2]


def main() -> None:
    """Prints what is wrong; exits 1 if anything is."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    paths = [_write_translated(), ROOT / "network.yaml"]
    findings = [finding for path in paths for finding in _scan(sys.argv[1], path)]
    if wrong := judge(findings, load_reasons()):
        sys.exit("\n".join(wrong))
    print(f"scan: {len(findings)} exceptions, each with its reason")


if __name__ == "__main__":
    main()
