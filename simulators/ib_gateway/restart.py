"""One restart of the Gateway as a value."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Restart:
    """One restart; the times follow each other, in seconds of the base clock.

    link_s: for so long 1100 is in force once it is logged in, until `restored` (1101 or 1102) ends
    that; with `restored` 0 its link is up as soon as it is.
    """

    refuse_s: float = 5.0
    silent_s: float = 0.0
    login_s: float = 0.0
    link_s: float = 0.0
    restored: int = 0
    roll_back_ids: int = 0
