"""The rooms of design.md §2, the one clock of §4, and a command line that answers at once (§7)."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]
READS_A_CLOCK = {"now", "utcnow", "today", "time", "localtime", "gmtime"}
OF_MODULES = {"datetime", "date", "time"}


def test_each_room_uses_only_the_rooms_above_it(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert lint_imports(cache_dir=None) == 0


def _readings(path: Path) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in READS_A_CLOCK
        and isinstance(node.func.value, (ast.Name, ast.Attribute))
        and (getattr(node.func.value, "id", None) or getattr(node.func.value, "attr", None)) in OF_MODULES
    ]


def test_only_one_module_reads_a_clock():
    readings = [
        place
        for room in ("models", "states", "flows")
        for path in sorted((ROOT / room).rglob("*.py"))
        for place in _readings(path)
    ]
    assert [place.split(":")[0] for place in readings] == ["flows/clock.py"]


@pytest.mark.parametrize("module", ["deployments.cli", "flows.timed_steps", "flows.replay", "flows.acting"])
def test_the_command_line_does_not_wait_for_prefect(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not there yet")
    loaded = f"import sys, {module}; sys.exit(any(m.split('.')[0] == 'prefect' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", loaded], cwd=ROOT).returncode == 0
