"""Letters of elsewhere in Unicode that a reader takes for Latin ones.

Each table maps small Latin letters; those it lacks stay as they are.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Final

# ruff: noqa: RUF001 - ambiguous letters are what this module is for
CYRILLIC: Final = dict(zip("aceiopsxyABCEHKMOPTX", "асеіорѕхуАВСЕНКМОРТХ", strict=True))
GREEK: Final = dict(zip("abeiknoptuvwxyz", "αβεικηορτυνωχγζ", strict=True))
ARMENIAN: Final = dict(zip("ouhngqf", "օսհոցզք", strict=True))
CHEROKEE: Final = dict(zip("abcdeghijklmprstvwyz", "ᎪᏴᏟᎠᎬᏀᎻᎥᎫᏦᏞᎷᏢᏒᏚᎢᏙᎳᎩᏃ", strict=True))
SMALL_CAPITALS: Final = dict(zip("abcdefghijklmnopqrstuvwyz", "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘǫʀꜱᴛᴜᴠᴡʏᴢ", strict=True))
SUPERSCRIPTS: Final = dict(zip("abcdefghijklmnoprstuvwxyz", "ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ", strict=True))
ACCENTED: Final = dict(zip("aceginostuyz", "äçéğïñöšţûýž", strict=True))
TURNED: Final = dict(zip("abcdefghijklmnopqrstuvwxyz", "ɐqɔpǝɟƃɥᴉɾʞlɯuodbɹsʇnʌʍxʎz", strict=True))
SIGNS_FOR_VOWELS: Final = dict(zip("aeiou", "@€¡øµ", strict=True))

SCRIPTS: Final[tuple[Mapping[str, str], ...]] = (CYRILLIC, GREEK, ARMENIAN, CHEROKEE)
"""Living scripts, for words that mix them."""


def written_in(table: Mapping[str, str], word: str) -> str:
    """A word with every letter that the table has taken from there."""
    return "".join(table.get(letter, letter) for letter in word.lower())


def written_in_any(word: str, chance: random.Random) -> str:
    """A word with each letter taken from a script of its own, if any of these has one that looks like it."""
    return "".join(chance.choice(SCRIPTS).get(letter, letter) for letter in word.lower())
