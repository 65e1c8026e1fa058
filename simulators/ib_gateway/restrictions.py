"""What keeps clients from things, whatever they ask: the mode of the API, the disclaimer."""

from simulators.ib_gateway.problems import Problem

API_MODES = ("read_write", "read_only")
DISCLAIMERS = ("accepted", "pending")
# reqAllOpenOrders and reqExecutions are answered in read-only mode.
_NEED_WRITE_ACCESS = frozenset(
    {
        "placeOrder",
        "cancelOrder",
        "reqGlobalCancel",
        "exerciseOptions",
        "reqOpenOrders",
        "reqAutoOpenOrders",
        "reqCompletedOrders",
    }
)


class Restrictions:
    """Each is a word that may be changed at any time.

    api_mode: "read_only" refuses what needs write access. disclaimer: "pending" refuses clients of
    a paper account.
    """

    def __init__(self) -> None:
        self.api_mode = "read_write"
        self.disclaimer = "accepted"

    def check(self, request: str) -> None:
        """Raises Problem if that request is kept from having any effect."""
        if self.api_mode == "read_only" and request in _NEED_WRITE_ACCESS:
            raise read_only()

    def check_start(self, account_id: str) -> None:
        """Raises Problem if nobody may start the API at that account."""
        if self.disclaimer == "pending" and account_id.startswith("D"):
            raise Problem(
                10141, "Paper trading disclaimer must first be accepted for API connection."
            )


def client_id_in_use() -> Problem:
    text = "Unable to connect as the client id is already in use."
    return Problem(326, f"{text} Retry with a unique client id.")


def read_only() -> Problem:
    cause = "The API interface is currently in Read-Only mode."
    return Problem(321, f"Error validating request.-'bS' : cause - {cause}")
