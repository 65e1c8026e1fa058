"""The requests that are served: one function from a call to what it does, synchronous."""

from simulators.control.faults import FaultBook
from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.account_requests import AccountRequests
from simulators.ib_gateway.announcements import Announcements
from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contract_requests import ContractRequests
from simulators.ib_gateway.exercise_requests import ExerciseRequests
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.history import HistoricalData
from simulators.ib_gateway.listings import Listings
from simulators.ib_gateway.manual_orders import ManualOrders
from simulators.ib_gateway.market_data import MarketData
from simulators.ib_gateway.message_names import request_of
from simulators.ib_gateway.option_calculator import OptionCalculator
from simulators.ib_gateway.option_ends import OptionEnds
from simulators.ib_gateway.order_entry import OrderEntry
from simulators.ib_gateway.past_ticks import PastTicks
from simulators.ib_gateway.problems import Problem, not_built, problem_of, unreadable
from simulators.ib_gateway.tick_streams import TickStreams
from simulators.ib_gateway.user_requests import UserRequests
from simulators.ib_gateway.wire import BadMessage
from simulators.venue.refusals import Refusal


class GatewayApi:
    """Does what a message asks for; what can't be done becomes an error message."""

    def __init__(self, gateway: Gateway, faults: FaultBook) -> None:
        self.accounts = AccountMessages(gateway)
        manual = ManualOrders(gateway)
        self.announcements = Announcements(gateway, self.accounts, faults)
        OptionEnds(gateway, self.announcements, self.accounts)
        self._gateway = gateway
        handlers: dict[int, Handler] = {
            71: self._start,
            **AccountRequests(gateway, self.accounts).handlers(),
            **ContractRequests(gateway).handlers(),
            **Listings(gateway).handlers(),
            **HistoricalData(gateway).handlers(),
            **MarketData(gateway).handlers(),
            **TickStreams(gateway).handlers(),
            **PastTicks(gateway).handlers(),
            **OptionCalculator(gateway).handlers(),
            **UserRequests(gateway).handlers(),
            **ExerciseRequests(gateway, self.run).handlers(),
            **OrderEntry(gateway, self.announcements, self.run).handlers(),
        }
        handlers |= manual.handlers(list_open=handlers[5])
        self._handlers = {str(number): handler for number, handler in handlers.items()}

    @property
    def served(self) -> set[str]:
        """The names of the requests that are served."""
        return {request_of([number]).name for number in self._handlers}

    def handle(self, call: Call) -> None:
        """Does what the call asks for, and sends what it answers."""
        handler = self._handlers.get(call.fields[0]) if call.fields else _empty
        if call.session.client_id < 0 and handler != self._start:
            call.entry.outcome = "before startApi"
            call.session.end()
            return
        self.run(handler or _not_served, call)

    def run(self, handler: Handler, call: Call) -> None:
        """Calls a handler; what it raises is sent as an error under the call's id."""
        call.entry.reached_venue, call.entry.outcome = True, "ok"
        try:
            self._gateway.restrictions.check(call.entry.method)
            handler(call)
        except Problem as problem:
            self._refuse(call, problem)
        except BadMessage as error:
            self._refuse(call, unreadable(str(error)))
        except Refusal as refusal:
            self._refuse(call, problem_of(refusal))

    def _refuse(self, call: Call, problem: Problem) -> None:
        call.entry.outcome = f"error {problem.code}"
        call.session.error(problem.code, problem.text, call.id)

    def _start(self, call: Call) -> None:
        if call.session.client_id >= 0:
            raise not_built("a second startApi")
        self._gateway.start(call.session, call.args(2).integer())


def _empty(call: Call) -> None:
    raise BadMessage("the message is empty")


def _not_served(call: Call) -> None:
    raise not_built(request_of(call.fields).name)
