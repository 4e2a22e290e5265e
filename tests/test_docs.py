"""What the documents say is held against what is there."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from pipelines.cli import app
from pipelines.configuration import Config
from recsys.recommender import RUNGS

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONFIGS = sorted(ROOT.glob("configs/*.toml"))


def shell_lines(text: str) -> list[list[str]]:
    """Return the commands of the shell blocks of a document, continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


COMMANDS = [words for words in shell_lines(README) if Path(words[0]).name == "recsys"]
TARGETS = {word for words in shell_lines(README) if words[0] == "make" for word in words[1:] if "=" not in word}
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_the_readme_parses(words: list[str]) -> None:
    verb = VERBS[words[1]]
    arguments = words[2 : words.index(">")] if ">" in words else words[2:]
    verb.make_context(verb.name, arguments)


def test_every_command_stands_in_the_readme() -> None:
    assert {words[1] for words in COMMANDS} == set(VERBS)


def test_every_make_target_stands_in_the_readme_and_the_other_way_round() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):.*##", makefile, flags=re.MULTILINE))
    mentioned = set(re.findall(r"`make ([a-z-]+)", README)) | TARGETS
    assert mentioned == targets


def tree_paths() -> list[str]:
    """Return the paths of the README's annotated tree, from its indentation."""
    block = re.search(r"```text\nrecsys/\n(.*?)```", README, flags=re.DOTALL)
    assert block
    paths: list[str] = []
    stack: list[str] = []
    for line in block.group(1).splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        name = line.split()[0]
        stack = [*stack[:depth], name.rstrip("/")]
        paths.append("/".join(stack))
    return paths


def test_every_path_of_the_readme_tree_exists() -> None:
    assert [path for path in tree_paths() if not (ROOT / path).exists()] == []


def test_every_folder_and_verb_stands_in_the_readme_tree() -> None:
    folders = {f"src/recsys/{path.name}" for path in ROOT.glob("src/recsys/*/") if path.name != "__pycache__"}
    top = {path.name for path in ROOT.glob("[a-z]*/") if not path.name.endswith(".egg-info")} - {"build", "data"}
    assert (folders | top) - set(tree_paths()) == set()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_loads_and_says_what_it_is_for(path: Path) -> None:
    Config.read(path)
    assert path.read_text().startswith("# ")


def test_every_setting_is_documented() -> None:
    settings = (ROOT / "docs/settings.md").read_text()
    for section, field in Config.model_fields.items():
        assert f"## [{section}]" in settings
        for key in field.annotation.model_fields:  # type: ignore[union-attr]
            assert f"`{key}`" in settings, f"{section}.{key}"


def test_every_rung_stands_in_the_guide() -> None:
    guide = (ROOT / "docs/guide.md").read_text()
    assert [name for name in RUNGS if f"`{name}`" not in guide] == []


def test_glossary_terms_stand_in_the_code() -> None:
    code = "\n".join(path.read_text() for path in ROOT.glob("src/recsys/**/*.py"))
    rows = re.findall(r"^\| (.+?) \|", (ROOT / "docs/glossary.md").read_text(), flags=re.MULTILINE)
    terms = re.findall(r"`([^`]+)`", "\n".join(rows))
    assert [term for term in terms if not re.search(re.escape(term), code, flags=re.IGNORECASE)] == []
