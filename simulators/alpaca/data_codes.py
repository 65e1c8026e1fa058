"""What the letters in quotes and trades mean: exchanges, and conditions of this market."""

from collections.abc import Callable

from simulators.alpaca.data_requests import DataProblem
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.router import Call, Router

_STOCK_EXCHANGES = {
    "A": "NYSE American (AMEX)",
    "B": "NASDAQ OMX BX",
    "C": "National Stock Exchange",
    "D": "FINRA ADF",
    "N": "New York Stock Exchange",
    "P": "NYSE Arca",
    "Q": "NASDAQ OMX",
    "V": "IEX",
    "Z": "Cboe BZ",
}
_OPTION_EXCHANGES = {
    "A": "AMEX - NYSE American",
    "B": "BOX - Boston Options Exchange",
    "C": "CBOE - Cboe Options Exchange",
    "N": "NYSE - NYSE Arca",
    "Q": "NASDAQ - NASDAQ Options Market",
    "X": "PHLX - NASDAQ PHLX",
}
_CONDITIONS = {
    "stocks": {
        "trade": {"@": "Regular Sale"},
        "quote": {"R": "Regular Two Sided Open Quote"},
    },
    "options": {
        "trade": {"I": "Auto: electronic transaction"},
        "quote": {"A": "Eligible for automatic execution", " ": "Regular trading"},
    },
}


class DataCodes:
    """The data API's tables of codes."""

    def add_to(self, router: Router) -> None:
        for root, name, exchanges in (
            ("/v2/stocks/meta", "stocks", _STOCK_EXCHANGES),
            ("/v1beta1/options/meta", "options", _OPTION_EXCHANGES),
        ):
            router.add("GET", f"{root}/exchanges", _answering(exchanges))
            router.add("GET", f"{root}/conditions/{{tick_type}}", _conditions(name))


def _answering(table: dict[str, str]) -> Callable[[Call], HttpResponse]:
    return lambda call: json_response(200, table)


def _conditions(name: str) -> Callable[[Call], HttpResponse]:
    def answer(call: Call) -> HttpResponse:
        table = _CONDITIONS[name].get(call.values["tick_type"])
        if table is None:
            raise DataProblem(400, "invalid tick type: it is trade or quote")
        return json_response(200, table)

    return answer
