"""Who may import whom: http_api → usecases → aws, kucoin, webhooks → domain → errors.

``webhooks`` borrows the exchange of ``kucoin``: one total deadline, honest outcomes.
"""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/kubroker/kubroker"
BESIDE = {"settings", "observability"}
MAY_IMPORT = {
    "http_api": {"http_api", "usecases", "aws", "kucoin", "webhooks", "domain", "errors"} | BESIDE,
    "usecases": {"usecases", "aws", "kucoin", "webhooks", "domain", "errors"} | BESIDE,
    "aws": {"aws", "domain", "errors"} | BESIDE,
    "kucoin": {"kucoin", "domain", "errors"} | BESIDE,
    "webhooks": {"webhooks", "kucoin", "domain", "errors"},
    "domain": {"domain", "errors"},
    "errors": set(),
    "settings": {"domain", "errors"},
    "observability": {"errors", "settings"},
}
NOT_IN_DOMAIN = (
    "asyncio|boto3|botocore|http|io|logging|os|pathlib|random|requests|secrets|shutil|socket|ssl"
    "|subprocess|sys|tempfile|threading|time|urllib3|urllib.request|uuid|aws_lambda_powertools"
)
MODULES = sorted(PACKAGE.rglob("*.py"))


def _list_imports(source: str) -> set[str]:
    """Every imported module, wherever in the file; names imported from kubroker as modules too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            found.add(node.module)
            if node.module == "kubroker":
                found |= {f"kubroker.{alias.name}" for alias in node.names}
    return found


def _find_layering_faults(part: str, imports: set[str]) -> set[str]:
    parts = {name.split(".")[1] for name in imports if name.startswith("kubroker.")}
    return parts - MAY_IMPORT[part]


def _get_part(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_module_imports_only_what_stands_to_its_right(module):
    part = _get_part(module)
    if part == "__init__":
        assert _list_imports(module.read_text()) <= {"gc"}
        return
    assert part in MAY_IMPORT, f"{part} is no part of the design: name its place in MAY_IMPORT"
    wrong = _find_layering_faults(part, _list_imports(module.read_text()))
    assert not wrong, f"{part} may not import {wrong}"


def test_layering_check_bites():
    assert _find_layering_faults("domain", {"kubroker.aws.vault"}) == {"aws"}
    assert _find_layering_faults("aws", _list_imports("from kubroker import kucoin")) == {"kucoin"}


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_edges_import_the_outside(module):
    tops = {name.split(".")[0] for name in _list_imports(module.read_text())}
    if _get_part(module) != "aws":
        assert not tops & {"boto3", "botocore"}, "only kubroker/aws talks to AWS"
    if module != PACKAGE / "kucoin/exchange.py":
        names = {"http.client", "httpx", "requests", "socket", "urllib.request", "urllib3"}
        assert not _list_imports(module.read_text()) & names, "only exchange.py talks HTTP"


@pytest.mark.parametrize(
    "module", sorted((PACKAGE / "domain").rglob("*.py")), ids=lambda path: path.name
)
def test_domain_is_pure(module):
    source = module.read_text()
    banned = {name for name in _list_imports(source) if re.match(rf"({NOT_IN_DOMAIN})(\.|$)", name)}
    assert not banned, f"domain takes I/O, clock and randomness as arguments, not by {banned}"
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not calls & {"now", "utcnow", "today"}, "the clock is an argument"


@pytest.mark.parametrize(
    "app", sorted(ROOT.glob("functions/*/app.py")), ids=lambda p: p.parent.name
)
def test_app_imports_neither_aws_nor_http(app):
    tops = {name.split(".")[0] for name in _list_imports(app.read_text())}
    assert not tops & {"boto3", "botocore", "requests", "urllib3", "os"}
