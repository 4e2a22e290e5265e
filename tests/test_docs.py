"""What the documents say is held against what is there."""

import re
import shlex
from pathlib import Path

import pytest
import typer.main

from pipelines.cli import app
from pipelines.configuration import Config
from recsys.ranking import BOOSTING_SPACE
from recsys.recommender import RANKED, RUNGS, RecommenderSettings, TwoStage
from recsys.search_space import HalfLives, Parameter
from recsys.search_space import written as as_written
from recsys.settings import Settings
from reference.features_page import features_page
from reference.settings_page import meanings, sections, settings_page

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs/guide.md").read_text()
CONFIGS = sorted(ROOT.glob("configs/*.toml"))
FOLDERS = [path for path in ROOT.glob("[a-z]*/") if path.name not in {"build", "data"}]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(file for folder in FOLDERS for file in folder.rglob("*.md"))])

each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def shell_lines(text: str) -> list[list[str]]:
    """Return the commands of the shell blocks of a document, continued lines joined."""
    blocks = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def commands(text: str) -> list[list[str]]:
    return [words for words in shell_lines(text) if Path(words[0]).name == "recsys"]


COMMANDS = commands(README)
TARGETS = {word for words in shell_lines(README) if words[0] == "make" for word in words[1:] if "=" not in word}
VERBS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("words", [*COMMANDS, *commands(GUIDE)], ids=" ".join)
def test_a_command_of_the_readme_and_the_guide_parses(words: list[str]) -> None:
    verb = VERBS[words[1]]
    arguments = words[2 : words.index(">")] if ">" in words else words[2:]
    verb.make_context(verb.name, arguments)


@each_document
def test_no_document_has_a_placeholder(path: Path) -> None:
    assert re.findall(r"@@[^@\s]*@@", path.read_text()) == []


@each_document
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#\s]+)", path.read_text())
    assert [target for target in targets if not (path.parent / target).exists()] == []


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
    top = {path.name for path in FOLDERS if not path.name.endswith(".egg-info")}
    assert (folders | top) - set(tree_paths()) == set()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_loads_and_says_what_it_is_for(path: Path) -> None:
    Config.read(path)
    assert path.read_text().startswith("# ")


SETTINGS_PAGE = (ROOT / "docs/settings.md").read_text()


def test_the_settings_page_says_what_the_code_says() -> None:
    assert settings_page(SETTINGS_PAGE) == SETTINGS_PAGE, "run `make docs`"


def test_the_features_page_says_what_the_code_says() -> None:
    assert (ROOT / "docs/features.md").read_text() == features_page(), "run `make docs`"


def test_a_settings_page_that_is_out_of_step_is_mended_and_its_texts_stay() -> None:
    head, _, _ = SETTINGS_PAGE.partition("\n## [evaluation]\n")
    assert "A channel is a table with `name`" in head
    gone = "\n## [gone]\n\nText\n\n| key | default | meaning |\n"
    stale = head.replace("| `depth` | `120` |", "| `deep` | `60` |") + gone
    assert "`deep`" in stale
    assert settings_page(stale) == SETTINGS_PAGE  # also the section that was not there, which has no text of its own


def test_every_section_of_a_configuration_has_its_table() -> None:
    names = re.findall(r"^## \[(.+)\]$", SETTINGS_PAGE, flags=re.MULTILINE)
    assert names == list(sections())
    assert {"shop", "rewards.definitions.NAME", "recommender.slate.fresh", "evaluation"} <= set(names)


class Mute(Settings):
    """Some settings.

    Attributes:
        told: what it is.
    """

    told: int = 1
    untold: int = 2


def test_a_key_without_a_meaning_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Mute: 1 key\(s\) have no meaning; first: untold; document it"):
        meanings(Mute)


def test_every_feature_of_the_default_configuration_has_its_row() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \| (.+) \| (.+) \|$", features_page(), flags=re.MULTILINE)
    features = TwoStage(RecommenderSettings()).features
    assert [row[:4] for row in rows] == [(one.name, one.unit, one.meaning, one.source) for one in features]


def test_every_rung_stands_in_the_guide_in_the_order_of_the_ladder() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", GUIDE, flags=re.MULTILINE)
    assert rows == list(RUNGS)


def tried(parameter: Parameter) -> str:
    """Write what is tried as the page on tuning does."""
    if not isinstance(parameter, HalfLives):
        return f"`[{', '.join(str(as_written(value)) for value in parameter.values)}]`"
    kept = "`state.covisits.half_lives`" if parameter.of == "covisits" else "`state.half_lives`"
    return f"{kept}, `none`" if parameter.or_none else kept


def test_every_search_space_stands_in_the_page_on_tuning_and_no_other() -> None:
    page = (ROOT / "docs/tuning.md").read_text()
    spaces = {**{name: rung.space for name, rung in RUNGS.items()}, RANKED: BOOSTING_SPACE}
    expected = [(name, parameter, tried(space[parameter])) for name, space in spaces.items() for parameter in space]
    assert re.findall(r"^\| `(\w+)` \| `(\w+)` \| (.+) \|$", page, flags=re.MULTILINE) == expected


def test_glossary_terms_stand_in_the_code_as_whole_words() -> None:
    code = "\n".join(path.read_text() for path in ROOT.glob("src/recsys/**/*.py"))
    rows = re.findall(r"^\| (.+?) \|", (ROOT / "docs/glossary.md").read_text(), flags=re.MULTILINE)
    terms = re.findall(r"`([^`]+)`", "\n".join(rows))
    assert len(terms) == len(set(terms)) >= len(rows) - 2  # all but the two lines of the head name a term
    assert [term for term in terms if not re.search(rf"\b{re.escape(term)}\b", code, flags=re.IGNORECASE)] == []
