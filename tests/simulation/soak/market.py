"""The market of a soak: prices that walk, and what happens to an account without its doing."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from decimal import Decimal
from typing import Final

from simulators.control.control import BadRequest
from simulators.venue.orders import Side
from simulators.venue.quotes import Quote
from simulators.venue.refusals import Refusal
from tests.simulation.soak.orders import OPTIONS, SHARES
from tests.simulation.soak.stand import Stand

_STEP_S: Final = 5.0
_CENT: Final = Decimal("0.01")
_DELTA: Final = Decimal("0.4")
_PULL: Final = Decimal("0.002")
# Seconds between two of them, on average.
_EVENTS: Final = {"fee": 300, "dividend": 3000, "assign": 1200, "transfer": 3000, "by hand": 900}


class Market:
    """Moves quotes every few seconds until canceled; between `pause` and `resume` all stands still.

    Options that have quotes of their own follow their shares, the others follow by the simulator's
    model. Prices are pulled back to where they began, so that options stay in play.
    """

    def __init__(self, stand: Stand, rng: random.Random) -> None:
        self._control = stand.simulated.control
        self._venue = stand.simulated.venue
        self._rng = rng
        self._paused = False
        self._began = {symbol: self._quote(symbol).mid for symbol in SHARES}
        self.happened: Counter[str] = Counter()

    def quote(self, symbol: str) -> tuple[Decimal, Decimal] | None:
        """Bid and ask of a symbol now."""
        quote = self._venue.quotes.find(symbol)
        return None if quote is None or not quote.ask else (quote.bid, quote.ask)

    async def run(self) -> None:
        """Until canceled."""
        while True:
            await asyncio.sleep(_STEP_S)
            if not self._paused:
                self._move()
                self._happen()

    def pause(self) -> None:
        """Let nothing happen from now on."""
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._paused = False

    def _move(self) -> None:
        """Each share by a few cents, now and then by many."""
        for symbol in SHARES:
            wide = 60 if self._rng.random() < 0.03 else 12
            quote = self._quote(symbol)
            pull = (self._began[symbol] - quote.mid) * _PULL
            move = (self._rng.randint(-wide, wide) * _CENT + pull).quantize(_CENT)
            self._set(quote, move)
            for option in OPTIONS:
                if option.startswith(symbol) and not self._venue.quotes.is_model(option):
                    delta = _DELTA if "C" in option[9:] else -_DELTA
                    self._set(self._quote(option), (move * delta).quantize(_CENT))

    def _set(self, quote: Quote, move: Decimal) -> None:
        move = max(move, _CENT - quote.bid)
        self._control.set_quote(quote.symbol, quote.bid + move, quote.ask + move)

    def _quote(self, symbol: str) -> Quote:
        quote = self._venue.quotes.find(symbol)
        assert quote is not None, f"{symbol} has no quote"
        return quote

    def _happen(self) -> None:
        for name, mean_s in _EVENTS.items():
            if self._rng.random() >= _STEP_S / mean_s:
                continue
            try:
                self._do(name)
            except (BadRequest, Refusal):
                continue  # nothing is held that it could happen to
            self.happened[name] += 1

    def _do(self, name: str) -> None:
        amount = str(Decimal(self._rng.randint(1, 400)) / 100)
        account = next(iter(self._venue.accounts.values()))
        if name == "fee":
            sub_type = self._rng.choice(("ORF", "TAF", "CAT"))
            self._control.do("fee", amount=amount, sub_type=sub_type)
        elif name == "dividend":
            self._control.do("dividend", symbol=self._rng.choice(SHARES), per_share="0.25")
        elif name == "transfer":
            self._control.do(self._rng.choice(("deposit", "withdraw")), amount="1000")
        elif name == "assign":
            shorts = [s for s, p in sorted(account.positions.items()) if s in OPTIONS and p.qty < 0]
            if not shorts:
                raise BadRequest("nothing is short")
            self._control.do("assign", symbol=self._rng.choice(shorts), qty="1")
        else:
            symbol = self._rng.choice(SHARES)
            price = self._quote(symbol).ask if self._rng.random() < 0.5 else None
            self._control.place_by_hand(symbol, Side.BUY, Decimal(self._rng.randint(1, 5)), price)
