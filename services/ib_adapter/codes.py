"""The Gateway's codes: one table, what each proves, and what it means for an order.

The Gateway uses one message for rejections, warnings, notices and the state of its link to IB, and
only the number tells them apart. An order is refused by the codes that say so and by no other: most
numbers that come with a live order's id leave it live. A number that is not here is in doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from typing import Final

from services.common.domain.errors import Cause, Reason

TEXT_LEN_MAX: Final = 500


class Kind(Enum):
    """What a code is about."""

    LINK_LOST = "link_lost"  # between the Gateway and IB: nothing gets through
    LINK_RESET = "link_reset"  # back, and subscriptions are gone
    LINK_KEPT = "link_kept"  # back, with what was subscribed
    FARM_OK = "farm_ok"  # also ends a 2110
    FARM_BROKEN = "farm_broken"  # data only: the order path may be fine
    NOTICE = "notice"  # whatever it is about goes on
    CLIENT_ID_IN_USE = "client_id_in_use"
    REJECTED = "rejected"  # an order is not taken, a request not answered
    MODIFY_REFUSED = "modify_refused"  # the order stays as it was
    CANCELED = "canceled"
    CANCEL_REFUSED = "cancel_refused"  # by itself no word on the order
    DATA_REFUSED = "data_refused"  # no permission for market data
    REQUEST_REFUSED = "request_refused"  # of a read; says nothing of an order
    PACING = "pacing"  # too many messages
    OPERATOR = "operator"  # somebody has to act at the Gateway
    AMBIGUOUS = "ambiguous"  # may have happened or not
    UNLISTED = "unlisted"


class OrderEffect(Enum):
    """What a code that comes with an order's id means for the order."""

    NONE = "none"
    REJECTED = "rejected"
    CANCELED = "canceled"
    CANCEL_REFUSED = "cancel_refused"
    DOUBT = "doubt"


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one code means: its kind, and the reason that it gives a refusal."""

    kind: Kind
    reason: Reason = Reason.VENUE_REJECTED


_K = Kind
_R = Reason

TABLE: Final[dict[int, Meaning]] = {
    **dict.fromkeys((502, 504, 1100, 1300, 2110), Meaning(_K.LINK_LOST, _R.VENUE_UNAVAILABLE)),
    1101: Meaning(_K.LINK_RESET),
    1102: Meaning(_K.LINK_KEPT),
    **dict.fromkeys((2104, 2106, 2158), Meaning(_K.FARM_OK)),
    **dict.fromkeys((2103, 2105, 2157), Meaning(_K.FARM_BROKEN)),
    **dict.fromkeys((2107, 2108, 2119, 2120, 2159, 2160), Meaning(_K.NOTICE)),
    # The order works, with an attribute ignored, a preset used, shares being located.
    **dict.fromkeys((399, 404, 2109, 2161, 10349), Meaning(_K.NOTICE)),
    # Data comes, delayed or in part; or there was nothing to cancel.
    **dict.fromkeys((300, 366, 10090, 10167), Meaning(_K.NOTICE)),
    326: Meaning(_K.CLIENT_ID_IN_USE, _R.VENUE_UNAVAILABLE),
    # "Duplicate order id": an order under that number may well be live.
    103: Meaning(_K.AMBIGUOUS),
    **dict.fromkeys((102, 385, 386), Meaning(_K.REQUEST_REFUSED)),
    **dict.fromkeys((200, 478), Meaning(_K.REJECTED, _R.INSTRUMENT_NOT_FOUND)),
    **dict.fromkeys((154, 392, 412), Meaning(_K.REJECTED, _R.NOT_TRADABLE)),
    **dict.fromkeys((107, 201, 320, 321, 322, 435, 461, 463), Meaning(_K.REJECTED)),
    **dict.fromkeys((2137, 10006, 10052, 10149), Meaning(_K.REJECTED)),
    **dict.fromkeys((109, 110), Meaning(_K.REJECTED, _R.INVALID_PRICE)),
    **dict.fromkeys((388, 434, 10243, 10244), Meaning(_K.REJECTED, _R.INVALID_QTY)),
    # An order type, a time in force, or both together, that is not taken there.
    **dict.fromkeys((111, 113, 387), Meaning(_K.REJECTED, _R.UNSUPPORTED_BY_VENUE)),
    **dict.fromkeys((203, 460), Meaning(_K.REJECTED, _R.NOT_PERMITTED)),
    # The API is set to read-only, or an agreement has not been accepted.
    **dict.fromkeys((10119, 10122), Meaning(_K.REJECTED, _R.NOT_PERMITTED)),
    10141: Meaning(_K.OPERATOR, _R.NOT_PERMITTED),
    **dict.fromkeys((104, 105, 134, 329, 462, 10326), Meaning(_K.MODIFY_REFUSED)),
    202: Meaning(_K.CANCELED),
    **dict.fromkeys((135, 136, 161, 10147, 10148), Meaning(_K.CANCEL_REFUSED)),
    **dict.fromkeys((2102, 10328), Meaning(_K.AMBIGUOUS)),
    **dict.fromkeys((0, 100), Meaning(_K.PACING, _R.RATE_LIMITED)),
    **dict.fromkeys((101, 309, 456, 10190), Meaning(_K.REQUEST_REFUSED, _R.RATE_LIMITED)),
    **dict.fromkeys((162, 165), Meaning(_K.REQUEST_REFUSED)),
    **dict.fromkeys((354, 10089, 10168), Meaning(_K.DATA_REFUSED, _R.NOT_PERMITTED)),
    10197: Meaning(_K.FARM_BROKEN, _R.VENUE_UNAVAILABLE),
}

_UNLISTED: Final = Meaning(_K.UNLISTED)

_EFFECTS: Final = {
    _K.REJECTED: OrderEffect.REJECTED,
    _K.CANCELED: OrderEffect.CANCELED,
    _K.CANCEL_REFUSED: OrderEffect.CANCEL_REFUSED,
    _K.NOTICE: OrderEffect.NONE,
    _K.FARM_OK: OrderEffect.NONE,
    _K.FARM_BROKEN: OrderEffect.NONE,
    _K.LINK_KEPT: OrderEffect.NONE,
}

# An attribute is ignored, a price capped, a preset of the user's put in its place.
_CHANGES_ORDER: Final = frozenset({2109, 2161, 10349})

# Code 201 says only "rejected"; the text may say why. It chooses between reasons, no more.
_REJECTION_TEXTS: Final = (
    (re.compile(r"margin|buying power|insufficient (funds|cash)|available funds", re.I),
     _R.INSUFFICIENT_BUYING_POWER),
    (re.compile(r"both sides of the same", re.I), _R.WASH_TRADE),
    (re.compile(r"account is (restricted|blocked|closed)", re.I), _R.ACCOUNT_BLOCKED),
    (re.compile(r"not available for (short sale|trading)", re.I), _R.NOT_TRADABLE),
    (re.compile(r"permission|not allowed|read.?only|not permitted|not eligible", re.I),
     _R.NOT_PERMITTED),
    (re.compile(r"exchange is closed|market is closed|trading hours", re.I), _R.MARKET_CLOSED),
    (re.compile(r"\b(price|tick|variation)\b", re.I), _R.INVALID_PRICE),
    (re.compile(r"\b(size|quantity)\b", re.I), _R.INVALID_QTY),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Said:
    """One message of the Gateway with a code; `ref_id` is the order or request, -1 for neither."""

    ref_id: int
    code: int
    text: str

    @property
    def kind(self) -> Kind:
        """What it is about."""
        return TABLE.get(self.code, _UNLISTED).kind

    @property
    def effect(self) -> OrderEffect:
        """What it means for the order that it is about."""
        return _EFFECTS.get(self.kind, OrderEffect.DOUBT)

    @property
    def cause(self) -> Cause:
        """The same as a cause, with the Gateway's code."""
        reason = TABLE.get(self.code, _UNLISTED).reason
        if reason is _R.VENUE_REJECTED:
            reason = next((r for words, r in _REJECTION_TEXTS if words.search(self.text)), reason)
        return Cause(reason, self.text[:TEXT_LEN_MAX], str(self.code))

    @property
    def changes_order(self) -> bool:
        """Whether IB works an order otherwise than was asked: the order shows how."""
        return self.code in _CHANGES_ORDER

    @property
    def ends_request(self) -> bool:
        """Whether the request that it is about will not be answered."""
        return self.effect is not OrderEffect.NONE and self.code != 0

    def __str__(self) -> str:
        return f"the Gateway said {self.code}: {self.text[:TEXT_LEN_MAX]}"
