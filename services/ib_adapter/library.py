"""The one place that imports ib_insync: what of it the adapter uses, under plain names.

ib_async, its maintained successor, has the same parts; to change over is to change this module.
"""

from __future__ import annotations

import warnings
from typing import Any

with warnings.catch_warnings():
    # Importing it asks for an event loop outside of one, which newer Pythons warn of.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ib_insync.client import Client
    from ib_insync.contract import ComboLeg, Contract, ContractDetails
    from ib_insync.decoder import Decoder
    from ib_insync.objects import BarData, CommissionReport, ExecutionFilter
    from ib_insync.objects import Execution as LibraryExecution
    from ib_insync.order import Order, OrderState

# They have few types, and ask for the library's own wrapper where any object with its methods does.
LibraryClient: Any = Client
LibraryDecoder: Any = Decoder

__all__ = [
    "BarData",
    "ComboLeg",
    "CommissionReport",
    "Contract",
    "ContractDetails",
    "ExecutionFilter",
    "LibraryClient",
    "LibraryDecoder",
    "LibraryExecution",
    "Order",
    "OrderState",
]
