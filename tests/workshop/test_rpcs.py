"""docs/protocol.md says of every RPC who serves it, and that is what the servicers do."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from services.common.adapter.adapter_servicer import AdapterServicer
from services.common.adapter.broker_servicer import BrokerServicer as AdapterBrokerServicer
from services.common.contract.pb import (
    adapter_service_pb2,
    broker_service_pb2,
    operations_service_pb2,
)
from services.common.domain.errors import Reason, Refused
from services.router.api.broker_service import BrokerServicer as RouterServicer
from services.router.api.operations_service import OperationsServicer
from tests.workshop.repository import DOCS, codes, rows, section

SERVICES = {
    "BrokerService": broker_service_pb2,
    "OperationsService": operations_service_pb2,
    "AdapterService": adapter_service_pb2,
}


def methods(service: str) -> list[str]:
    """Names of a service's RPCs, in the order of the contract."""
    return list(SERVICES[service].DESCRIPTOR.services_by_name[service].methods_by_name)


def documented(service: str) -> dict[str, list[str]]:
    """Per RPC of a service the cells beside it in the document."""
    return {codes(row[0])[0]: row[1:] for row in rows(section(DOCS / "protocol.md", service))}


@pytest.mark.parametrize("service", SERVICES)
def test_every_rpc_is_documented_in_order(service: str) -> None:
    assert list(documented(service)) == methods(service)


@pytest.mark.parametrize(
    ("service", "column", "servicer"),
    [
        ("BrokerService", 0, RouterServicer),
        ("BrokerService", 1, AdapterBrokerServicer),
        ("OperationsService", 0, OperationsServicer),
        ("AdapterService", 0, AdapterServicer),
    ],
)
async def test_what_is_said_to_be_served_is_served(
    service: str, column: int, servicer: type[Any]
) -> None:
    said = {name: cells[column] == "yes" for name, cells in documented(service).items()}
    done = {name: await _is_served(getattr(servicer, name)) for name in methods(service)}
    assert said == done


async def _is_served(method: Any) -> bool:
    """Whether a servicer's method is one of ours and does not refuse before it looks at anything.

    One that works trips over the missing servicer and request.
    """
    if method.__module__.endswith("_pb2_grpc"):
        return False
    called = method(object(), None, None)
    try:
        if inspect.isasyncgen(called):
            await anext(called)
        else:
            await called
    except Refused as error:
        return error.reason is not Reason.NOT_IMPLEMENTED
    except (AttributeError, TypeError):
        return True
    raise AssertionError(f"{method} answered without a request")
