"""`seqtools translate` as a person meets it."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from seqtools_char.tokenizer import CharTokenizer
from seqtools_translate import opened
from seqtools_word.tokenizer import WordTokenizer

Cli = Callable[..., Result]
unit = Path(__file__).resolve().parents[1] / "unit"
copy: Any = SimpleNamespace(**runpy.run_path(str(unit / "copy_translator.py")))
CHAR = CharTokenizer(' abcdefghijklmnopqrstuvwxyzABC.,ä{}":')
WORDS = WordTokenizer(["the", "cat", "sees", "a", "dog", "die", "Katze", "sieht", "einen", "Hund"])
IMAGE = dict(zip(WORDS.encode("the cat sees a dog"), WORDS.encode("die Katze sieht einen Hund"), strict=True))
KEYS = ["text", "translation", "score", "log_prob", "tokens", "log_probs"]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that copies characters."""
    made: Path = copy.write_outline(tmp_path_factory.mktemp("copy") / "copy.onnx", CHAR)
    return made


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that translates ten words."""
    made: Path = copy.write_outline(tmp_path_factory.mktemp("words") / "words.onnx", WORDS)
    return made


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Outlines are answered for by numpy; the sessions that were opened."""
    made: list[Any] = []

    def session(data: bytes, *, subject: str, **_: Any) -> Any:
        vocab = WORDS.vocab_size if "words" in subject else CHAR.vocab_size
        made.append(copy.CopySession(vocab, IMAGE if "words" in subject else None, sharp=9.0))
        return made[-1]

    monkeypatch.setattr(opened, "Session", session)
    return made


@pytest.fixture
def translate(run_cli: Cli, model: Path, sessions: list[Any]) -> Cli:
    """`translate("abc", "-b", 2)` with the model that copies."""

    def run(*arguments: object, **more: Any) -> Result:
        return run_cli("translate", "-m", model, *arguments, **more)

    return run


@pytest.fixture
def german(run_cli: Cli, words: Path, sessions: list[Any]) -> Cli:
    """The same with the model of words."""

    def run(*arguments: object, **more: Any) -> Result:
        return run_cli("translate", "-m", words, *arguments, **more)

    return run


def ok(result: Result) -> str:
    assert result.exit_code == 0, result.stderr or result.exception
    return str(result.stdout)


def test_texts_from_everywhere_go_everywhere(translate: Cli, tmp_path: Path) -> None:
    assert ok(translate("abc de")) == "abc de\n"
    assert ok(translate(input="abc de\nf\n")) == ok(translate("-", input="abc de\nf")) == "abc de\nf\n"
    (tmp_path / "in.txt").write_text("abc\nde\n")
    assert ok(translate("-i", tmp_path / "in.txt")) == "abc\nde\n"
    assert ok(translate("-i", "-", input="abc")) == "abc\n"
    done = translate("-i", tmp_path / "in.txt", "-o", tmp_path / "out.txt")
    assert (ok(done), done.stderr, (tmp_path / "out.txt").read_text()) == ("", "", "abc\nde\n")
    ok(translate("-i", tmp_path / "in.txt", "-o", tmp_path / "in.txt"))  # onto itself
    assert (tmp_path / "in.txt").read_text() == "abc\nde\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt"]
    assert ok(translate(input="")) == ""
    assert ok(translate("a\nb")) == "a\nb\n" and ok(translate("")) == "\n"


def test_empty_and_blank_lines_stay_where_they_are(translate: Cli) -> None:
    assert ok(translate(input="\nabc\n\n   \nde\n\n")) == "\nabc\n\n\nde\n\n"


@pytest.mark.parametrize("more", [(), ("--stream",), ("--batch-size", 1), ("--no-repeat-ngram", 90)], ids=str)
@budget(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(texts=st.lists(st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=6)))
def test_as_many_lines_come_out_as_go_in(translate: Cli, more: tuple[object, ...], texts: list[str]) -> None:
    asked = (*more, "-b", 1, "--max-length", 30)
    out = ok(translate(*asked, input="".join(f"{text}\n" for text in texts).encode()))
    assert out.count("\n") == len(texts)
    for text, line in zip(texts, out.split("\n"), strict=False):
        if not text.strip():
            assert line == ""
        elif set(text) <= set(CHAR.characters):
            assert line == text.strip()


def test_odd_separators_are_no_line_ends(translate: Cli) -> None:
    out = ok(translate(input="a\u0085b\u2028c\u2029d\x0be\n\u2028\nf\n"))
    assert out.split("\n")[1:] == ["", "f", ""] and out.count("\n") == 3


def test_lines_of_all_lengths_keep_their_order(translate: Cli) -> None:
    texts = ["a" * (1 + n * 7 % 13) for n in range(100)]
    asked = ("--batch-size", 9, "--batch-type", "sents", "-b", 1)
    assert ok(translate(*asked, input="\n".join(texts))) == "\n".join(texts) + "\n"
    tokens = ("--batch-size", 40, "--batch-type", "tokens", "-b", 1)
    assert ok(translate(*tokens, input="\n".join(texts))) == "\n".join(texts) + "\n"


def test_streaming_answers_before_the_next_line_is_read(
    translate: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from seqtools import line_source

    seen: list[str] = []

    def lines(stream: Any, name: str) -> Any:
        from seqtools.lines import Line

        yield Line(1, "abc")
        seen.append((tmp_path / "out.partial").read_text())
        yield Line(2, "de")
        seen.append((tmp_path / "out.partial").read_text())

    monkeypatch.setattr(line_source, "read_lines", lines)
    ok(translate("--stream", "-i", "-", "-o", tmp_path / "out", input="x"))
    assert seen == ["abc\n", "abc\nde\n"]


def test_scores_n_best_and_alignments(german: Cli) -> None:
    assert ok(german("the cat", "--alignment", "hard")) == "die Katze ||| 0-0 1-1\n"
    text, score = ok(german("the cat", "--with-scores")).rstrip("\n").split(" ||| ")
    assert text == "die Katze" and float(score) < 0
    text, told = ok(german("the cat", "--alignment", "soft")).rstrip("\n").split(" ||| ")
    matrix = json.loads(told)
    assert text == "die Katze" and [max(row) for row in matrix] == [matrix[0][0], matrix[1][1]]
    assert all(0.9 < sum(row) < 1 for row in matrix)  # the rest went to the end of the source
    lines = ok(german("--n-best", 3, input="the cat\n\na dog\n")).splitlines()
    split = [line.split(" ||| ") for line in lines]
    assert [fields[0] for fields in split] == ["0", "0", "0", "1", "2", "2", "2"]
    assert split[0][1] == "die Katze" and split[3][1:] == ["", "0.0000"] and split[4][1] == "einen Hund"
    assert float(split[0][2]) > float(split[1][2]) > float(split[2][2])
    aligned = ok(german("the cat", "--n-best", 2, "--alignment", "hard")).splitlines()
    assert aligned[0].split(" ||| ")[:3] == ["0", "die Katze", "0-0 1-1"]
    one = ok(german("the cat", "--format", "nbest"))
    assert one.startswith("0 ||| die Katze ||| -") and one.count("\n") == 1
    assert ok(german("the cat", "--n-best", 2, "--format", "text")) == "die Katze\n"


def test_json_has_exactly_these_keys(german: Cli) -> None:
    told = [json.loads(line) for line in ok(german("--json", input="the cat\n\n")).splitlines()]
    assert [list(line) for line in told] == [KEYS, KEYS]
    assert (told[0]["text"], told[0]["translation"]) == ("the cat", "die Katze")
    assert len(told[0]["log_probs"]) == len(told[0]["tokens"]) + 1
    assert told[0]["log_prob"] == pytest.approx(sum(told[0]["log_probs"]))
    assert (told[1]["translation"], told[1]["score"]) == ("", 0.0)
    every = json.loads(ok(german("the cat", "--json", "--n-best", 2, "--alignment", "hard")))
    assert list(every) == [*KEYS, "alignment", "hypotheses"]
    assert [list(one) for one in every["hypotheses"]] == [[*KEYS[1:], "alignment"]] * 2
    assert every["alignment"] == "0-0 1-1"
    soft = json.loads(ok(german("the cat", "--format", "json", "--alignment", "soft")))["alignment"]
    assert list(soft) == ["source", "target", "matrix"]
    assert (soft["source"], soft["target"]) == (["the", "cat"], ["die", "Katze"])


def test_fields_of_records_are_passed_through(german: Cli, tmp_path: Path) -> None:
    record = {"id": 7, "text": "the cat", "more": {"deep": [1]}}
    lines = ok(german("--json", input=f"{json.dumps(record)}\na dog\n")).splitlines()
    told = json.loads(lines[0])
    assert list(told) == ["id", "text", "more", *KEYS[1:]]
    assert told["more"] == {"deep": [1]} and told["translation"] == "die Katze"
    assert json.loads(lines[1])["text"] == "a dog"
    (tmp_path / "in.jsonl").write_text('{"en": "a dog", "translation": "?"}\n\n')
    asked = ("-i", tmp_path / "in.jsonl", "--source-field", "en", "--json")
    first, second = map(json.loads, ok(german(*asked)).splitlines())
    assert (first["translation"], next(iter(first)), second["translation"]) == ("einen Hund", "en", "")
    assert ok(german(*asked[:-1])) == "einen Hund\n\n"
    bad = german("--source-field", "en", input='{"en": "a dog"}\n{"de": 1}\n')
    assert (bad.exit_code, bad.stdout) == (1, "einen Hund\n")
    assert "stdin, line 2" in bad.stderr and "field 'en' is not there" in bad.stderr


def test_prefix_lengths_and_penalties_reach_the_search(translate: Cli) -> None:
    assert ok(translate("abc", "--prefix", "ba")) == "bac\n"
    assert ok(translate("abc", "--prefix", "j", "--prefix-bias", 0.001)) == "abc\n"
    assert len(ok(translate("abcdefgh", "--max-length", 4))) <= 5
    assert len(ok(translate("ab", "--min-length", 6))) >= 6
    assert ok(translate("aaaa", "--no-repeat-ngram-size", 2)) != "aaaa\n"
    for more in (
        ("--length-penalty", "wu", "--alpha", 0.6),
        ("--length-penalty", "none"),
        ("--word-reward", 0.1, "--coverage-penalty", "wu", "--beta", 0.1),
        ("--repetition-penalty", 1.01, "--patience", 1, "--prune", 9),
        ("-b", 4, "--diverse-groups", 2, "--diversity", 0.1),
        ("--max-length-ratio", 3, "--min-length-ratio", 0.5, "-t", 1),
    ):
        assert ok(translate("abc", *more)) == "abc\n"


def test_samples_and_their_seed(translate: Cli) -> None:
    asked = ("abcdef", "--sampling-temperature", 4, "--sampling-topk", 9)
    first = translate(*asked)
    assert first.stderr.startswith("seed: ") and first.stderr.count("\n") == 1
    again = translate(*asked, "--seed", first.stderr.split()[1])
    assert ok(again) == ok(first) and again.stderr == ""
    assert translate("abc", "--sampling-topp", 0.9, "-s", 1, "--n-best", 3).exit_code == 0


def test_ensembles(run_cli: Cli, model: Path, words: Path, sessions: list[Any]) -> None:
    for more in ((), ("--weights", "2,1"), ("--ensemble-by", "log-probabilities")):
        assert ok(run_cli("translate", "-m", model, "-m", model, "abc", *more)) == "abc\n"
    assert len(sessions) == 6 and all(session.runs for session in sessions)
    other = run_cli("translate", "-m", model, "-m", words, "abc")
    assert other.exit_code == 3 and "target vocabulary" in other.stderr
    for weights, told in (("1", "1 weights for 2 models"), ("a,b", "no numbers"), ("1,0", "above 0")):
        bad = run_cli("translate", "-m", model, "-m", model, "abc", "--weights", weights)
        assert bad.exit_code == 2 and told in bad.stderr
    alone = run_cli("translate", "-m", model, "abc", "--weights", "1")
    assert alone.exit_code == 2 and "one model only" in alone.stderr


def test_glossaries_are_followed_or_the_line_is_named(german: Cli, tmp_path: Path) -> None:
    terms = tmp_path / "terms.tsv"
    terms.write_text("cat\tHund\nsees\tkein Wort\n")
    result = german("--glossary", terms, input="a dog\nthe cat\nthe cat sees\n")
    lines = ok(result).splitlines()
    assert len(lines) == 3 and lines[0] == "einen Hund" and "Hund" in lines[1] and "Hund" in lines[2]
    told = "Warning: line 3: the glossary could not be followed: 'sees' -> 'kein Wort'\n"
    assert result.stderr == told
    terms.write_text("cat Hund\n")
    bad = german("the cat", "--glossary", terms)
    assert bad.exit_code == 1 and "line 1" in bad.stderr and bad.stderr.count("\n") == 1


def test_long_lines_are_cut_with_a_warning_or_split(translate: Cli) -> None:
    text = "abc de. fgh, ij. kl"
    cut = translate("--max-source", 8, input=f"a\n{text}\n")
    assert ok(cut) == "a\nabc de.\n"
    assert cut.stderr == "Warning: line 2 is too long and was cut to 8 tokens; --split-long splits it\n"
    split = translate("--max-source", 8, "--split-long", input=f"a\n{text}\n")
    assert (ok(split), split.stderr) == (f"a\n{text}\n", "")
    endless = translate(input="a" * (2 << 20) + "\nb\n")
    assert ok(endless).endswith("\nb\n") and ok(endless).count("\n") == 2
    assert "line 1 is too long" in endless.stderr


def test_an_unknown_language_is_said_once(german: Cli, translate: Cli) -> None:
    some = german(input="the cat\nder Kater\n\nein Hund\n")
    assert ok(some).count("\n") == 4
    told = "Warning: 3 tokens in 2 lines (the first is line 2) are unknown to this model"
    assert some.stderr.startswith(told) and some.stderr.count("\n") == 1
    other = translate("это не кот")
    assert other.exit_code == 0 and other.stderr.count("\n") == 1 and "1 line are" in other.stderr
    assert translate("ein ä ö").stderr == ""


def test_replace_unk(german: Cli) -> None:
    assert ok(german("the zyx")) == "die <unk>\n"
    assert ok(german("the zyx", "--replace-unk")) == "die zyx\n"


def test_shortlist_of_a_file_without(translate: Cli) -> None:
    result = translate("abc", "--shortlist")
    assert result.exit_code == 2 and "has no lexicon" in result.stderr
    assert ok(translate("abc", "--no-shortlist")) == "abc\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("-b", 0), "beam-size: 0 is out of range. Use 1 (greedy) to 1000."),
        (("-b", -3), "beam-size"),
        (("-b", "x"), "x"),
        (("-b", 2, "--n-best", 3), "Use --beam-size 3"),
        (("--n-best", 0), "n-best"),
        (("--alpha", "nan"), "alpha"),
        (("--beta", -1), "beta"),
        (("--max-length", 0), "max-length"),
        (("--min-length", -1), "min-length"),
        (("--min-length", 9, "--max-length", 8), "min-length"),
        (("--max-length-ratio", -1), "max-length-ratio"),
        (("--no-repeat-ngram", -1), "no-repeat-ngram"),
        (("--repetition-penalty", 0), "repetition-penalty"),
        (("--prefix-bias", 2), "prefix-bias"),
        (("--diverse-groups", 2), "do not divide"),
        (("--patience", -1), "patience"),
        (("--prune", -1), "prune"),
        (("--sampling-topk", -1), "sampling-topk"),
        (("--sampling-topp", 0), "sampling-topp"),
        (("--sampling-temperature", "inf"), "sampling-temperature"),
        (("--seed", -1), "seed"),
        (("--max-source", 0), "max-source"),
        (("--batch-size", 0), "batch-size"),
        (("-i", "x"), "both given"),
        (("--json", "--format", "text"), "both given"),
    ],
    ids=str,
)
def test_bad_options_end_with_2(translate: Cli, arguments: tuple[object, ...], told: str) -> None:
    result = translate("abc", *arguments)
    assert result.exit_code == 2 and result.stdout == ""
    assert told in result.stderr
    assert result.stderr.strip().count("\n") == 0 or result.stderr.startswith("Usage")


def test_bad_threads_and_deadlines(run_cli: Cli, model: Path) -> None:
    for arguments in (("-t", -1), ("--deadline", 0)):
        result = run_cli("translate", "-m", model, "abc", *arguments)
        assert result.exit_code == 2 and result.stderr.count("\n") == 1


def test_invalid_utf8_loses_no_line_before_it(translate: Cli, tmp_path: Path) -> None:
    result = translate(input=b"abc\nde\nf\xe4\nghi\n")
    assert (result.exit_code, result.stdout) == (1, "abc\nde\n")
    assert "stdin, line 3: it is not UTF-8: byte 0xe4 at offset 8." in result.stderr
    (tmp_path / "in").write_bytes(b"abc\n\xff\n")
    result = translate("-i", tmp_path / "in", "-o", tmp_path / "out")
    assert result.exit_code == 1 and not (tmp_path / "out").exists()
    assert (tmp_path / "out.partial").read_text() == "abc\n" and "out.partial" in result.stderr


def test_bad_files(run_cli: Cli, translate: Cli, model: Path, tmp_path: Path) -> None:
    missing = translate("-i", tmp_path / "none")
    assert missing.exit_code == 1 and missing.stderr.count("\n") == 1
    (tmp_path / "not.onnx").write_bytes(b"no model")
    for name in ("not.onnx", "none.onnx"):
        result = run_cli("translate", "-m", tmp_path / name, "a")
        assert result.exit_code == 3 and result.stderr.count("\n") == 1 and name in result.stderr
    tiny = SimpleNamespace(**runpy.run_path(str(unit / "tiny_file.py")))
    other = run_cli("translate", "-m", tiny.write_tiny(tmp_path / "lm.onnx"), "a")
    assert other.exit_code == 3 and "not for 'translate'" in other.stderr
    back = run_cli("generate", "-m", model, "a")
    assert back.exit_code == 3 and "seqtools translate -m" in back.stderr
    folder = translate("a", "-o", tmp_path)
    assert folder.exit_code == 1 and folder.stderr.count("\n") == 1


def test_an_attention_map_of_the_first_line(german: Cli, tmp_path: Path) -> None:
    pytest.importorskip("seqtools_translate.attention_map")
    result = german("--attention-map", tmp_path / "map.svg", input="\nthe cat\na dog\n")
    assert ok(result) == "\ndie Katze\neinen Hund\n"
    assert result.stderr == "the attention map shows line 2\n"
    drawn = (tmp_path / "map.svg").read_text()
    assert "Katze" in drawn and "cat" in drawn and "Hund" not in drawn
    shown = german("the cat", "--attention-map", "ansi")
    assert ok(shown) == "die Katze\n" and "Katze" in shown.stderr
    bad = german("the cat", "--attention-map", tmp_path / "map.txt")
    assert (bad.exit_code, bad.stdout) == (2, "")
    assert "map.txt" in bad.stderr and bad.stderr.count("\n") == 1


def test_help_tells_the_defaults(run_cli: Cli) -> None:
    told = ok(run_cli("translate", "--help"))
    for name in (
        "--beam-size",
        "--glossary",
        "--split-long",
        "--alignment",
        "--attention-map",
        "--ensemble-by",
    ):
        assert name in told
    assert told.count("default") >= 20
