"""What IB knows of the user besides the account: families, tiers, branding, advisers, news."""

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import Problem

_NO_ADVISER = "FA data operations ignored for non FA customers."


class UserRequests:
    """The user is an individual without a family, an adviser, soft dollars or news."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {
            12: _nothing,
            13: _nothing,
            18: _not_an_adviser,
            19: _not_an_adviser,
            52: _no_fundamentals,
            53: _nothing,
            79: lambda call: call.session.send(77, call.id, 0),
            80: lambda call: call.session.send(78, 1, self._gateway.account_id, ""),
            84: _no_news,
            85: lambda call: call.session.send(85, 0),
            86: lambda call: call.session.send(87, call.id, 0),
            104: lambda call: call.session.send(107, call.id, ""),
        }


def _not_an_adviser(call: Call) -> None:
    raise Problem(321, f"Error validating request.-'cc' : cause - {_NO_ADVISER}")


def _no_fundamentals(call: Call) -> None:
    raise Problem(430, "The fundamentals data for the security specified is not available.")


def _no_news(call: Call) -> None:
    raise Problem(10172, "Failed to request news article:No such article")


def _nothing(call: Call) -> None:
    """Asks for nothing that is answered."""
