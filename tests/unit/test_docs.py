"""The documents keep up with the code: links resolve, and the commands that they name exist."""

from __future__ import annotations

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("sample/*.md"))
)

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"```[^\n]*\n(.*?)```|`([^`\n]+)`", re.DOTALL)
MAKE = re.compile(r"(?<![\w.-])make ([a-z][a-z-]*)")
MODULE = re.compile(r"python -m ([\w.]+)")
HEADING = re.compile(r"^#{1,6} +(.+?)\s*$", re.MULTILINE)

INSTALLED = {"pip", "venv", "pytest"}
"""Modules that documents name and that are no part of this project."""


@cache
def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def code(document: str) -> str:
    return "\n".join(block or inline for block, inline in CODE.findall(read(document)))


def without_code(document: str) -> str:
    return CODE.sub("", read(document))


def anchors(document: str) -> set[str]:
    """The names that GitHub gives to headings."""
    headings = HEADING.findall(re.sub(r"```.*?```", "", read(document), flags=re.DOTALL))
    return {
        re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading)).strip().lower().replace(" ", "-") for heading in headings
    }


def has_anchor(target: Path, anchor: str) -> bool:
    return target.suffix != ".md" or anchor in anchors(target.resolve().relative_to(ROOT).as_posix())


def targets() -> set[str]:
    return set(re.findall(r"^([a-z][a-z-]*):", read("Makefile"), re.MULTILINE))


def is_runnable(module: str) -> bool:
    name = module.rstrip(".")
    if name.partition(".")[0] in INSTALLED:
        return True
    spec = importlib.util.find_spec(name)
    if spec is None:
        return False
    return spec.submodule_search_locations is None or importlib.util.find_spec(f"{name}.__main__") is not None


def unresolved_links(document: str) -> list[str]:
    wrong = []
    for link in LINK.findall(without_code(document)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        if not target.exists() or (anchor and not has_anchor(target, anchor)):
            wrong.append(link)
    return wrong


def test_there_are_documents() -> None:
    assert {"README.md", "docs/architecture.md", "docs/costs.md"} <= set(DOCUMENTS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_relative_link_resolves(document: str) -> None:
    assert unresolved_links(document) == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_exists(document: str) -> None:
    assert set(MAKE.findall(code(document))) - targets() == set()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_can_be_run(document: str) -> None:
    assert [module for module in MODULE.findall(code(document)) if not is_runnable(module)] == []


def test_every_decision_is_listed() -> None:
    decisions = {path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    assert decisions
    assert set(re.findall(r"\((\d{4}-[^)]+\.md)\)", read("docs/decisions/README.md"))) == decisions


def alarm_pages() -> set[str]:
    """The runbook pages that the stacks' kinds of alarms name: the second argument of ``Kind(...)``."""
    calls = [
        node
        for path in (ROOT / "stacks").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Kind"
    ]
    return {str(ast.literal_eval(call.args[1])) for call in calls}


def test_every_kind_of_alarm_has_a_page_and_every_page_is_listed() -> None:
    pages = {path.stem for path in (ROOT / "docs/runbooks").glob("*.md")} - {"README"}
    assert len(alarm_pages()) > 10
    assert alarm_pages() - pages == set()
    assert {
        page.removesuffix(".md") for page in re.findall(r"\(([\w-]+\.md)\)", read("docs/runbooks/README.md"))
    } == pages
