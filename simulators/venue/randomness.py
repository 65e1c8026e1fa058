"""Named streams of randomness, all derived from one seed, so that any run can be repeated."""

import random
import uuid
from functools import lru_cache


class Randomness:
    """Hands out independent random streams by name.

    Each name has a stream of its own, so drawing more often from one of them (partial fills, say)
    never changes what another one gives (order ids, say).
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._streams: dict[str, random.Random] = {}

    def stream(self, name: str) -> random.Random:
        """The stream of that name; the same object for the same name."""
        found = self._streams.get(name)
        if found is None:
            found = random.Random(f"{self.seed}/{name}")
            self._streams[name] = found
        return found

    def uuid(self, name: str) -> str:
        """The next random UUID (version 4) of the stream of that name."""
        return str(uuid.UUID(int=self.stream(name).getrandbits(128), version=4))


@lru_cache(maxsize=4096)
def fixed_uuid(name: str) -> str:
    """The UUID that belongs to a name whatever the seed: asset and account ids don't change."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, name))
