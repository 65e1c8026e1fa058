"""The account and its positions as messages, asked for or because they changed."""

from decimal import Decimal
from fractions import Fraction

from simulators.ib_gateway.contracts import contract_fields
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_replies import Message
from simulators.ib_gateway.session import Session
from simulators.venue.accounts import Position
from simulators.venue.instruments import Equity
from simulators.venue.reservations import market_value, means_of
from simulators.venue.trading_calendar import NEW_YORK

_CENT = Decimal("0.01")
_ZERO = Decimal(0)


class AccountMessages:
    """Figures of the one account, in IB's words."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def values(self) -> dict[str, tuple[str, str]]:
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
            "GrossPositionValue": means.long_value - means.short_value,
            "InitMarginReq": margin,
            "MaintMarginReq": margin,
            "AvailableFunds": available,
            "ExcessLiquidity": available,
            "FullInitMarginReq": margin,
            "FullMaintMarginReq": margin,
            "FullAvailableFunds": available,
            "FullExcessLiquidity": available,
            "SMA": means.equity,
        }
        cushion = available / means.equity if means.equity > 0 else _ZERO
        return {
            "AccountCode": (account.account_id, ""),
            "AccountReady": ("true", ""),
            "AccountType": ("INDIVIDUAL", ""),
            "Cushion": (f"{cushion:.6f}", ""),
            "DayTradesRemaining": ("-1", ""),
            "Leverage": ("1.00", ""),
            **{name: (_cents(value), "USD") for name, value in dollars.items()},
        }

    def ledger(self) -> dict[str, tuple[str, str]]:
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
            "StockMarketValue": sum(shares, _ZERO),
            "OptionMarketValue": sum(options, _ZERO),
            "NetLiquidationByCurrency": means.equity,
            "UnrealizedPnL": sum((self._unrealised(p) for p in held), _ZERO),
            "RealizedPnL": _decimal(account.realised_net),
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
            *(_cents(self._unrealised(position) if qty else _ZERO), 0),
            self._gateway.account_id,
        )

    def position(self, position: Position, qty: Decimal) -> Message:
        """position; its contract comes without an exchange, as at IB."""
        fields = contract_fields(position.instrument, "")
        average = position.avg_cost if qty else 0
        return (61, 3, self._gateway.account_id, *fields, qty, average)

    def send_updates(self, session: Session) -> None:
        """Sends all that reqAccountUpdates subscribes to."""
        account_id = self._gateway.account_id
        for name, (value, currency) in {**self.values(), **self.ledger()}.items():
            session.send(6, 2, name, value, currency, account_id)
        for position in self._gateway.account.positions.values():
            session.send(*self.portfolio(position, position.qty))
        session.send(8, 1, f"{self._gateway.venue.now.astimezone(NEW_YORK):%H:%M}")

    def position_changed(self, symbol: str) -> None:
        """Tells the subscribers what a fill did to a position and to the account."""
        gateway = self._gateway
        position = gateway.account.positions.get(symbol)
        shown = position or Position(gateway.venue.catalog.get(symbol))
        qty = shown.qty
        for session in list(gateway.clients.values()):
            if session.wants_positions:
                session.send(*self.position(shown, qty))
            if session.wants_account:
                if position is None:
                    session.send(*self.portfolio(shown, qty))
                self.send_updates(session)

    def _unrealised(self, position: Position) -> Decimal:
        value = market_value(position, self._gateway.venue.quotes)
        return value - _decimal(position.cost + position.fees)


def _decimal(value: Fraction) -> Decimal:
    return Decimal(value.numerator) / Decimal(value.denominator)


def _cents(value: Decimal) -> str:
    return format(value.quantize(_CENT), "f")
