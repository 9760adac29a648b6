"""Ways in which people disguise what they write, as functions from a tweet and a source of chance to a tweet.

Mentions, hashtags and links are left alone. :data:`NAMED` are the kinds every filter should know; :data:`OTHERS` stand
for those it has not been told about.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from training_jobs.evaluation import alphabets

Attack = Callable[[str, random.Random], str]

_SHARE: Final = 0.5
_LEET: Final = {"a": "4@", "b": "8", "e": "3", "g": "9", "i": "1!", "l": "1|", "o": "0", "s": "5$", "t": "7+", "z": "2"}
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
_NEIGHBOURS: Final = {
    letter: around
    for row in ("qwertyuiop", "asdfghjkl", "zxcvbnm")
    for letter, around in zip(row, map("".join, zip(row[1:] + row[-2], row[:1] + row, strict=False)), strict=True)
}
"""The keys to the left and right of each."""

_FRAMES: Final = (("~*", "*~"), ("..", "!!"), ("<<", ">>"), ("((", "))"), ("__", "__"), ("#~", "~"))
_SOUNDS: Final = (
    ("ph", "f"),
    ("ck", "k"),
    ("c", "k"),
    ("qu", "kw"),
    ("x", "ks"),
    ("ee", "ea"),
    ("oo", "u"),
    ("s", "z"),
    ("i", "y"),
)


def attacked(texts: Sequence[str], attack: Attack, seed: int) -> list[str]:
    """Every tweet under one attack; the same seed gives the same tweets."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    return [attack(text, chance) for text in texts]


def by_word(change: Attack, share: float = _SHARE, least: int = 4) -> Attack:
    """The attack that changes this share of a tweet's words of at least ``least`` letters."""

    def attack(text: str, chance: random.Random) -> str:
        words = text.split()
        for place, word in enumerate(words):
            plain = word[0] not in "@#&" and not word.startswith("http")
            if plain and sum(map(str.isalpha, word)) >= least and chance.random() < share:
                words[place] = change(word, chance)
        return " ".join(words)

    return attack


def _letters(replace: Callable[[str, random.Random], str], share: float) -> Attack:
    """A change of a word's letters, each with this probability."""

    def change(word: str, chance: random.Random) -> str:
        return "".join(replace(letter, chance) if chance.random() < share else letter for letter in word)

    return change


def _leet(letter: str, chance: random.Random) -> str:
    return chance.choice(_LEET.get(letter.lower(), letter))


def _mask(word: str, chance: random.Random) -> str:
    size = min(len(word) - 2, chance.randint(1, 2))
    start = chance.randint(1, len(word) - 1 - size)
    return word[:start] + chance.choice("*#-_") * size + word[start + size :]


def _place(word: str, chance: random.Random) -> int:
    return chance.randint(1, len(word) - 2)


def _drop(word: str, chance: random.Random) -> str:
    place = _place(word, chance)
    return word[:place] + word[place + 1 :]


def _swap(word: str, chance: random.Random) -> str:
    place = chance.randint(1, len(word) - 3) if len(word) > 3 else 1  # noqa: PLR2004
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


def _typo(word: str, chance: random.Random) -> str:
    place = _place(word, chance)
    return word[:place] + chance.choice(_NEIGHBOURS.get(word[place].lower(), word[place])) + word[place + 1 :]


def _insert(word: str, chance: random.Random) -> str:
    place = _place(word, chance)
    return word[:place] + chance.choice(".-_'*~^") + word[place:]


def _split(word: str, chance: random.Random) -> str:
    place = chance.randint(2, max(2, len(word) - 2))
    return f"{word[:place]} {word[place:]}"


def _without_vowels(word: str, _chance: random.Random) -> str:
    return word[0] + "".join(letter for letter in word[1:] if letter.lower() not in "aeiou")


def _by_sound(word: str, _chance: random.Random) -> str:
    for spelling, sound in _SOUNDS:
        word = word.replace(spelling, sound)
    return word


def _repeat(word: str, chance: random.Random) -> str:
    place = _place(word, chance)
    return word[:place] + word[place] * chance.randint(3, 6) + word[place + 1 :]


def _double(word: str, _chance: random.Random) -> str:
    return "".join(letter * 2 for letter in word)


def _scramble(word: str, chance: random.Random) -> str:
    middle = list(word[1:-1])
    chance.shuffle(middle)
    return word[0] + "".join(middle) + word[-1]


def _turned(word: str, _chance: random.Random) -> str:
    return alphabets.written_in(alphabets.TURNED, word)[::-1]


def _in(table: Mapping[str, str]) -> Attack:
    """Letters from another alphabet."""
    return lambda word, _chance: alphabets.written_in(table, word)


def _hyphenated(word: str, chance: random.Random) -> str:
    size = chance.randint(2, 3)
    return "-".join(word[start : start + size] for start in range(0, len(word), size))


def _framed(word: str, chance: random.Random) -> str:
    before, after = chance.choice(_FRAMES)
    return before + word + after


def _broken(word: str, chance: random.Random) -> str:
    place = _place(word, chance)
    return f"{word[:place]}\n{word[place:]}"


def _right_to_left(word: str, _chance: random.Random) -> str:
    """Reversed, with the marks that make a screen show it the right way round."""
    return f"\u202e{word[::-1]}\u202c"


def _shifted(first: int) -> Attack:
    """Letters from a block of letters elsewhere in Unicode that begins at ``first``."""

    def change(word: str, _chance: random.Random) -> str:
        return "".join(chr(first + ord(c) - 97) if "a" <= c <= "z" else c for c in word.lower())

    return change


def _marks(word: str, chance: random.Random) -> str:
    return "".join(
        letter + "".join(chr(chance.randint(0x300, 0x36F)) for _ in range(chance.randint(1, 4))) for letter in word
    )


def _merged(text: str, chance: random.Random) -> str:
    words = text.split()
    merged = words[:1]
    for word in words[1:]:
        joins = (
            merged[-1][-1].isalpha() and word[0].isalpha() and not word.startswith("http") and chance.random() < _SHARE
        )
        if joins and merged[-1][0] not in "@#" and not merged[-1].startswith("http"):
            merged[-1] += word
        else:
            merged.append(word)
    return " ".join(merged)


def _mixed(text: str, chance: random.Random) -> str:
    kinds = [*NAMED.values(), OTHERS["letter_dropped"], OTHERS["letters_swapped"]]
    return chance.choice(kinds)(text, chance)


def _combined(*changes: Attack) -> Attack:
    """Changes of a word, one after another."""

    def change(word: str, chance: random.Random) -> str:
        for each in changes:
            word = each(word, chance)
        return word

    return change


NAMED: Final[Mapping[str, Attack]] = {
    "leet": by_word(_letters(_leet, 0.6)),
    "mask": by_word(_mask),
    "homoglyph": by_word(lambda word, _: "".join(alphabets.CYRILLIC.get(c, c) for c in word)),
    "zero_width": by_word(lambda word, chance: chance.choice(_INVISIBLE).join(word)),
    "spaced": by_word(lambda word, _: " ".join(word)),
    "repeats": by_word(_repeat),
}
"""Kinds of attack that every filter should know."""

OTHERS: Final[Mapping[str, Attack]] = {
    "vowels_dropped": by_word(_without_vowels),
    "phonetic": by_word(_by_sound),
    "words_merged": _merged,
    "word_split": by_word(_split),
    "letter_dropped": by_word(_drop),
    "letters_swapped": by_word(_swap),
    "middle_scrambled": by_word(_scramble),
    "keyboard_typo": by_word(_typo),
    "sign_inserted": by_word(_insert),
    "letters_doubled": by_word(_double),
    "dotted": by_word(lambda word, _: ".".join(word)),
    "reversed": by_word(lambda word, _: word[::-1]),
    "upside_down": by_word(_turned),
    "fullwidth": by_word(_shifted(0xFF41)),
    "mathematical": by_word(_shifted(0x1D41A)),
    "circled": by_word(_shifted(0x24D0)),
    "regional_letters": by_word(_shifted(0x1F1E6)),
    "marks": by_word(_marks),
    "entities": by_word(lambda word, _: "".join(f"&#{ord(c)};" for c in word)),
    "random_case": by_word(
        lambda word, chance: "".join(chance.choice((c.upper(), c.lower())) for c in word), share=1.0
    ),
    "no_punctuation": lambda text, _: "".join(c for c in text.lower() if c not in ".,!?\"';:()"),
    "harmless_words_added": lambda text, _: f"{text} have a lovely day everybody, sunshine and flowers",
    "mixture": _mixed,
    "greek_letters": by_word(_in(alphabets.GREEK)),
    "armenian_letters": by_word(_in(alphabets.ARMENIAN)),
    "cherokee_letters": by_word(_in(alphabets.CHEROKEE)),
    "scripts_mixed": by_word(alphabets.written_in_any),
    "small_capitals": by_word(_in(alphabets.SMALL_CAPITALS)),
    "superscripts": by_word(_in(alphabets.SUPERSCRIPTS)),
    "emoji_letters": by_word(_shifted(0x1F170)),
    "squared": by_word(_shifted(0x1F130)),
    "accented": by_word(_in(alphabets.ACCENTED)),
    "signs_for_vowels": by_word(_in(alphabets.SIGNS_FOR_VOWELS)),
    "hyphenated": by_word(_hyphenated),
    "framed": by_word(_framed),
    "line_breaks": by_word(_broken),
    "right_to_left": by_word(_right_to_left),
    "leet_and_spaced": by_word(_combined(_letters(_leet, 0.6), lambda word, _: " ".join(word))),
    "look_alikes_and_zero_width": by_word(
        _combined(alphabets.written_in_any, lambda word, chance: chance.choice(_INVISIBLE).join(word))
    ),
    "swapped_and_repeated": by_word(_combined(_swap, _repeat)),
}
"""Kinds of attack that a filter may not have been told about."""
