"""A simulated Gateway inside a test's own loop, with a client that speaks the bare protocol."""

import asyncio
import json
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests

from simulators.ib_gateway.contracts import con_id_of
from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.settings import IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from simulators.ib_gateway.wire import FrameReader, fields_of, frame

ROOT = Path(__file__).parents[2]
PUT = "SPY241115P00400000"
ACCOUNT = "DU1000001"
DEADLINE_S = 20.0
Message = list[str]

ORDER_STATUS, ERROR, OPEN_ORDER, EXECUTION, COMMISSION = "3", "4", "5", "11", "59"


class MemoryLink:
    """A connection without a socket; `ended` is how the Gateway ended it."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = ""

    def write(self, data: bytes) -> None:
        assert not self.ended, "written after its end"
        self.data += data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return bool(self.ended)

    def close(self) -> None:
        self.ended = self.ended or "close"

    def abort(self) -> None:
        self.ended = self.ended or "reset"


class Client:
    """A client of the bare protocol on a link in memory."""

    def __init__(self, simulated: SimulatedIbGateway, version: int = 176) -> None:
        self.link = MemoryLink()
        self.version = version
        self._order_id = 0
        self.session: Session = simulated.frontend.connect(self.link)
        offer = f"v157..{version}".encode()
        self.session.receive(b"API\0" + struct.pack(">I", len(offer)) + offer)

    async def start(self, client_id: int = 1) -> "Client":
        """startApi; returns when the Gateway has greeted or refused."""
        self.send(71, 2, client_id, "")
        await self.until(lambda: self.of("9") or self.of(ERROR))
        return self

    def send(self, *fields: Any) -> None:
        """Sends one message."""
        self.session.receive(frame(*fields))

    def place(
        self, price: str = "8.5", ref: str = "", order_id: int | None = None, **more: Any
    ) -> int:
        """Sells one put, unless told otherwise; returns the order id."""
        self._order_id = self._order_id + 1 if order_id is None else order_id
        self.send(*place_order(self._order_id, price, ref, self.version, **more))
        return self._order_id

    @property
    def messages(self) -> list[Message]:
        """All complete messages that have come."""
        reader = FrameReader()
        reader.feed(bytes(self.link.data))
        return [fields_of(body) for body in reader.frames()]

    def of(self, *numbers: str) -> list[Message]:
        """The messages of these kinds."""
        return [message for message in self.messages if message[0] in numbers]

    def statuses(self, order_id: int) -> list[str]:
        """The statuses that were told of an order, repetitions left out."""
        told = [m[2] for m in self.of(ORDER_STATUS) if m[1] == str(order_id)]
        return [status for n, status in enumerate(told) if not n or told[n - 1] != status]

    def errors(self) -> list[tuple[int, int]]:
        """Request ids and codes of errors; notices left out."""
        return [(int(m[2]), int(m[3])) for m in self.of(ERROR) if m[2] != "-1"]

    async def until(self, check: Callable[[], Any]) -> Any:
        """Waits until something is true; fails with the messages at the deadline."""
        try:
            async with asyncio.timeout(DEADLINE_S):
                while not (answer := check()):
                    await asyncio.sleep(0.002)
        except TimeoutError:
            raise AssertionError(self.messages) from None
        return answer

    async def status(self, order_id: int, status: str) -> None:
        """Waits for a status of an order."""
        await self.until(lambda: status in self.statuses(order_id))

    async def failed(self, req_id: int, code: int) -> None:
        """Waits for an error."""
        await self.until(lambda: (req_id, code) in self.errors())

    async def answers(self, end: str, *request: Any) -> list[Message]:
        """Sends a request and returns what came for it, its end included."""
        before = len(self.messages)
        self.send(*request)
        await self.until(lambda: [m for m in self.messages[before:] if m[0] in (end, ERROR)])
        return self.messages[before:]


def place_order(order_id: int, price: str, ref: str, version: int = 176, **more: Any) -> list[Any]:
    """A placeOrder message as ib_insync and ib_async write a plain order."""
    symbol = more.get("symbol", PUT)
    contract = [con_id_of(symbol), "", "", "", "0.0", "", "", more.get("exchange", "SMART")]
    contract += ["", "", "", ""]
    terms = ["", "", more.get("action", "SELL"), more.get("qty", "1.0")]
    terms += [
        more.get("type", "LMT"),
        price,
        "",
        more.get("tif", "DAY"),
        "",
        more.get("account", ""),
    ]
    terms += ["O", 0, ref, more.get("transmit", 1), 0, 0, 0, 0, 0, more.get("outside_rth", 0), 0]
    middle = ["", "0.0", "", "", "", "", "", *([""] if version < 177 else []), "", 0, "", -1, 0]
    middle += ["", "", 0, "", "", 0, 0, "", 0, "", "", "", "", "", 0, "", "", "", ""]
    middle += [0, "", "", "", "", "", "", "", "", "", "", 0, "", "", 0, 0, "", "", 0, "", 0, 0, 0]
    after = [0, "", "", "", "", "", "", 0, "", "", "", "", "", "", "", "", 0, 0, 0, 0]
    newer = ["", "", 0, "", ""]
    return [3, order_id, *contract, *terms, *middle, *after, *newer]


@asynccontextmanager
async def gateway(**settings: Any) -> AsyncIterator[SimulatedIbGateway]:
    """A simulated Gateway on the running loop; what goes wrong inside it fails the test."""
    given = replace(IbGatewaySettings(messages_per_s=0), **settings)
    simulated = build(given, asyncio.get_running_loop().time)
    async with simulated.frontend.running():
        yield simulated


@asynccontextmanager
async def gateway_on_port(**settings: Any) -> AsyncIterator[tuple[SimulatedIbGateway, int]]:
    """The same on a real port of this machine."""
    async with AsyncExitStack() as stack:
        simulated = await stack.enter_async_context(gateway(**settings))
        server = GatewayServer(simulated.frontend, "127.0.0.1")
        yield simulated, await stack.enter_async_context(server.listening(0))


@dataclass(frozen=True)
class RunningGateway:
    """A simulated Gateway as a process of its own."""

    ready: dict[str, Any]
    process: subprocess.Popen[str]

    def control(self, method: str, path: str, content: Any = None, status: int = 200) -> Any:
        """One call of the control API; asserts its status."""
        url = f"http://127.0.0.1:{self.ready['control_port']}{path}"
        answer = requests.request(method, url, json=content, timeout=30)
        assert answer.status_code == status, answer.text
        return answer.json()


@contextmanager
def running_gateway(*flags: str) -> Iterator[RunningGateway]:
    """Starts `python -m simulators.ib_gateway` on free ports and ends it."""
    command = [sys.executable, "-m", "simulators.ib_gateway", "--port", "0", "--control-port", "0"]
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield RunningGateway(json.loads(process.stdout.readline()), process)
    finally:
        process.terminate()
        process.communicate(timeout=DEADLINE_S)
