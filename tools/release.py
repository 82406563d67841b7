"""Deploys a stage with a digest of the release, or only says the digest.

``python -m tools.release deploy STAGE`` runs `sam deploy` with the parameters of samconfig.toml and
``ReleaseDigest``; ``python -m tools.release digest STAGE`` prints it. Lambda publishes a version
only where a function itself changed; the digest covers what changes without that: the layer, and
the parameters.
"""

import hashlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
_FOLDERS = ("functions", "layers")


def read_parameters(stage: str, root: Path = ROOT) -> list[str]:
    """The stage's ``Name=value`` of samconfig.toml.

    Raises:
        KeyError: samconfig.toml has no such stage.
    """
    config = tomllib.loads((root / "samconfig.toml").read_text())
    return list(config[stage]["deploy"]["parameters"]["parameter_overrides"])


def build_digest(parameters: list[str], root: Path = ROOT) -> str:
    """SHA-256 of template, functions, layer and parameters.

    Args:
        parameters: ``Name=value``, in any order.
        root: Where template.yaml lies.
    """
    digest = hashlib.sha256()
    for path in _list_files(root):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    digest.update("\0".join(sorted(parameters)).encode())
    return digest.hexdigest()


def _list_files(root: Path) -> Iterator[Path]:
    yield root / "template.yaml"
    for folder in _FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path


def quote(parameter: str) -> str:
    """``Name="value"``, as `sam deploy` takes values with blanks."""
    name, _, value = parameter.partition("=")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"'


def deploy(stage: str) -> int:
    """Runs `sam deploy`; gives its exit code.

    Raises:
        SystemExit: samconfig.toml still has placeholders.
    """
    parameters = read_parameters(stage)
    if open_ones := [one for one in parameters if "<" in one]:
        raise SystemExit(f"samconfig.toml, {stage}: fill in {', '.join(open_ones)}")
    parameters.append(f"ReleaseDigest={build_digest(parameters)}")
    command = ["sam", "deploy", "--config-env", stage, "--parameter-overrides"]
    command[0] = os.environ.get("SAM", "sam")
    return subprocess.run([*command, *map(quote, parameters)], cwd=ROOT, check=False).returncode


def main() -> None:
    """Runs one of the two."""
    match sys.argv[1:]:
        case ["deploy", stage]:
            sys.exit(deploy(stage))
        case ["digest", stage]:
            print(build_digest(read_parameters(stage)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
