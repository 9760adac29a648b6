"""The one normaliser: from the text of a tweet to the words that the model sees, in training and serving alike.

A tweet is cut at white space into chunks and each chunk is normalised by itself, so that what a chunk becomes can be
remembered and every word can be traced back to its place in the raw text. Then words that were taken apart by white
space are put together again. Time is linear in the text; ordinary words come out as they are, in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final

import msgspec

from moderation import vocabulary as words_seen
from moderation.characters import fold, unescape, upright
from moderation.halves import Halves
from moderation.repair import Repairs
from moderation.vocabulary import Vocabulary

USER: Final = "<user>"
URL: Final = "<url>"
TOKENS: Final = frozenset((USER, URL))
"""The words that stand for something else; no other word holds an angle bracket."""

_CHUNK: Final = re.compile(r"\S+")
_QUOTES: Final = "\"'()[]{}.,:;?\u2026\u201c\u201d\u2018\u2019\u00ab\u00bb\u2013\u2014-"
_CLOSING: Final = _QUOTES + "!"
_PART: Final = re.compile(r"[^\W_]+|[\u2600-\u27bf\U0001f000-\U0001faff]")
_APOSTROPHE: Final = re.compile(r"(?<=\w)['`](?=\w)")
_URL: Final = re.compile(r"https?:|www\.\w|\bt\.co/|\w\.(?:com|net|org)(?:/|$)")
_USER: Final = re.compile(r"@\w+")
_SIGNS: Final = re.compile(r"[^\w\s]|_")
_WORD_SIGN: Final = re.compile(r"[^.,:;!?'\")\u2026\u201d\u2019]")
_STRONG: Final = re.compile(r"[*@$!%&^+~=|<>(){}\[\]#]")
_LATIN: Final = re.compile("[A-Za-z]")
_OTHER_SCRIPT: Final = re.compile("[\u0370-\u167f\u1f00-\u1fff\ua4d0-\ua95f]")
_SCHEMES: Final = ("http://", "https://")
_NAMED: Final = "@h"
"""What mentions and links begin with."""

_ANY_USER: Final = "@user"
_ANY_URL: Final = "https://"
_STAND_INS: Final = {(USER,): _ANY_USER, (URL,): _ANY_URL}
_REMEMBERED: Final = 20_000
_LONGEST_CHUNK: Final = 1_000
_LONGEST_WORD: Final = 40
_ROUNDS: Final = 3
LETTERS_IN_A_ROW: Final = 3


class Token(msgspec.Struct, frozen=True):
    """A normalised word, and the characters of the raw text that it came from."""

    word: str
    start: int
    end: int


class Normaliser:
    """Turns raw text into words. It holds no state but its tables, so the same text always gives the same words."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary: Final = vocabulary
        self._known: Final = frozenset(vocabulary.words)
        self._repairs: Final = Repairs(vocabulary)
        self.halves: Final = Halves(vocabulary.words)
        # Remembered here and not by the repairs themselves: nothing may refer back to what holds it, or the tables of a
        # model that is replaced would wait for the collector of cycles, which does not look at frozen objects.
        self._word: Final = lru_cache(_REMEMBERED)(self._repairs.word)
        self._word_with_signs: Final = lru_cache(_REMEMBERED)(self._repairs.signs)

    def chunk_words(self, chunk: str) -> tuple[str, ...]:
        """The words of a piece of raw text that holds no white space; none if it is punctuation only."""
        if chunk in self._known or chunk in TOKENS:
            return (chunk,)
        core = chunk.lower().lstrip(_QUOTES).rstrip(_CLOSING)
        if core in self._known:
            return (core,)
        if chunk.startswith(_SCHEMES):
            return (URL,)
        if chunk[0] == "@" and _USER.fullmatch(chunk) and not self._disguised(chunk):
            return (USER,)
        if len(core) <= _LONGEST_WORD and core.isascii() and core.isalpha():
            return self._settled(self._word(core))
        return self._settled(self._unfolded(chunk))

    def _settled(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """The words normalised until they come out as they went in, so that normalising twice is normalising once."""
        for _ in range(_ROUNDS):
            if all(map(self._is_settled, words)):
                break
            again = tuple(word for part in words for word in self._plain(part) or self._unfolded(part))
            if again == words:
                break
            words = again
        return words

    def _is_settled(self, word: str) -> bool:
        """Whether a word surely comes out as it is."""
        return word in self._known or (
            len(word) <= _LONGEST_WORD and word.isascii() and word.isalpha() and self._word(word) == (word,)
        )

    def without_names(self, chunks: Iterable[str]) -> list[str]:
        """One chunk for all links and one for all plain mentions, so that names, which are endless, are not kept."""
        return [self._without_name(chunk) if chunk[0] in _NAMED else chunk for chunk in chunks]

    def _without_name(self, chunk: str) -> str:
        if chunk[0] == "@":
            name = _USER.match(chunk)
            if name and not self._disguised(name.group()) and not _WORD_SIGN.search(chunk, name.end()):
                return _ANY_USER + chunk[name.end() :]
            return chunk
        return _ANY_URL if chunk.startswith(_SCHEMES) else chunk

    def undisguised(self, chunk: str, words: tuple[str, ...]) -> str:
        """The chunk as it would have been written plainly: what its style is to be taken from.

        Args:
            chunk: of raw text.
            words: what :meth:`chunk_words` made of it.
        """
        if chunk.isascii() and chunk.isalpha():
            return chunk
        if words in _STAND_INS:
            return _STAND_INS[words]
        if len(words) != 1 or chunk[0] == "#":
            return chunk
        bare = _APOSTROPHE.sub("", chunk.lower().lstrip(_QUOTES).rstrip(_CLOSING))
        return chunk if bare == words[0] else words[0] + chunk[-1] if chunk[-1] in _CLOSING else words[0]

    def words(self, text: str) -> list[str]:
        """The words of a tweet, in order."""
        words = [word for chunk in text.split() for word in self.chunk_words(chunk)]
        return [word for word, _, _ in self.mended(words)]

    def tokens(self, text: str) -> list[Token]:
        """The words of a tweet with their places, in order."""
        pieces = [
            Token(word, match.start(), match.end())
            for match in _CHUNK.finditer(text)
            for word in self.chunk_words(match.group())
        ]
        mended = self.mended([piece.word for piece in pieces])
        return [Token(word, pieces[first].start, pieces[last].end) for word, first, last in mended]

    def normalise(self, text: str) -> str:
        """The words of a tweet, separated by single spaces. Normalising the result again changes nothing."""
        return " ".join(self.words(text))

    def is_fragment(self, word: str) -> bool:
        """Whether a word is so rare that it may be half of another."""
        return self._repairs.is_fragment(word)

    def are_halves(self, first: str, second: str) -> bool:
        """Whether two neighbours are halves of a word."""
        return self._repairs.rejoined(first, second) is not None

    def mended(self, words: Sequence[str]) -> list[tuple[str, int, int]]:
        """Words that white space had taken apart, together again.

        Args:
            words: of one tweet, in order.

        Returns:
            Each word with the indices of the first and the last of the given words that it was made from.
        """
        pieces = [(word, place, place) for place, word in enumerate(words)]
        for _ in range(_ROUNDS):
            mended = self._pairs_joined(self._letters_joined(pieces))
            if len(mended) == len(pieces):
                break
            pieces = mended
        return pieces

    def _letters_joined(self, pieces: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        """Runs of single letters read as words."""
        joined: list[tuple[str, int, int]] = []
        run: list[tuple[str, int, int]] = []
        for piece in [*pieces, ("", 0, 0)]:
            if is_letter(piece[0]):
                run.append(piece)
                continue
            joined.extend(self._read_letters(run) if len(run) >= LETTERS_IN_A_ROW else run)
            run = []
            joined.append(piece)
        return joined[:-1]

    def _read_letters(self, run: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        letters = "".join(letter for letter, _, _ in run)
        found = self._joined(letters)
        if found is None:
            return run
        if "".join(found) != letters:  # letters were dropped or changed: places cannot be told apart
            return [(word, run[0][1], run[-1][2]) for word in found]
        words, start = [], 0
        for word in found:
            words.append((word, run[start][1], run[start + len(word) - 1][2]))
            start += len(word)
        return words

    def _pairs_joined(self, pieces: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        """Halves of a word joined, from left to right."""
        joined: list[tuple[str, int, int]] = []
        for piece in pieces:
            if joined:
                whole = self._repairs.rejoined(joined[-1][0], piece[0])
                if whole:
                    joined[-1] = (whole, joined[-1][1], piece[2])
                    continue
            joined.append(piece)
        return joined

    def _plain(self, chunk: str) -> tuple[str, ...] | None:
        """The common cases, quickly: a known word in whatever case and with whatever punctuation around it, a token."""
        if chunk in self._known or chunk in TOKENS:
            return (chunk,)
        if chunk[0] == "@" and _USER.fullmatch(chunk) and not self._disguised(chunk):
            return (USER,)
        core = chunk.lower().lstrip(_QUOTES).rstrip(_CLOSING)
        return (core,) if core in self._known else None

    def _disguised(self, chunk: str) -> bool:
        """Whether ``@`` stands for a letter, and not for a user."""
        name = chunk[1:].lower()
        return f"a{name}" in self._known and name not in self._known

    def _unfolded(self, chunk: str) -> tuple[str, ...]:
        if not chunk.isascii():
            turned = upright(chunk)
            if turned and turned in self._known:
                return (turned,)
        chunk = unescape(chunk)
        text = fold(chunk).lower()
        if not chunk.isascii() and _OTHER_SCRIPT.search(chunk) and not _LATIN.search(chunk) and text not in self._known:
            return tuple(_PART.findall(chunk.lower()))  # another script, not letters of it made to look like ours
        pieces = text.split()
        if len(pieces) != 1 or len(text) > _LONGEST_CHUNK:
            cut = [piece[at : at + _LONGEST_CHUNK] for piece in pieces for at in range(0, len(piece), _LONGEST_CHUNK)]
            return tuple(word for piece in cut for word in self._unsigned(piece))
        return self._unsigned(text)

    def _unsigned(self, text: str) -> tuple[str, ...]:
        """The words of folded, lower-case text without white space."""
        if text in TOKENS:
            return (text,)
        url = _URL.search(text) if "." in text or ":" in text else None
        if url:
            start = url.start()
            return (*(self._unsigned(text[:start]) if start and text[start - 1] in _CLOSING else ()), URL)
        if "'" in text or "`" in text:
            text = _APOSTROPHE.sub("", text)
        core = text.lstrip(_QUOTES).rstrip(_CLOSING)
        if core in self._known:
            return (core,)
        parts = _PART.findall(core)
        if len(parts) == 1 and parts[0] == core:
            return self._word(core)
        return self._with_signs(core, text, parts)

    def _with_signs(self, core: str, text: str, parts: list[str]) -> tuple[str, ...]:
        """The words of text that holds punctuation or other signs inside."""
        users, start = self._users(core)
        if users:
            rest = core[start:]
            return (USER,) * users + (self._unsigned(rest) if rest else ())
        for attempt in (self._signs, self._taken_apart) if _STRONG.search(core) else (self._taken_apart, self._signs):
            found = attempt(core, text, parts)
            if found:
                return found
        return tuple(word for part in parts for word in self._part(part))

    def _users(self, core: str) -> tuple[int, int]:
        """How many mentions text begins with, and where it goes on after them and the punctuation between them."""
        users = start = 0
        while (user := _USER.match(core, start)) and not self._disguised(user.group()):
            users += 1
            start = user.end()
            while start < len(core) and core[start] in _QUOTES:
                start += 1
        return users, start

    def _part(self, part: str) -> tuple[str, ...]:
        return (part,) if part in self._known else self._word(part)

    def _taken_apart(self, _core: str, _text: str, parts: list[str]) -> tuple[str, ...] | None:
        """The words of letters with signs between them, or None."""
        if len(parts) < 2 or all(part in self._known and len(part) > 1 for part in parts):  # noqa: PLR2004
            return None
        letters = "".join(parts)
        return self._joined(letters) if max(map(len, parts)) == 1 else self._whole(letters)

    def _signs(self, core: str, text: str, parts: list[str]) -> tuple[str, ...] | None:
        """The word of letters with signs in the place of some, or None."""
        if not parts:
            return None
        tried = core if parts == [core] else None
        for candidate in (core.lstrip("#"), text.strip("\"'.,:;#"), core.rstrip("*")):
            if candidate != tried and _SIGNS.search(candidate):
                tried = candidate
                word = self._word_with_signs(candidate)
                if word:
                    return (word,)
        return None

    def _whole(self, letters: str) -> tuple[str, ...] | None:
        return (letters,) if letters in self._known else None

    def _joined(self, letters: str) -> tuple[str, ...] | None:
        """What letters that were taken apart say, or None."""
        if letters in self._known:
            return (letters,)
        found = self._word(letters) if len(letters) <= 20 else (letters,)  # noqa: PLR2004
        if found != (letters,) and all(word in self._known for word in found):
            return found
        return self._repairs.segment(letters, certain=True)


def is_letter(word: str) -> bool:
    """Whether a word is one letter or digit; several in a row may be a word taken apart."""
    return len(word) == 1 and word.isalnum()


def learn_vocabulary(texts: Iterable[str], classes: Iterable[int]) -> Vocabulary:
    """Count the words of raw training tweets; see :func:`moderation.vocabulary.learn`."""
    bare = Normaliser(words_seen.EMPTY)
    seen: dict[str, tuple[str, ...]] = {}
    return words_seen.learn((list(_bare_words(text, bare, seen)) for text in texts), classes)


def _bare_words(text: str, bare: Normaliser, seen: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for chunk in text.split():
        if chunk not in seen:
            seen[chunk] = bare.chunk_words(chunk)
        yield from seen[chunk]
