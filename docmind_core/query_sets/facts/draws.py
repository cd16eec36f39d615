"""Draws that are the same on every Python and platform, and the invented names that they choose from.

`random` promises the same floats for a seed, not the same choices, across versions of Python; a set that is compared
across machines must not depend on that. Here a draw is the sha256 of the seed and of what is being decided, so that a
decision added later changes no earlier one.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Item = TypeVar("Item")

_PLACE_STARTS = (
    *("Ald", "Bram", "Cald", "Dunst", "Elw", "Fenn", "Garr", "Hask", "Ivers", "Jarl", "Kest", "Lang"),
    *("Marl", "Nors", "Oster", "Pend", "Quill", "Rav", "Sund", "Tren", "Ulv", "Varn", "Wex", "Yarr"),
)
_PLACE_ENDS = ("ick", "by", "ford", "mere", "stead", "holt", "dale", "combe")
_FIRST_NAMES = (
    *("Ada", "Bruno", "Clara", "David", "Edith", "Felix", "Greta", "Hugo", "Irene", "Jonas", "Karin", "Lukas"),
    *("Marta", "Nils", "Olga", "Paul", "Quinn", "Rosa", "Simon", "Tilda", "Ursula", "Viktor", "Wanda", "Yann"),
)
_LAST_NAMES = (
    *("Abbot", "Barlow", "Crane", "Dalton", "Easton", "Farrow", "Gilbert", "Hollis", "Ingram", "Jessop", "Keller"),
    *("Lowell", "Mercer", "Norton", "Odell", "Parrish", "Quist", "Rowan", "Selby", "Thorne", "Upton", "Vance"),
    *("Winslow", "Yates"),
)


@dataclass(frozen=True, slots=True)
class Draws:
    """All decisions of one seed."""

    seed: int

    def number(self, low: int, high: int, *about: object) -> int:
        """Return a number from `low` to `high`, both included; `about` names the decision."""
        return low + int.from_bytes(self._digest(*about)[:8], "big") % (high - low + 1)

    def one_of(self, items: Sequence[Item], *about: object) -> Item:
        """Return one of the items."""
        return items[self.number(0, len(items) - 1, *about)]

    def shuffled(self, items: Iterable[Item], *about: object) -> list[Item]:
        """Return the items in another order; equal texts would have equal places, so items must differ."""
        return sorted(items, key=lambda item: (self._digest(*about, item), str(item)))

    def _digest(self, *about: object) -> bytes:
        return hashlib.sha256("\0".join(str(part) for part in (self.seed, *about)).encode()).digest()


def place_names(draws: Draws) -> list[str]:
    """Return all 192 names of places, shuffled."""
    return draws.shuffled((start + end for start in _PLACE_STARTS for end in _PLACE_ENDS), "places")


def person_names(draws: Draws) -> list[str]:
    """Return all 576 names of people, shuffled."""
    return draws.shuffled((f"{first} {last}" for first in _FIRST_NAMES for last in _LAST_NAMES), "people")
