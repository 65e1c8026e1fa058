"""What ties an order to others by its client's will: a parent, a group of which one is wanted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ties:
    """parent_id: a venue order id; until that order has filled this one is held, and ends with it.

    group: of the orders of an account with the same group, one that is canceled or filled ends the
    others. reduces: a part that fills shrinks the others by as much; else it ends them too.
    """

    parent_id: str = ""
    group: str = ""
    reduces: bool = False


NO_TIES = Ties()
