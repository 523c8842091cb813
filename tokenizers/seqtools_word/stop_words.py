"""Words that are left out of a text since they say little about its topic."""

from __future__ import annotations

from collections.abc import Iterable

# Articles, pronouns, auxiliaries, prepositions, conjunctions. What negates stays in the text: without
# "not", "no" and "never" a review would turn into its opposite.
ENGLISH = """
a an the this that these those
i me my mine myself you your yours yourself yourselves he him his himself she her hers herself it its itself
we us our ours ourselves they them their theirs themselves who whom whose which what
am is are was were be been being do does did doing done have has had having will would shall should can could
may might must ought
i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll it's it'd it'll we're we've
we'd we'll they're they've they'd they'll that's that'll who's who'd who'll what's here's there's let's
of at by for with about between into through during before after above below to from up down in out on off
over under as than
and or if because until while so then once here there when where why how all any both each few other some such
same own
"""

LISTS = {"english": ENGLISH}


def stop_words(asked: str | Iterable[str]) -> list[str]:
    """The words that an option asks for, with both apostrophes.

    Args:
        asked: the name of a list, or words with commas between them, or the words themselves.
    """
    if not isinstance(asked, str):
        words = [str(word) for word in asked]
    elif asked in LISTS:
        words = LISTS[asked].split()
    else:
        words = [word for word in (part.strip() for part in asked.split(",")) if word]
    return [*words, *(word.replace("'", "’") for word in words if "'" in word)]
