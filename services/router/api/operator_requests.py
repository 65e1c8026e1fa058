"""What the RPCs of the operator have in common: the accounts they may name, reasons, actors."""

from __future__ import annotations

from services.common.domain.errors import InvalidRequest
from services.router.books.books import Books
from services.router.journal.journal import Journal
from services.router.routing.desk import Desk

_TEXT_LEN_MAX = 500


class OperatorRequests:
    """The parts of `OperationsServicer` build on this; it is wired there."""

    _desk: Desk
    _books: Books
    _journal: Journal

    def _ids(self, account_id: str) -> list[str]:
        """The account, or all if it is empty. Raises NotFound ACCOUNT_NOT_FOUND."""
        if not account_id:
            return list(self._desk.accounts)
        return [self._desk.account(account_id).account_id]


def text_of(text: str, field: str, *, required: bool) -> str:
    """A text for the journal, stripped. Raises InvalidRequest that names the field."""
    text = text.strip()
    if required and not text:
        raise InvalidRequest(field, "required")
    if len(text) > _TEXT_LEN_MAX or not text.isprintable():
        raise InvalidRequest(field, f"must be printable, at most {_TEXT_LEN_MAX} characters")
    return text


def actor_of(actor: str) -> str:
    """Who asks, as the journal names them."""
    return text_of(actor, "actor", required=False) or "operator"
