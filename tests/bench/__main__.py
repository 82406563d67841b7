"""``make bench``: prints a table and writes build/bench.json.

Each figure is measured against a floor in the same run, on the same machine, in turns: the ratio
is what travels from one machine to another. A cold start counts from the process's start to its
answer, with the built layer as Lambda has it, AWS and KuCoin answering at once.
"""

import argparse
import json
import statistics
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.cases import FLOOR, Case, build_cases, build_environment, build_items
from tests.bench.cold_start import Start, measure
from tests.bench.dispatcher import measure_dispatcher
from tests.bench.proxy import measure_proxy
from tests.bench.refresh import measure_refreshes
from tests.bench.stand_in import StandIn
from tests.support.built import BUILD, ROOT, build, measure_layer_bytes

RESULT = ROOT / "build/bench.json"
LAYER_GOAL_MB = 12.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes:
        name: What was measured.
        value: The median, or the size.
        unit: Of value and floor.
        floor: The floor's value; None where there is none.
        ratio: value / floor.
        goal: For the ratio where there is a floor, else for the value; None where none is set.
        met: Whether the goal is met; None without a goal.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    goal: float | None = None
    met: bool | None = None


def measure_cold_starts(runs: int) -> list[Figure]:
    """Every function in turns with the floor.

    Args:
        runs: How often each is started.
    """
    stand_in = StandIn()
    stand_in.items = build_items()
    layer = BUILD / "KubrokerLayer/python"
    cases = [FLOOR, *build_cases()]
    starts: dict[str, list[Start]] = {case.name: [] for case in cases}
    for run in range(runs + 1):
        for case in cases:
            environment = build_environment(case.folder, stand_in.url)
            start = measure(case.folder, case.event, environment, [layer])
            if start.status != case.status:
                raise RuntimeError(f"{case.name} answered {start.status}, not {case.status}")
            if run > 0:  # the first fills the machine's file cache
                starts[case.name].append(start)
        print(f"\rcold starts: {run} of {runs}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [
        figure
        for case in cases[1:]
        for figure in _compare(case, starts[case.name], starts["floor"])
    ]


def _compare(case: Case, starts: list[Start], floors: list[Start]) -> list[Figure]:
    """Until the answer, which has the goal; how much of it is loading; and what it computes."""
    name = f"cold start {case.name}"
    answered = statistics.median(start.answered_ms for start in starts)
    floor = statistics.median(start.answered_ms for start in floors)
    loaded = statistics.median(start.loaded_ms for start in starts)
    cpu = statistics.median(start.cpu_ms for start in starts)
    floor_cpu = statistics.median(start.cpu_ms for start in floors)
    ratio = answered / floor
    met = None if case.goal is None else ratio <= case.goal
    return [
        Figure(name, answered, "ms", floor, ratio, case.goal, met),
        Figure(f"{name}, loading only", loaded, "ms", floor, loaded / floor),
        Figure(f"{name}, CPU", cpu, "ms", floor_cpu, cpu / floor_cpu),
    ]


def measure_rotation(runs: int) -> list[Figure]:
    """What a refresh, a tick of the dispatcher and a call through the proxy cost."""
    rows = [*measure_refreshes(runs), *measure_dispatcher(), *measure_proxy(runs)]
    figures = []
    for name, value, unit, floor, goal in rows:
        ratio = None if floor is None else value / floor
        met = None if goal is None else (value if ratio is None else ratio) <= goal
        figures.append(Figure(name, value, unit, floor, ratio, goal, met))
    return figures


def measure_layer() -> Figure:
    """The layer as it would be uploaded."""
    size = measure_layer_bytes() / _MIB
    return Figure("layer, zipped", size, "MiB", goal=LAYER_GOAL_MB, met=size <= LAYER_GOAL_MB)


def print_table(figures: list[Figure]) -> None:
    """For a person."""
    print(f"{'':<42}{'value':>10}{'floor':>10}{'ratio':>8}{'goal':>8}")
    for figure in figures:
        floor = "" if figure.floor is None else f"{figure.floor:.0f}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        goal = "" if figure.goal is None else f"{figure.goal:g}"
        verdict = {None: "", True: "  met", False: "  MISSED"}[figure.met]
        value = f"{figure.value:.1f} {figure.unit}"
        print(f"{figure.name:<42}{value:>10}{floor:>10}{ratio:>8}{goal:>8}{verdict}")


def write(figures: list[Figure], path: Path) -> None:
    """For a machine."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in asdict(figure).items()
        }
        for figure in figures
    ]
    path.write_text(json.dumps(rows, indent=2) + "\n")


def main() -> None:
    """Measures everything; a missed goal is told, not an error."""
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("--runs", type=int, default=15, help="cold starts of each function")
    runs = parser.parse_args().runs
    build()
    figures = [*measure_cold_starts(runs), *measure_rotation(runs), measure_layer()]
    print_table(figures)
    write(figures, RESULT)


if __name__ == "__main__":
    main()
