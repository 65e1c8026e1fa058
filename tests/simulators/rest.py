"""A simulated Alpaca's REST core without a socket, on a clock that a test moves by hand."""

import json
from typing import Any

from simulators.alpaca.http import HttpRequest, HttpResponse
from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET, AlpacaSettings
from simulators.alpaca.simulated import build
from tests.simulators.markets import Base

PUT = "SPY241115P00400000"
KEYS = {"apca-api-key-id": SIMULATED_KEY, "apca-api-secret-key": SIMULATED_SECRET}


class Api:
    """A simulated Alpaca whose clock a test moves by hand."""

    def __init__(self, **settings: Any) -> None:
        self.base = Base()
        self.simulated = build(AlpacaSettings(**settings), self.base)

    def __call__(
        self, method: str, path: str, body: Any = None, headers: Any = None, **query: str
    ) -> HttpResponse:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode() if body else b""
        request = HttpRequest(method, path, query, KEYS if headers is None else headers, raw)
        return self.simulated.api.handle(request)

    def json(
        self, method: str, path: str, body: Any = None, status: int = 200, **query: str
    ) -> Any:
        response = self(method, path, body, **query)
        assert response.status == status, response.body
        return json.loads(response.body)

    def order(self, status: int = 200, **changed: Any) -> Any:
        content = {
            "symbol": PUT,
            "qty": "1",
            "side": "sell",
            "type": "limit",
            "limit_price": "8.50",
            "time_in_force": "day",
        }
        content.update(changed)
        content = {name: value for name, value in content.items() if value is not None}
        return self.json("POST", "/v2/orders", content, status)

    def wait(self, seconds: float = 1) -> None:
        self.base.at_s += seconds
