"""The distribution holds what the folders hold, and nothing lands where it would shadow others."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from seqtools import __version__

ROOT = Path(__file__).resolve().parents[2]
PLUGIN_ROOTS = ("plugins", "tokenizers")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def packages() -> list[Path]:
    """Every importable folder below `plugins/` and `tokenizers/`."""
    return sorted(
        path.parent for root in PLUGIN_ROOTS for path in (ROOT / root).glob("*/__init__.py") if path.is_file()
    )


def test_there_are_packages_to_look_at() -> None:
    assert {path.name for path in packages()} >= {"seqtools_generate", "seqtools_char"}


def test_every_folder_of_code_is_a_package() -> None:
    """A folder without `__init__.py` still imports, but type checkers and import-linter pass it by."""
    folders = {path.parent for top in (ROOT / "seqtools", *packages()) for path in top.rglob("*.py")}
    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").is_file()] == []


@pytest.mark.parametrize("root", PLUGIN_ROOTS)
def test_the_roots_are_no_packages_themselves(root: str) -> None:
    assert not (ROOT / root / "__init__.py").exists(), "it would shadow other projects' packages"
    assert [path.name for path in (ROOT / root).glob("*.py")] == []


@pytest.mark.parametrize("package", packages(), ids=lambda path: path.name)
def test_each_package_is_shipped_registered_and_typed(package: Path, project: dict[str, Any]) -> None:
    assert package.name.startswith("seqtools_")
    shipped = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert package.relative_to(ROOT).as_posix() in shipped
    assert package.name in project["project"]["entry-points"]["seqtools"].values()
    assert (package / "py.typed").is_file()
    assert package.name in project["tool"]["mypy"]["packages"]


def test_one_version_everywhere(project: dict[str, Any]) -> None:
    assert project["project"]["version"] == __version__
    assert f"## {__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert metadata.version("seqtools-suite") == __version__


def test_the_import_name_is_not_the_distribution_name(project: dict[str, Any]) -> None:
    assert project["project"]["name"] == "seqtools-suite"
    assert project["project"]["scripts"] == {"seqtools": "seqtools.cli:main"}


def test_torch_stays_in_the_train_extra(project: dict[str, Any]) -> None:
    base = " ".join(project["project"]["dependencies"])
    assert not [name for name in ("torch", "onnx>", "spox", "rich", "safetensors") if name in base]
    assert "torch>=2.11,<2.14" in project["project"]["optional-dependencies"]["train"]


def test_the_wheel_holds_our_packages_only(tmp_path: Path) -> None:
    pytest.importorskip("hatchling", reason="building a wheel needs hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert tops == {
        "seqtools",
        f"seqtools_suite-{__version__}.dist-info",
        *(package.name for package in packages()),
    }
    for package in ("seqtools", *(package.name for package in packages())):
        assert f"{package}/py.typed" in names
    assert not [name for name in names if name.endswith((".pyc", ".pt", ".safetensors"))]
    assert [name for name in names if name.endswith("licenses/LICENSE")]
