"""The one place that imports IB's client library: what of it the adapter uses, under plain names.

That is ib_insync, or ib_async, its maintained successor with the same parts, where ib_insync isn't
installed. Both bring a distribution of their own of one package (eventkit), so that they can't
share an environment: which of them it is, is for whoever makes the environment to say.
"""

from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

with warnings.catch_warnings():
    # Importing it asks for an event loop outside of one, which newer Pythons warn of.
    warnings.simplefilter("ignore", DeprecationWarning)
    if TYPE_CHECKING or find_spec("ib_insync") is not None:
        from ib_insync.client import Client
        from ib_insync.contract import ComboLeg, Contract, ContractDetails
        from ib_insync.decoder import Decoder
        from ib_insync.objects import BarData, CommissionReport, ExecutionFilter
        from ib_insync.objects import Execution as LibraryExecution
        from ib_insync.order import Order, OrderState
    elif find_spec("ib_async") is not None:
        from ib_async.client import Client
        from ib_async.contract import ComboLeg, Contract, ContractDetails
        from ib_async.decoder import Decoder
        from ib_async.objects import BarData, CommissionReport, ExecutionFilter
        from ib_async.objects import Execution as LibraryExecution
        from ib_async.order import Order, OrderState
    else:
        raise ModuleNotFoundError("the IB adapter needs ib_insync or ib_async; neither is here")

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
