"""Who may import whom: functions → capabilities → audit, web, kucoin, aws → foundation.

``ARROWS`` is the house's plan. An arrow that is not in it is a decision: add it here, downhill, and
say why in docs/decisions.md.
"""

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/kubroker/kubroker"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
LOCAL = sorted((ROOT / "local").rglob("*.py"))
APPS = sorted(ROOT.glob("functions/*/app.py"))
ARROWS = {
    "foundation": "",
    "aws": "foundation",
    "kucoin": "aws foundation",
    "audit": "aws foundation",
    "web": "audit foundation kucoin",
    "connections": "audit aws foundation kucoin web",
    "rotation": "aws connections foundation kucoin",
    "keys": "audit aws connections foundation kucoin rotation",
    "linking": "aws connections foundation keys kucoin rotation web",
    "withdrawals": "audit aws connections foundation keys kucoin web",
    "payments": "aws connections foundation kucoin web withdrawals",
    "proxy": "audit connections foundation kucoin web",
    "exports": "aws connections foundation kucoin proxy web",
    "payouts": "aws connections foundation kucoin web",
    "revenue": "audit aws connections foundation kucoin proxy web",
    "events": "audit aws connections exports foundation kucoin payouts withdrawals",
    "support": "audit aws foundation web",
}
# What each function may load: a cold start pays for every package.
LOADS = {
    "audit_export": "audit aws foundation",
    "connect": "audit aws connections foundation keys kucoin linking rotation web",
    "connections": "audit aws connections foundation kucoin web withdrawals",
    "deposit_address": "audit aws connections foundation kucoin payouts web",
    "event_publisher": "audit aws connections events exports foundation kucoin payouts withdrawals",
    "export": "audit aws connections exports foundation kucoin proxy web",
    "key_creation": "audit aws connections foundation keys kucoin linking rotation web",
    "kucoin_proxy": "audit aws connections foundation kucoin proxy web",
    "oauth_callback": "audit aws connections foundation kucoin linking web",
    "rebate": "audit aws connections foundation kucoin proxy revenue web",
    "refresh_dispatcher": "aws connections foundation kucoin rotation",
    "support": "audit aws foundation support web",
    "token_refresh": "audit aws connections foundation kucoin rotation web",
    "token_rescue": "aws connections foundation kucoin rotation",
    "webhook_delivery": "aws events foundation kucoin",
    "withdrawal": "audit aws connections foundation keys kucoin payments web withdrawals",
    "withdrawal_tracker": "audit aws connections foundation keys kucoin withdrawals",
}
IMPURE = re.compile(
    r"(asyncio|boto3|botocore|http|io|logging|os|pathlib|random|requests|secrets|shutil|socket|ssl"
    r"|subprocess|sys|tempfile|threading|time|urllib3|urllib\.request|uuid|aws_lambda_powertools)"
    r"(\.|$)"
)
# Pure by name; the rest of what only decides is named here.
PURE_NAMES = {"model.py", "rules.py"}
PURE = {
    "events/derive.py", "events/list.py", "events/types.py", "exports/archive/model.py",
    "exports/records.py", "exports/totals.py", "exports/windows.py", "foundation/amounts.py",
    "foundation/cursors.py", "foundation/rotation_rules.py", "kucoin/budget.py",
    "kucoin/currency.py", "kucoin/permissions.py", "payments/payees.py",
    "payouts/addresses_model.py", "proxy/orders.py", "proxy/policy.py", "revenue/tags.py",
    "rotation/refusal_rules.py", "withdrawals/fees.py", "withdrawals/ids.py",
    "withdrawals/limits.py", "withdrawals/payment_status.py", "withdrawals/tracking.py",
}  # fmt: skip


def _list_imports(source: str) -> set[str]:
    """Every imported module, wherever in the file; names imported from packages as modules too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _get_package(module: Path) -> str:
    return module.relative_to(PACKAGE).parts[0]


def _list_packages(source: str) -> set[str]:
    names = {name.split(".")[1] for name in _list_imports(source) if name.startswith("kubroker.")}
    return names & set(ARROWS)


def _find_wrong_arrows(package: str, source: str) -> set[str]:
    return _list_packages(source) - {package, *ARROWS[package].split()}


def _name(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def _find_file(module: str) -> Path | None:
    base = ROOT / "layers/kubroker" if module.startswith("kubroker") else ROOT
    file = base / (module.replace(".", "/") + ".py")
    return file if file.is_file() else None


def _reach(path: Path, seen: set[Path]) -> set[Path]:
    """Every file of the layer that a file imports, by whatever way."""
    for name in _list_imports(path.read_text()):
        file = _find_file(name) if name.startswith("kubroker.") else None
        if file is not None and file not in seen:
            seen.add(file)
            _reach(file, seen)
    return seen


def _build_graph(files: list[Path], top: str) -> dict[Path, set[Path]]:
    return {
        path: {
            file
            for name in _list_imports(path.read_text())
            if name.startswith(f"{top}.") and (file := _find_file(name)) is not None
        }
        - {path}
        for path in files
    }


def test_every_package_has_its_place_in_the_table():
    assert {_get_package(module) for module in MODULES} == set(ARROWS)


def test_arrows_go_downhill():
    order = list(ARROWS)
    for package, below in ARROWS.items():
        assert all(order.index(one) < order.index(package) for one in below.split()), package


def test_packages_import_only_along_the_arrows():
    wrong = {
        _name(module): found
        for module in MODULES
        if (found := _find_wrong_arrows(_get_package(module), module.read_text()))
    }
    assert not wrong


def test_arrows_that_nobody_goes_are_not_in_the_table():
    gone: dict[str, set[str]] = {package: set() for package in ARROWS}
    for module in MODULES:
        gone[_get_package(module)] |= _list_packages(module.read_text()) - {_get_package(module)}
    assert gone == {package: set(below.split()) for package, below in ARROWS.items()}


def test_check_of_arrows_bites():
    assert _find_wrong_arrows("kucoin", "from kubroker.web.api import create_api") == {"web"}
    assert _find_wrong_arrows("aws", "def f():\n    from kubroker import kucoin") == {"kucoin"}


def test_no_modules_import_each_other_in_a_circle():
    for files, top in ((MODULES, "kubroker"), (LOCAL, "local")):
        TopologicalSorter(_build_graph(files, top)).prepare()


def test_no_package_imports_in_its_init():
    inits = [path for path in (*MODULES, *LOCAL) if path.name == "__init__.py"]
    assert not [str(path) for path in inits if _list_imports(path.read_text())]
    assert _list_imports((PACKAGE / "__init__.py").read_text()) <= {"gc"}


def test_functions_load_only_their_packages():
    loaded = {app.parent.name: {_get_package(file) for file in _reach(app, set())} for app in APPS}
    assert loaded == {name: set(packages.split()) for name, packages in LOADS.items()}


def _list_users_of(modules: set[str]) -> Iterator[str]:
    for module in MODULES:
        if _list_imports(module.read_text()) & modules:
            yield _name(module)


def test_only_the_edges_import_the_outside():
    botos = {_name(module) for module in MODULES if _tops(module) & {"boto3", "botocore"}}
    assert {name for name in botos if not name.startswith("aws/")} == {"connections/vault.py"}
    http = {"http.client", "httpx", "requests", "socket", "urllib.request", "urllib3"}
    assert set(_list_users_of(http)) == {"kucoin/exchange.py"}


def _tops(module: Path) -> set[str]:
    return {name.split(".")[0] for name in _list_imports(module.read_text())}


def test_models_and_rules_are_pure():
    """I/O, clock and randomness are arguments."""
    pure = [one for one in MODULES if one.name in PURE_NAMES or _name(one) in PURE]
    assert {_name(one) for one in pure} >= PURE
    for module in pure:
        source = module.read_text()
        assert not [n for n in _list_imports(source) if IMPURE.match(n)], _name(module)
        calls = {
            node.func.attr
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        }
        assert not calls & {"now", "utcnow", "today"}, _name(module)


def test_apps_import_neither_aws_nor_http():
    for app in APPS:
        assert not _tops(app) & {"boto3", "botocore", "requests", "urllib3", "os"}, app.parent.name
