"""Open a `translate` file and translate, stream, score with it. numpy and onnxruntime only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from seqtools.errors import UsageError
from seqtools.model_file import ModelFile
from seqtools_translate.glossary import Glossary
from seqtools_translate.opened import Opened, Team, check_team
from seqtools_translate.reading import Part, Reader
from seqtools_translate.results import Scored, TranslationResult, blank, put_together
from seqtools_translate.scoring import score_pairs
from seqtools_translate.searching import Searcher
from seqtools_translate.settings import Settings
from seqtools_translate.texts import spaced


def open_translator(
    model: ModelFile, *, device: str = "cpu", threads: int = 1, deadline: float | None = None
) -> Translator:
    """The runtime of the task `translate`; see `seqtools.load`."""
    return Translator(Team((Opened.of(model, device=device, threads=threads, deadline=deadline),)))


def open_ensemble(
    models: Sequence[ModelFile],
    *,
    weights: Sequence[float] | None = None,
    average: str = "probabilities",
    device: str = "cpu",
    threads: int = 1,
    deadline: float | None = None,
) -> Translator:
    """Several files that translate together, token by token.

    Args:
        models: files over the same target vocabulary.
        weights: how much each counts; None is evenly.
        average: `probabilities` or `log-probabilities`.
        device, threads, deadline: as for one, see `seqtools.load`.

    Raises:
        UsageError: there is no model, or weights do not fit.
        ModelFileError: two files have different target vocabularies.
    """
    check_team(len(models), weights, average)
    opened = tuple(Opened.of(model, device=device, threads=threads, deadline=deadline) for model in models)
    return Translator(Team(opened, None if weights is None else tuple(weights), average))


class Translator:
    """A model that translates, or several that do it together.

    The same text and settings give the same translation: alone or among others, in any order.

    Attributes:
        file, session: of the (first) model.
        source_tokenizer, target_tokenizer: its tokenizers.
    """

    def __init__(self, team: Team) -> None:
        self._team, first = team, team.first
        self.file, self.session = first.file, first.session
        self.source_tokenizer, self.target_tokenizer = first.source.tokenizer, first.target.tokenizer

    def settings(self, **options: Any) -> Settings:
        """Settings for a run: the options given, else the file's own defaults, else the general ones.

        Raises:
            UsageError: an option is unknown or out of range, or asks for what the file lacks.
        """
        told = self.file.card.get("decoding")
        settings = Settings.chosen(told if isinstance(told, dict) else {}, options)
        if settings.shortlist and self._team.lexicon is None:
            cause = "an ensemble has no lexicon" if self._team.several else f"{self.file.path} has no lexicon"
            raise UsageError("shortlist", cause, "Drop it, or export the model with a lexicon")
        if not self.attends and (settings.coverage_penalty != "none" or settings.replace_unk):
            name = "replace-unk" if settings.replace_unk else "coverage-penalty"
            raise UsageError(name, f"{self.file.path} is a model without attention", "Drop it")
        return settings

    @property
    def attends(self) -> bool:
        """Whether there is attention to tell, and alignments made of it."""
        return self._team.attends

    def translate(self, text: str, **options: Any) -> str:
        """The best translation of one text; options as in `translate_batch`."""
        return self.translate_batch([text], attention=False, **options)[0].text

    def translate_batch(
        self,
        texts: Sequence[str] | str,
        *,
        prefix: str | Sequence[str] = "",
        glossary: Glossary | None = None,
        attention: bool = True,
        first: int = 0,
        settings: Settings | None = None,
        **options: Any,
    ) -> list[TranslationResult]:
        """Translate texts.

        Args:
            texts: one sentence each, or just one; a blank one gives a blank translation.
            prefix: what translations begin with, for all texts or for each.
            glossary: what terms become or must not become.
            attention: keep attention and alignments.
            first: number of the first text in the whole input, which the noise of sampling depends on.
            settings: all of the below at once.
            options: fields of `Settings`: beam_size, n_best, length_penalty, alpha, max_length, …

        Returns:
            A result for each text, in order.

        Raises:
            UsageError: an option is unknown or out of range.
        """
        texts = [texts] if isinstance(texts, str) else texts
        reader = self._reader(settings, options, glossary)
        prefixes = [prefix] * len(texts) if isinstance(prefix, str) else list(prefix)
        if len(prefixes) != len(texts):
            cause = f"{len(prefixes)} are given for {len(texts)} texts"
            raise UsageError("prefix", cause, "Give one for all, or one for each")
        plan = [reader.parts(text, first + index, prefixes[index]) for index, text in enumerate(texts)]
        searcher = Searcher(self._team, reader, attention)
        done = iter(searcher.all([part for parts in plan for part in parts]))
        return [
            TranslationResult(text, put_together([next(done) for _ in parts]), *reader.remarks(parts))
            if parts
            else blank(text)
            for text, parts in zip(texts, plan, strict=True)
        ]

    def stream(
        self,
        text: str,
        *,
        prefix: str = "",
        glossary: Glossary | None = None,
        number: int = 0,
        settings: Settings | None = None,
        **options: Any,
    ) -> Iterator[str]:
        """Translate one text and hand out what all live hypotheses agree on, as soon as they do.

        Nothing handed out is ever taken back; all pieces together are the best translation.

        Args:
            text, prefix, glossary, settings, options: as in `translate_batch`.
            number: of the text in the whole input.
        """
        reader = self._reader(settings, options, glossary)
        parts = reader.parts(text, number, prefix)
        if reader.settings.replace_unk or any(part.entries for part in parts):  # known when all is known
            found = self.translate_batch(
                [text],
                prefix=prefix,
                glossary=glossary,
                attention=False,
                first=number,
                settings=reader.settings,
            )
            return iter([found[0].text] if found[0].text else [])
        return self._pieces(Searcher(self._team, reader), parts)

    def _pieces(self, searcher: Searcher, parts: Sequence[Part]) -> Iterator[str]:
        """Text as it comes, with one blank between parts and none at the ends."""
        said, held = False, ""
        for part in parts:
            stream = self.target_tokenizer.stream()
            for tokens in searcher.tokens(part.jobs[0]):
                held += spaced("".join(map(stream.push, tokens)))
                # Blanks wait for what follows: at the ends they are no part of the translation.
                ready = held.rstrip() if said else held.strip()
                if ready:
                    yield ready
                    held, said = held[len(held.rstrip()) :], True
            held = (held + spaced(stream.flush())).rstrip()
            if held.strip():
                yield held if said else held.strip()
                said = True
            held = " " if said else ""

    def score_batch(self, sources: Sequence[str], targets: Sequence[str]) -> list[Scored]:
        """How likely given translations are.

        Args:
            sources, targets: texts, the same number of both.

        Raises:
            UsageError: their numbers differ, a target is too long, or this is an ensemble.
        """
        if len(sources) != len(targets):
            cause = f"{len(sources):,} sources but {len(targets):,} targets"
            raise UsageError("score", cause, "Give one target for each source")
        if self._team.several:
            raise UsageError("score", "an ensemble cannot score", "Score with each model alone")
        return score_pairs(self._team.first, sources, targets)

    def look(self, text: str, *, settings: Settings) -> tuple[int, bool]:
        """Tokens of a text that the vocabulary does not cover, and whether its end would be cut off."""
        reader = self._reader(settings, {}, None)
        return reader.remarks(reader.parts(text, 0))

    def _reader(
        self, settings: Settings | None, options: dict[str, Any], glossary: Glossary | None
    ) -> Reader:
        chosen = self.settings(**options) if settings is None else settings
        sources = tuple(one.source for one in self._team.members)
        return Reader(sources, self._team.first.target, chosen, glossary)
