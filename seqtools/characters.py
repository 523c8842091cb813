r"""Classes of characters for cutting texts into words, as ranges for the brackets of a regular expression.

They are explicit, so that Python's `re` and RE2, which onnxruntime cuts with, agree whatever Unicode version
each was built with.
"""

from __future__ import annotations

BLANKS = "\t\n\v\f\r\x1c-\x1f \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Every character that Unicode calls white space, and the information separators that Python adds."""

PUNCTUATION = (
    "!-/:-@\\[-`{-~\xa1-\xa9\xab-\xb1\xb4\xb6-\xb8\xbb-\xbf\xd7\xf7\u2010-\u2027\u2030-\u205e\u20a0-\u20c0"
    "\u2190-\u2bff\u3001-\u3003\u3008-\u3020\u3030\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"
)
"""ASCII but letters and digits; Latin-1 signs; general, CJK and full-width punctuation; arrows and signs."""

SINGLES = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U0001f000-\U0001faff\U00020000-\U0003ffff"
"""Written without blanks (kana, Chinese characters) or one picture each: a word by itself."""
