"""Recipes: who wins, what is refused and how, and TOML there and back."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqtools import config
from seqtools.config import Layer, build
from seqtools.errors import ConfigError
from seqtools.recipe import Recipe


def layer(**values: Any) -> Layer:
    return Layer("test", {path.replace("__", "."): value for path, value in values.items()})


def test_without_layers_a_recipe_is_the_defaults() -> None:
    assert build() == Recipe()


def test_later_layers_win(tmp_path: Path) -> None:
    file = tmp_path / "r.toml"
    file.write_text("[training]\nlr = 1e-4\nchunk = 7\nbatch_size = 3\n[network]\nwidth = 99\n")
    made = build(
        config.preset("char-small"),
        config.read_layer(file),
        config.parse_assignments(["training.lr=0.5", "training.chunk=8"]),
        Layer("flags", {"training.lr": 0.25}),
    )
    training = made.training
    assert (training.lr, training.chunk, training.batch_size, made.network.width) == (0.25, 8, 3, 99)
    assert made.network.embedding == 64  # the preset's, not overruled


@pytest.mark.parametrize("name", config.preset_names())
def test_every_preset_builds_and_survives_the_run_folder(name: str, tmp_path: Path) -> None:
    made = build(config.preset(name))
    assert made != Recipe()
    file = tmp_path / "recipe.toml"
    file.write_text(config.dump(made), encoding="utf-8")
    assert build(config.read_layer(file)) == made


def test_the_promised_presets_are_there() -> None:
    assert {"char-small", "char-best", "word-awd", "char-rnn"} <= set(config.preset_names())
    with pytest.raises(ConfigError, match="Did you mean 'char-small'"):
        config.preset("char-smal")


def test_all_mistakes_are_told_at_once_each_with_its_source_and_the_nearest_name() -> None:
    with pytest.raises(ConfigError) as caught:
        build(
            Layer("a.toml", {"training.learning": 1, "network.widht": 5, "training.lr": "fast"}),
            Layer("--set", {"training.optimizer": "adamww", "network.layers": 0, "network.tied": 1}),
        )
    text = str(caught.value)
    assert "6 mistakes" in text
    assert "a.toml: unknown key 'network.widht' (did you mean 'network.width'?)" in text
    assert 'a.toml: training.lr = "fast" is not a number' in text
    assert "--set: training.optimizer = 'adamww' is not one of" in text
    assert "(did you mean 'adamw'?)" in text
    assert "network.layers = 0 is outside 1 to 64" in text
    assert "network.tied = 1 is not true or false" in text
    assert "\n" not in text
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_must_be_finite(value: float) -> None:
    with pytest.raises(ConfigError, match="not a finite number"):
        build(layer(training__lr=value))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[training]\nlr = \n", "is not valid TOML"),
        ("[trainin]\n", "unknown key 'trainin'"),
        ("training = 3\n", "unknown key 'training'"),
        ("[network.width]\nx = 1\n", "unknown key 'network.width.x'"),
        ("[tokenizer.options]\nsampling = [1]\n", "tokenizer.options.sampling"),
        ("[data]\nvalid = 2020-01-01\n", "is not a string"),
    ],
)
def test_files_with_mistakes(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.toml") as caught:
        build(config.read_layer(file))
    assert problem in str(caught.value)


def test_a_missing_file_and_one_that_is_not_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such recipe file"):
        config.read_layer(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"x = '\xe9'")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.read_layer(tmp_path / "latin.toml")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("true", True),
        ("3m", "3m"),
        ("'a b'", "a b"),
        ("a b", "a b"),
        ("1\nb = 2", "1\nb = 2"),
    ],
)
def test_values_of_set(text: str, value: object) -> None:
    assert config.parse_value(text) == value


def test_set_gives_text_keys_text_and_needs_an_equals_sign() -> None:
    made = build(config.parse_assignments(["training.sample_prompt=1984", "tokenizer.options.sampling=0.1"]))
    assert made.training.sample_prompt == "1984"
    assert made.tokenizer.options == {"sampling": 0.1}
    with pytest.raises(ConfigError, match="there is no '='"):
        config.parse_assignments(["training.lr"])


def test_another_tokenizer_drops_the_options_of_the_first() -> None:
    made = build(config.preset("word-awd"), layer(tokenizer__kind="char"))
    assert made.tokenizer.options == {}
    kept = build(config.preset("word-awd"), layer(tokenizer__kind="word"))
    assert kept.tokenizer.options == {"mode": "whitespace"}


def test_an_end_named_on_the_command_line_sets_the_other_ends_of_a_preset_aside() -> None:
    preset, flags = config.preset("char-small"), layer(training__steps=500)
    made = build(preset, config.set_aside(flags), flags)
    assert (made.training.steps, made.training.max_time) == (500, "")
    both = layer(training__steps=500), layer(training__max_time="1m")
    made = build(preset, config.set_aside(*both), *both)
    assert (made.training.steps, made.training.max_time) == (500, "1m")
    assert build(preset, config.set_aside(layer(training__lr=1.0))).training.max_time == "3m"


def test_the_command_line_is_one_place_to_name_a_tokenizer_and_its_options() -> None:
    spoken = layer(tokenizer__options__sampling=0.5), layer(tokenizer__kind="sentencepiece")
    made = build(config.preset("word-awd"), config.set_aside(*spoken), *spoken)
    assert made.tokenizer.options == {"sampling": 0.5}


def _values(key: config.Key) -> st.SearchStrategy[Any]:
    if key.path == config.FREE:
        scalar = st.booleans() | st.integers(-5, 5) | st.floats(-1e9, 1e9) | st.text()
        return st.dictionaries(st.text(min_size=1), scalar, max_size=3)
    if key.path in config.choices():
        return st.sampled_from(config.choices()[key.path])
    if key.type is bool:
        return st.booleans()
    if key.type is str:
        return st.text()
    low, high = config.limits().get(key.path, (-1e6, 1e6))
    if key.type is int:
        return st.integers(int(low), int(high))
    return st.floats(low, high)


@settings(max_examples=40, deadline=None)
@given(st.fixed_dictionaries({}, optional={path: _values(key) for path, key in config.keys().items()}))
def test_what_is_dumped_is_read_back(values: dict[str, Any]) -> None:
    made = build(Layer("drawn", values))
    again = build(Layer("read", config.flatten(tomllib.loads(config.dump(made)))))
    assert again == made


def test_every_key_is_explained() -> None:
    told = config.help_table()
    assert all(key.summary for key in config.keys().values())
    assert "training.lr" in told
    assert "Peak learning rate." in told
