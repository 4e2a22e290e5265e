"""Rules about the shape of the code that no linter knows."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = sorted([*ROOT.glob("src/recsys/**/*.py"), *ROOT.glob("pipelines/*.py")])
NAMES_THAT_SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "base", "misc"}

each_source = pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


@each_source
def test_a_module_is_named_after_what_it_does_and_stays_short(path: Path) -> None:
    assert path.stem not in NAMES_THAT_SAY_NOTHING
    assert len(path.read_text().splitlines()) <= 400


@each_source
def test_a_function_fits_on_a_screen(path: Path) -> None:
    assert [f.name for f in functions(path) if body_lines(f) > 50] == []


def test_most_functions_are_short() -> None:
    lengths = [body_lines(function) for path in SOURCES for function in functions(path)]
    assert sum(length <= 30 for length in lengths) / len(lengths) >= 0.95


@each_source
def test_nothing_executable_is_saved_or_loaded(path: Path) -> None:
    imported = {
        name.name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for name in node.names
    }
    assert not imported & {"pickle", "joblib", "dill", "shelve", "marshal"}
