"""The documented examples as modules."""

import importlib.util
from pathlib import Path
from types import ModuleType

EXAMPLES = Path(__file__).parents[2] / "docs/examples"


def load_example(name: str) -> ModuleType:
    """Loads ``docs/examples/{name}.py`` without running its ``main``."""
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"no example {name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
