"""The account and its positions as messages, asked for or because they changed."""

from collections.abc import Callable
from decimal import Decimal

from simulators.ib_gateway.contracts import contract_fields
from simulators.ib_gateway.day_starts import DayStarts
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_replies import Message
from simulators.ib_gateway.subscriptions import Values
from simulators.venue.accounts import Position
from simulators.venue.instruments import Equity
from simulators.venue.reservations import market_value, means_of

_CENT = Decimal("0.01")
_ZERO = Decimal(0)
_DAYS_AHEAD = ("", "T+1", "T+2", "T+3", "T+4")
_LEDGER = (
    *("Currency", "CashBalance", "TotalCashBalance", "AccruedCash", "StockMarketValue"),
    *("OptionMarketValue", "NetLiquidationByCurrency", "UnrealizedPnL", "RealizedPnL"),
    *("ExchangeRate",),
)
_BASE = "BASE"


class AccountMessages:
    """Figures of the one account, in IB's words."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.days = DayStarts(gateway.venue)
        self._listeners: list[Callable[[str], None]] = []

    def values(self) -> Values:
        """Each figure with its currency, "" if it has none."""
        gateway = self._gateway
        account, quotes = gateway.account, gateway.venue.quotes
        open_orders = [o.order for o in gateway.orders.open()]
        means = means_of(account, open_orders, quotes)
        margin = means.initial_margin
        available = max(_ZERO, means.equity - margin)
        dollars = {
            "NetLiquidation": means.equity,
            "TotalCashValue": means.cash,
            "SettledCash": means.cash,
            "AccruedCash": _ZERO,
            "BuyingPower": means.buying_power,
            "EquityWithLoanValue": means.equity,
            "PreviousEquityWithLoanValue": account.last_equity,
            "PreviousDayEquityWithLoanValue": account.last_equity,
            "RegTEquity": means.equity,
            "RegTMargin": margin,
            "GrossPositionValue": means.long_value - means.short_value,
            "InitMarginReq": margin,
            "MaintMarginReq": margin,
            "AvailableFunds": available,
            "ExcessLiquidity": available,
            "FullInitMarginReq": margin,
            "FullMaintMarginReq": margin,
            "FullAvailableFunds": available,
            "FullExcessLiquidity": available,
            "LookAheadInitMarginReq": margin,
            "LookAheadMaintMarginReq": margin,
            "LookAheadAvailableFunds": available,
            "LookAheadExcessLiquidity": available,
            "SMA": means.equity,
        }
        cushion = available / means.equity if means.equity > 0 else _ZERO
        return {
            "AccountCode": (account.account_id, ""),
            "AccountReady": ("true", ""),
            "AccountType": ("INDIVIDUAL", ""),
            "Cushion": (f"{cushion:.6f}", ""),
            **{f"DayTradesRemaining{day}": ("-1", "") for day in _DAYS_AHEAD},
            "HighestSeverity": ("0", ""),
            "LookAheadNextChange": ("0", ""),
            "Leverage": ("1.00", ""),
            **{name: (_cents(value), "USD") for name, value in dollars.items()},
        }

    def ledger(self) -> Values:
        """The figures by currency; there is only the dollar."""
        gateway = self._gateway
        account, quotes = gateway.account, gateway.venue.quotes
        means = means_of(account, (), quotes)
        held = list(account.positions.values())
        shares = [market_value(p, quotes) for p in held if isinstance(p.instrument, Equity)]
        options = [market_value(p, quotes) for p in held if not isinstance(p.instrument, Equity)]
        dollars = {
            "CashBalance": means.cash,
            "TotalCashBalance": means.cash,
            "AccruedCash": _ZERO,
            "StockMarketValue": sum(shares, _ZERO),
            "OptionMarketValue": sum(options, _ZERO),
            "NetLiquidationByCurrency": means.equity,
            "UnrealizedPnL": sum((self.days.unrealised(p) for p in held), _ZERO),
            "RealizedPnL": self.days.realised(account),
        }
        values = {name: (_cents(value), "USD") for name, value in dollars.items()}
        return {"Currency": ("USD", "USD"), **values, "ExchangeRate": ("1.00", "USD")}

    def portfolio(self, position: Position, qty: Decimal) -> Message:
        """portfolioValue of a holding; qty 0 says that it is closed."""
        quotes = self._gateway.venue.quotes
        quote = quotes.find(position.instrument.symbol)
        price = quote.mid if quote is not None else _ZERO
        listed = "" if not isinstance(position.instrument, Equity) else position.instrument.exchange
        return (
            *(7, 8),
            *contract_fields(position.instrument, listed),
            *(qty, price, _cents(market_value(position, quotes) if qty else _ZERO)),
            position.avg_cost if qty else 0,
            *(_cents(self.days.unrealised(position) if qty else _ZERO), 0),
            self._gateway.account_id,
        )

    def position(self, position: Position, qty: Decimal) -> Message:
        """position; its contract comes without an exchange, as at IB."""
        fields = contract_fields(position.instrument, "")
        average = position.avg_cost if qty else 0
        return (61, 3, self._gateway.account_id, *fields, qty, average)

    def value_of(self, symbol: str) -> Decimal:
        """What the account's holding of it is worth, 0 if there is none."""
        position = self._gateway.account.positions.get(symbol)
        return market_value(position, self._gateway.venue.quotes) if position else _ZERO

    def position_changed(self, symbol: str) -> None:
        """Tells the listeners that a position, and with it the account, is another one now."""
        for listener in self._listeners:
            listener(symbol)

    def subscribe(self, listener: Callable[[str], None]) -> None:
        """Calls the listener with the symbol of each position that changes."""
        self._listeners.append(listener)


def rows_of(values: Values) -> list[tuple[str, str, str]]:
    """Name, value and currency; figures of the ledger come for the base currency too."""
    rows = []
    for name, (value, currency) in values.items():
        rows.append((name, value, currency))
        if name in _LEDGER:
            rows.append((name, _BASE if name == "Currency" else value, _BASE))
    return rows


def _cents(value: Decimal) -> str:
    return format(value.quantize(_CENT), "f")
