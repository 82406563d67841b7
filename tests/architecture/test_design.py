"""The design is in the repository: READMEs of the packages, the architecture, and every citation."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/kubroker/kubroker"
PACKAGES = sorted(path for path in PACKAGE.iterdir() if (path / "__init__.py").is_file())
PROTOCOL = (ROOT / "docs/kucoin-protocol.md").read_text()
ARCHITECTURE = (ROOT / "docs/architecture.md").read_text()


def _list_sources() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py", "*.yaml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    named = [ROOT / line for line in done.stdout.splitlines()]
    return named or [
        *PACKAGE.rglob("*.py"),
        *ROOT.glob("functions/*/app.py"),
        ROOT / "template.yaml",
    ]


def _list_citations(page: str) -> set[str]:
    """Sections as cited: ``page, 4 and 7``, ``page, 5 to 7``, ``page section 3``."""
    found = set()
    cited = re.compile(
        rf"{page}(?:,| section) ([0-9](?:[0-9.]*[0-9])?)(?: (?:and|to) ([0-9](?:[0-9.]*[0-9])?))?"
    )
    for source in _list_sources():
        if source.is_file() and source != Path(__file__):
            for match in cited.finditer(source.read_text()):
                found |= {name for name in match.groups() if name}
    return found


def test_cited_sections_of_the_protocol_are_there():
    sections = set(re.findall(r"^## ([0-9]+)\. ", PROTOCOL, re.MULTILINE))
    cited = _list_citations("kucoin-protocol")
    assert cited
    assert cited <= sections


def test_cited_sections_of_kucoins_page_are_there():
    table = PROTOCOL.partition("| `kucoin-fast-api` | says |")[2]
    sections = set(re.findall(r"^\| ([0-9.]+) \|", table, re.MULTILINE))
    cited = _list_citations("kucoin-fast-api")
    assert {"8.2", "7.3", "4.1"} <= cited
    assert cited <= sections


def test_promises_that_the_code_names_are_in_the_architecture():
    named = {
        name.lower()
        for source in _list_sources()
        if source.is_file() and source != Path(__file__)
        for name in re.findall(r"§ ?\"([^\"]+)\"", source.read_text())
    }
    assert named == {"never lose a pair"}
    assert all(f"**{name}.**" in ARCHITECTURE.lower() for name in named)


def test_every_package_begins_with_a_readme_of_a_page():
    for package in PACKAGES:
        text = (package / "README.md").read_text()
        assert len(text.splitlines()) <= 30, package.name
        assert text.startswith(f"# {package.name}\n")
        assert "Promise" in text or package.name in {"foundation", "support"}, package.name


def _find_named(text: str, folder: Path) -> dict[str, bool]:
    """Each path that a document names, and whether it is there, from its folder or a root."""
    places = (folder, PACKAGE, ROOT)
    return {
        name: any((place / name).exists() for place in places)
        or ("/" not in name and any(PACKAGE.glob(f"*/{name}")))
        for name in re.findall(r"`([\w/.-]+(?:\.py|\.md|\.yaml|/))`", text)
    }


def test_documents_name_only_files_that_are_there():
    documents = [*(package / "README.md" for package in PACKAGES), ROOT / "docs/architecture.md"]
    for document in documents:
        named = _find_named(document.read_text(), document.parent)
        assert named, document
        assert not [name for name, is_there in named.items() if not is_there], document


def test_every_module_stands_in_a_readme_or_needs_no_word():
    """A newcomer finds where to begin: modules that a README does not name are few."""
    for package in PACKAGES:
        text = (package / "README.md").read_text()
        modules = {path.name for path in package.glob("*.py")} - {"__init__.py"}
        unnamed = {name for name in modules if f"{name}`" not in text}
        assert len(unnamed) <= max(6, len(modules) * 2 // 3), (package.name, unnamed)


def test_changes_are_one_or_two_files():
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", ARCHITECTURE, re.MULTILINE)[2:]
    assert len(rows) >= 15
    assert all(1 <= len(re.findall(r"`[^`]+`", files)) <= 2 for _, files in rows)


def test_decisions_are_grouped_and_the_index_counts_them():
    text = (ROOT / "docs/decisions.md").read_text()
    told = {
        name: int(number) for name, number in re.findall(r"^\* \[(.+)\]\(#.+\): (\d+)$", text, re.M)
    }
    groups = re.split(r"^## ", text, flags=re.MULTILINE)[1:]
    found = {group.splitlines()[0]: len(re.findall(r"^### ", group, re.M)) for group in groups}
    assert told == found
    for group in groups:
        dates = re.findall(r"^### (\d{4}-\d\d-\d\d) \S", group, re.M)
        assert len(dates) == found[group.splitlines()[0]]
        assert dates == sorted(dates), "the newest stands last"
