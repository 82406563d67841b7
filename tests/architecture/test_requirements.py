"""What is installed: locked, hashed, from whatever index the machine is set to."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers/kubroker/requirements.txt"
LOCKS = [LAYER, *(ROOT / "requirements" / f"{name}.txt" for name in ("dev", "sam", "scan"))]


def _read_pins(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lock_names_no_index(lock):
    options = re.findall(
        r"^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host).*$|\w+://\S+",
        lock.read_text(),
        flags=re.MULTILINE,
    )
    assert not options, "an index is the machine's setting, not the project's"


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lock_hashes_every_pin(lock):
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)
    entries = [entry for entry in entries if re.match(r"[a-z0-9]", entry)]
    assert len(entries) == len(_read_pins(lock))
    assert not [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry]


def test_tests_run_with_what_the_layer_ships():
    layer, dev = _read_pins(LAYER), _read_pins(ROOT / "requirements/dev.txt")
    assert {name: dev.get(name) for name in layer} == layer


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_lock_covers_what_is_asked_for(lock):
    asked = re.findall(r"^([A-Za-z0-9._-]+)", lock.with_suffix(".in").read_text(), re.MULTILINE)
    wanted = {re.sub(r"[._-]+", "-", name).lower() for name in asked if not name.startswith("-")}
    assert wanted <= set(_read_pins(lock))
