"""What a card tells, and what it keeps to itself."""

from __future__ import annotations

from typing import Any

from seqtools.export.made import without_folders
from seqtools.recipe import DataConfig, Recipe
from seqtools_generate.card import make_card


def card(recipe: Recipe, info: dict[str, Any]) -> dict[str, Any]:
    return make_card(
        recipe, info, {"name": "6-gram"}, parameters=7, tokenizer=("char", 5), profile="portable", form="ids"
    )


def test_absolute_paths_lose_their_folders() -> None:
    command = "seqtools train generate /home/ada/secret/notes.txt rel/b.txt -o /srv/x/run --set 'a = 1'"
    assert without_folders(command) == "seqtools train generate notes.txt rel/b.txt -o run --set 'a = 1'"
    told = card(Recipe(), {"command": command})
    assert "ada" not in str(told["made"]["command"])


def test_licence_comes_from_the_recipe() -> None:
    assert card(Recipe(), {})["licence"].startswith("not stated")
    assert card(Recipe(data=DataConfig(licence="CC0")), {})["licence"] == "CC0"
