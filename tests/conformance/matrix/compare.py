"""Compares what a server claims over the wire with what the matrix claims for it."""

from __future__ import annotations

from collections.abc import Iterable

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from tests.conformance.matrix.claims import Claimed, Matrix
from tests.conformance.venues.known import MATRICES

_ADAPTER_SERVICE = {"Fence", "FenceOrder"}


def differences(venue: str, told: pb.VenueCapabilities) -> list[str]:
    """What only one of both claims, in words; empty if they agree."""
    matrix = MATRICES[venue]
    return [
        *_compare(matrix, "type", _names(types_pb2.OrderType, told.order_types)),
        *_compare(matrix, "tif", _names(types_pb2.TimeInForce, told.times_in_force)),
        *_compare(matrix, "class", _names(types_pb2.OrderClass, told.order_classes)),
        *_compare(matrix, "rpc", set(told.methods)),
        *_flag(matrix, "unique_ids", told.enforces_unique_ids),
        *_flag(matrix, "fractional", told.fractional_quantities),
    ]


def _compare(matrix: Matrix, kind: str, told: set[str]) -> list[str]:
    prefix = f"{kind}."
    own = {
        need.removeprefix(prefix)
        for need, claim in matrix.items()
        if need.startswith(prefix) and isinstance(claim, Claimed)
    } - _ADAPTER_SERVICE
    return [f"{kind} {name} isn't told" for name in sorted(own - told)] + [
        f"{kind} {name} isn't in the matrix" for name in sorted(told - own)
    ]


def _flag(matrix: Matrix, need: str, told: bool) -> list[str]:
    if isinstance(matrix[need], Claimed) is told:
        return []
    return [f"{need} is told as {told}"]


def _names(enum: object, values: Iterable[int]) -> set[str]:
    names = (enum.Name(value) for value in values)  # type: ignore[attr-defined]
    return {_short(name) for name in names}


def _short(name: str) -> str:
    for prefix in ("ORDER_TYPE_", "TIME_IN_FORCE_", "ORDER_CLASS_"):
        name = name.removeprefix(prefix)
    return name.lower()
