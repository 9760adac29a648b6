"""Words as they may be shown in a picture or a notebook: what anybody might be hurt by is not written out."""

from __future__ import annotations

import re
from typing import Final

_REST: Final = re.compile(r"(?<=\S)\S+")


def masked(text: str) -> str:
    """The first letter of every word, and an asterisk for each that follows; white space stays.

    Every word is masked and not only known insults: what hurts whom is not ours to list, and a list would miss some.
    """
    return _REST.sub(lambda rest: "*" * len(rest.group()), text)
