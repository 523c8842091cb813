"""The task `tag`: labelled words in, one tagger out. Hooks only; the code is imported on use."""

from __future__ import annotations
