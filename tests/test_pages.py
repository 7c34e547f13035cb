"""Tables in the pages say what the code says. The code in them runs in `test_docs.py`."""

import inspect
import re
from pathlib import Path

import pytest

import ipfs_kit_py
from ipfs_kit_py import Repository, error, errors
from ipfs_kit_py._kit.learning import GATED
from ipfs_kit_py._kit.methods import METHODS, PARTS
from ipfs_kit_py._kit.roles import ROLES, roles_with
from ipfs_kit_py._results import Result, failed
from ipfs_kit_py.errors import IPFSError
from ipfs_kit_py.ipfs import ipfs_py
from ipfs_kit_py.ipfs_kit import ipfs_kit

DOCS = Path(__file__).parents[1] / "docs"
LINK = re.compile(r"\]\(([^)#:]+)(?:#[\w-]+)?\)")


def text(page: str) -> str:
    return (DOCS / page).read_text(encoding="utf-8")


def table(page: str, header: str) -> list[list[str]]:
    """Give the rows of the table whose header begins so, cell by cell."""
    _, _, rest = text(page).partition(f"\n| {header}")
    rows = rest.split("\n\n")[0].splitlines()[2:]
    assert rows
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


def words(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_the_roles_are_those_of_the_kit() -> None:
    shown = {words(role)[0]: rest for role, *rest in table("roles.md", "role |")}
    assert shown.keys() == ROLES.keys()
    for name, (purpose, components) in shown.items():
        assert purpose == ROLES[name].purpose
        assert words(components) == sorted(ROLES[name].components)


def test_the_components_that_are_built_are_named() -> None:
    assert "these are the components that are\nbuilt" in text("roles.md")
    assert "tiered_cache" not in PARTS
    assert {at.component for at in METHODS.values()} - PARTS.keys() == {
        *("kit", "ipfs", "ipget", "s3_kit", "storacha_kit"),
        *("model_registry", "dataset_manager"),
    }
    for component, setting in GATED.items():
        assert f"`kit.{component}`" in text("roles.md")
        assert f"`{setting}`" in text("roles.md")


def test_calls_are_listed_with_the_roles_that_may_make_them() -> None:
    listed = {
        method: set(words(roles))
        for roles, methods in table("roles.md", "on a |")
        for method in words(methods)
    }
    restricted = {
        method: set(roles_with(at.component))
        for method, at in METHODS.items()
        if len(roles_with(at.component)) < len(ROLES)
    }
    assert listed == restricted


def test_refusals_are_what_the_page_says() -> None:
    for _, raised, kind in table("roles.md", "a call |"):
        name, builtin = words(raised)[0], words(kind)
        if builtin:
            assert issubclass(getattr(errors, name), eval(builtin[0]))  # noqa: S307


def test_the_keys_of_a_result_are_all_listed() -> None:
    rows = table("errors.md", "key |")
    always = [words(key)[0] for key, when, _ in rows if when == "always"]
    assert list(failed("cat", IPFSError("no")))[: len(always)] == always
    found: set[str] = set()
    for raised in (errors.TimedOutError("late"), errors.NotFoundError("no")):
        found |= failed("cat", raised).keys()
    assert {words(key)[0] for key, *_ in rows} == found
    assert issubclass(Result, dict)


def test_the_tree_is_that_of_the_module() -> None:
    drawn = re.search(r"```text\n(.*?)```", text("errors.md"), re.DOTALL)
    assert drawn
    assert (
        drawn[1] in inspect.cleandoc(errors.__doc__ or "").replace("\n    ", "\n") + "\n"
    )


def test_old_names_are_all_listed() -> None:
    shown = {
        words(old)[0]: words(new)[0]
        for old, new in table("errors.md", "`ipfs_kit_py.error` |")
    }
    for old, new in shown.items():
        assert getattr(error, old) is getattr(errors, new)
    assert shown.keys() == set(error.__all__) - set(errors.__dict__) - {
        *("Result", "create_result_dict", "handle_error", "perform_with_retry")
    }


def test_every_call_that_a_client_finds_here_exists() -> None:
    page = text("from-ipfshttpclient.md")
    for owner, name in re.findall(r"\b(repository|kit\.ipfs|kit)\.(\w+)", page):
        if (owner, name) == ("kit", "ipfs"):
            continue
        kind = {"repository": Repository, "kit.ipfs": ipfs_py, "kit": ipfs_kit}[owner]
        by_name = owner == "kit" and name in METHODS
        assert by_name or hasattr(kind, name), f"{owner}.{name}"
    for name in re.findall(r"`ipfs_kit_py\.(\w+)", page):
        assert hasattr(ipfs_kit_py, name), name
    for _, here in table("from-ipfshttpclient.md", "`ipfshttpclient.exceptions`"):
        for name in words(here):
            assert hasattr(errors, name.rpartition(".")[2]), name


@pytest.mark.parametrize("page", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_somewhere(page: str) -> None:
    for target in LINK.findall(text(page)):
        assert (DOCS / target).exists(), target
