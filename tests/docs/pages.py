"""What the tests of the documentation share: pages, their fenced blocks, links and command lines."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")
_PICTURE = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    found = _FENCE.findall(page.read_text(encoding="utf-8"))
    return [text for kind, text in found if kind == language]


def files(page: Path) -> dict[str, str]:
    """Blocks that begin with `# some/path.ext`, by that path."""
    text = page.read_text(encoding="utf-8")
    found = {}
    for _, block in _FENCE.findall(text):
        first = block.partition("\n")[0]
        if re.fullmatch(r"# [\w/.]+\.\w+", first):
            found[first[2:]] = block
    return found


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    """Targets of relative links."""
    return [target for target in _LINK.findall(prose(page)) if "://" not in target]


def pictures(page: Path) -> list[str]:
    """Targets of relative pictures."""
    return [target for target in _PICTURE.findall(prose(page)) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """What headings are called in links, as GitHub makes them."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose(page)))
    return {heading.replace(" ", "-") for heading in plain}


def command_lines(page: Path) -> Iterator[list[str]]:
    """Words after `seqtools` of every call in the page's `sh` blocks."""
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), "&&"]:
                if word in ("&&", "||", "|", ";"):
                    yield from _after_program(_without_redirections(words))
                    words = []
                else:
                    words.append(word)


def _without_redirections(words: list[str]) -> list[str]:
    """`translate -m m.onnx < in > out` without what the shell keeps for itself."""
    shell = {place for place, word in enumerate(words) if word in ("<", ">")}
    return [word for place, word in enumerate(words) if place not in shell and place - 1 not in shell]


def _after_program(words: list[str]) -> Iterator[list[str]]:
    if words[:1] == ["seqtools"]:
        yield words[1:]
    elif words[:1] in (["torchrun"], ["python"], ["python3"]) and "seqtools" in words:
        at = words.index("seqtools")
        assert words[at - 1] == "-m"
        yield words[at + 1 :]
