"""How large things may be, and where they live."""

import ast
import re
from pathlib import Path

import pytest

from kubroker.foundation import errors

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "layers/kubroker/kubroker"
APPS = sorted(ROOT.glob("functions/*/app.py"))
MODULES = sorted([*PACKAGE.rglob("*.py"), *APPS])
LOCAL = sorted((ROOT / "local").rglob("*.py"))


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _list_functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def _count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its docstring: a long explanation is no long function."""
    lines = function.end_lineno - function.lineno + 1
    if ast.get_docstring(function):
        docstring = function.body[0]
        lines -= docstring.end_lineno - docstring.lineno + 1
    return lines


@pytest.mark.parametrize("module", [*MODULES, *LOCAL], ids=_name)
def test_module_is_at_most_400_lines(module):
    assert len(module.read_text().splitlines()) <= 400


@pytest.mark.parametrize("module", [*MODULES, *LOCAL], ids=_name)
def test_functions_are_at_most_40_lines(module):
    long = {
        function.name: _count_lines(function)
        for function in _list_functions(ast.parse(module.read_text()))
        if _count_lines(function) > 40
    }
    assert not long


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.parent.name)
def test_app_is_one_page_without_logic(app):
    source = app.read_text()
    assert len(source.splitlines()) <= 80
    tree = ast.parse(source)
    logic = [
        f"line {node.lineno}: {type(node).__name__}"
        for node in ast.walk(tree)
        if isinstance(node, ast.For | ast.AsyncFor | ast.While | ast.Try | ast.TryStar)
    ]
    assert not logic, "parse, one use case, answer: the rest belongs into the layer"


@pytest.mark.parametrize("app", APPS, ids=lambda path: path.parent.name)
def test_app_has_a_short_handler_and_short_routes(app):
    sizes = {
        function.name: _count_lines(function)
        for function in _list_functions(ast.parse(app.read_text()))
    }
    assert sizes.pop("lambda_handler") <= 6, "def and at most five lines"
    assert not {name: size for name, size in sizes.items() if size > 20}


def test_every_function_of_the_template_has_its_folder(template):
    folders = {
        resource["Properties"]["CodeUri"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert folders == {f"functions/{app.parent.name}/" for app in APPS}


def test_errors_are_defined_in_errors_only():
    strays = [
        f"{_name(module)}: {node.name}"
        for module in MODULES
        if module != PACKAGE / "foundation/errors.py"
        for node in ast.walk(ast.parse(module.read_text()))
        if isinstance(node, ast.ClassDef)
        and not node.name.startswith("_")  # a module's own signal, never seen outside
        and any(re.search(r"(Error|Exception)$", ast.unparse(base)) for base in node.bases)
    ]
    assert not strays


def _read_error_tree() -> dict[str, tuple[str, int]]:
    """Class to its parent and HTTP status, as the drawing in errors.py has them."""
    drawn: dict[str, tuple[str, int]] = {}
    above: dict[int, str] = {}
    for line in (errors.__doc__ or "").splitlines():
        if found := re.fullmatch(r"( {4,})(\w+Error) +([0-9]{3})  \S.*", line):
            depth = len(found[1])
            drawn[found[2]] = (above[depth - 2], int(found[3]))
            above[depth] = found[2]
        elif found := re.fullmatch(r"( {4})(\w+Error)", line):
            above[4] = found[2]
    return drawn


def test_tree_of_errors_draws_every_class_where_it_is():
    classes = {
        name: (value.__base__.__name__, value.http_status)
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.KubrokerError)
    }
    assert classes.pop("KubrokerError") == ("Exception", 500)
    assert _read_error_tree() == classes


def test_no_module_is_a_drawer_for_everything():
    assert not [_name(path) for path in MODULES if path.stem in {"utils", "helpers", "common"}]
