"""Replies as faults leave them: other statuses, spoiled bodies, or no answer at all."""

import json
from http import HTTPStatus
from typing import Any

from simulators.alpaca.http import (
    Ending,
    HttpResponse,
    NoAnswer,
    PartialAnswer,
    Reply,
    json_response,
    to_json,
)
from simulators.control.faults import Action, Body, Ends, Kind
from simulators.venue.orders import Fate

_ENDINGS = {Ends.CLOSE: Ending.CLOSED, Ends.RESET: Ending.RESET, Ends.HANG: Ending.HANG}
_HTML_TYPE = {"Content-Type": "text/html"}
_MOVED_TO = "/maintenance"
_KNOWN = frozenset(status.value for status in HTTPStatus)


FATES = {
    Kind.VANISH_ORDER: Fate.VANISHED,
    Kind.STALL_ORDER: Fate.STALLED,
    Kind.REJECT_ORDER: Fate.REJECTED,
    Kind.REJECT_REPLACE: Fate.REPLACE_REJECTED,
    Kind.OVERFILL_REPLACE: Fate.OVERFILLED,
    Kind.IGNORE_CANCEL: Fate.CANCEL_IGNORED,
    Kind.REJECT_CANCEL: Fate.CANCEL_REJECTED,
}
"""What becomes of an order, a replace or a cancel behind a good answer."""


def without_answer(action: Action) -> NoAnswer:
    """How a request or a reply that is dropped ends."""
    return NoAnswer(Ending.REFUSED if action.kind is Kind.REFUSE else _ENDINGS[action.ends])


def error_reply(action: Action) -> Reply:
    """The error answer that a status fault puts in place of the real one."""
    phrase = _phrase(action.status).lower()
    message = "rate limit exceeded" if action.status == 429 else phrase
    code = action.code or action.status * 100_000 + 10_000
    response = json_response(action.status, {"code": code, "message": action.text or message})
    if 300 <= action.status < 400:
        response = response.with_headers({"Location": _MOVED_TO})
    return _with_body(action, response)


def spoiled(action: Action, response: HttpResponse) -> Reply:
    """The reply that the client gets in place of the true one."""
    if action.kind is Kind.DROP_REPLY:
        return without_answer(action)
    if action.kind is Kind.STATUS:
        return error_reply(action)
    if action.kind is Kind.BODY:
        return _with_body(action, response)
    if action.kind is Kind.ORDER_STATUS:
        return _with_order_status(action.order_status, response)
    return response


def _with_body(action: Action, response: HttpResponse) -> Reply:
    if action.body is Body.HTML:
        title = f"{response.status} {_phrase(response.status)}"
        page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        return HttpResponse(response.status, _HTML_TYPE, page.encode())
    if action.body is Body.EMPTY:
        return HttpResponse(response.status)
    if action.body is Body.HALF:
        return PartialAnswer(response, len(response.body) // 2)
    return response


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in _KNOWN else "Unknown"


def _with_order_status(order_status: str, response: HttpResponse) -> HttpResponse:
    if not response.body:
        return response
    content: Any = json.loads(response.body)
    for record in content if isinstance(content, list) else [content]:
        if isinstance(record, dict) and "client_order_id" in record:
            for shown in (record, *(record.get("legs") or ())):
                shown["status"] = order_status
    return HttpResponse(response.status, response.headers, to_json(content))
