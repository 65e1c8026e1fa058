"""From method and path to the function that answers: a table of templates."""

from bisect import insort
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from simulators.alpaca.http import HttpRequest, HttpResponse
from simulators.venue.orders import Fate


@dataclass(frozen=True, slots=True)
class Call:
    """A request with what its path holds, and what is to become of an order that it places."""

    request: HttpRequest
    values: dict[str, str]
    fate: Fate = Fate.WORKED

    def query(self, name: str, default: str = "") -> str:
        return self.request.query.get(name, default)


Endpoint = Callable[[Call], HttpResponse]


class Router:
    """Matches paths like /v2/orders/{id}; an exact segment wins over a placeholder."""

    def __init__(self) -> None:
        self._routes: list[tuple[str, list[str], Endpoint]] = []

    def add(self, method: str, template: str, endpoint: Endpoint) -> None:
        insort(self._routes, (method, template.split("/"), endpoint), key=_placeholder_count)

    @property
    def routes(self) -> list[tuple[str, str]]:
        """Method and template of each endpoint."""
        return [(method, "/".join(parts)) for method, parts, _ in self._routes]

    def find(self, request: HttpRequest, fate: Fate) -> tuple[Endpoint, Call] | None:
        """The endpoint for a request, None if there is none."""
        parts = request.path.rstrip("/").split("/")
        for method, template, endpoint in self._routes:
            if method == request.method and len(template) == len(parts):
                values = _values(template, parts)
                if values is not None:
                    return endpoint, Call(request, values, fate)
        return None


def _placeholder_count(route: tuple[str, list[str], Endpoint]) -> int:
    return sum(part.startswith("{") for part in route[1])


def _values(template: list[str], parts: list[str]) -> dict[str, str] | None:
    values: dict[str, Any] = {}
    for wanted, part in zip(template, parts, strict=True):
        if wanted.startswith("{"):
            values[wanted[1:-1]] = part
        elif wanted != part:
            return None
    return values
