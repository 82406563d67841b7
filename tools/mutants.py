"""Makes each fault of tools/mutants.toml in a copy of the project, and runs its tests.

`make mutants` runs it; `make mutants ARGS="signature tracking"` those whose names hold a word. Each
mutant has to die: a test fails. One that lives is a guard that nothing holds.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[1]
PACKAGE = "layers/kubroker/kubroker"
_LEFT_OUT = shutil.ignore_patterns(".git", ".venv", ".aws-sam", "build", "__pycache__", ".*_cache")
_FAILED = 1  # pytest's exit code where tests ran and some failed
_SECONDS = 900


class MutantError(ValueError):
    """A line of the table does not fit the code any more; says which."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One fault.

    Attributes:
        name: What goes wrong.
        file: Within the layer's package.
        old: Stands once in the file.
        new: Stands there instead.
        tests: What has to notice.
    """

    name: str
    file: str
    old: str
    new: str
    tests: list[str]

    def apply(self, text: str) -> str:
        """The file with the fault.

        Raises:
            MutantError: The place is not there, or not the only one.
        """
        if text.count(self.old) != 1:
            raise MutantError(
                f"{self.name}: its place in {self.file} is there {text.count(self.old)} times"
            )
        return text.replace(self.old, self.new)


def read_mutants(words: list[str]) -> list[Mutant]:
    """The table, or what of it holds one of the words."""
    table = tomllib.loads(Path(__file__).with_suffix(".toml").read_text())["mutant"]
    found = [Mutant(**row) for row in table]
    return [one for one in found if not words or any(word in one.name for word in words)]


def run_tests(folder: Path, tests: list[str]) -> int:
    """Pytest's exit code in a copy; the copy's code is what is imported."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "layers/kubroker"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n",
        "0",
        "-p",
        "no:cacheprovider",
        *tests,
    ]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, check=False, timeout=_SECONDS
    )
    return done.returncode


def is_killed(mutant: Mutant, folder: Path) -> bool:
    """Whether a test fails with the fault; the copy is as before afterwards."""
    path = folder / PACKAGE / mutant.file
    text = path.read_text()
    path.write_text(mutant.apply(text))
    try:
        return run_tests(folder, mutant.tests) == _FAILED
    finally:
        path.write_text(text)


def main() -> int:
    """Runs the mutants, two at a time.

    Returns:
        The exit code: 0 only if all died.
    """
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("words", nargs="*", help="only mutants whose names hold one of these")
    mutants = read_mutants(parser.parse_args().words)
    folders: SimpleQueue[Path] = SimpleQueue()
    with tempfile.TemporaryDirectory() as temporary:
        for number in range(2):
            copy = Path(temporary) / str(number)
            shutil.copytree(ROOT, copy, ignore=_LEFT_OUT)
            folders.put(copy)

        def run(mutant: Mutant) -> bool:
            begun, folder = time.monotonic(), folders.get()
            try:
                killed = is_killed(mutant, folder)
            finally:
                folders.put(folder)
            word = "killed" if killed else "LIVES "
            print(f"{word} {time.monotonic() - begun:6.1f} s  {mutant.name}", flush=True)
            return killed

        with ThreadPoolExecutor(2) as threads:
            killed = sum(threads.map(run, mutants))
    print(f"{killed} of {len(mutants)} killed")
    return 0 if killed == len(mutants) else 1


if __name__ == "__main__":
    sys.exit(main())
