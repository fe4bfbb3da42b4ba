"""What reached the card, for tests to judge. PINs never stand in it: equal values have equal numbers."""
from __future__ import annotations

import hashlib
import os
import time
from collections import deque
from dataclasses import asdict, dataclass

_PIN_COMMANDS = (0x20, 0x24, 0x2C)  # VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER
_SECRET_COMMANDS = (*_PIN_COMMANDS, 0xFE, 0xFF)  # and IMPORT, SET MANAGEMENT KEY


@dataclass(frozen=True)
class PinUse:
    """One comparison with the PIN or the PUK."""
    what: str  # "pin" or "puk"
    outcome: str  # "accepted", "refused" or "blocked"
    left: int  # tries left afterwards
    value: int  # the same for the same value, in order of first use
    length: int  # of the value, without padding
    at: float


class Diary:
    """Not thread safe: the card's lock is held."""
    MOST_ENTRIES = 20000

    def __init__(self) -> None:
        self._salt = os.urandom(16)
        self._values: dict[bytes, int] = {}
        self.pin_uses: list[PinUse] = []
        self.all_pin_uses: list[PinUse] = []  # clear() leaves them
        self.status_queries = 0  # VERIFY without data costs no try
        self.commands = 0
        self.signatures = 0
        self._log: deque[dict[str, object]] = deque(maxlen=self.MOST_ENTRIES)

    def pin_used(self, what: str, outcome: str, left: int, value: bytes) -> None:
        number = self._values.setdefault(hashlib.sha256(self._salt + value).digest(), len(self._values) + 1)
        use = PinUse(what, outcome, left, number, len(value.rstrip(b"\xff")), time.time())
        self.pin_uses.append(use)
        self.all_pin_uses.append(use)

    def every_use_of(self, known: list[str]) -> list[dict[str, object]]:
        """All since the card was made; "value" is the index in `known`, or None for a value that is not there."""
        numbers = {self._values.get(hashlib.sha256(self._salt + value.encode().ljust(8, b"\xff")).digest()): index
                   for index, value in enumerate(known)}
        return [{**asdict(use), "value": numbers.get(use.value)} for use in self.all_pin_uses]

    def command(self, frame: bytes) -> None:
        """One APDU as it arrived; a PIN's or a key's bytes are left out."""
        self.commands += 1
        secret = len(frame) > 5 and frame[1] in _SECRET_COMMANDS
        self._log.append({"at": time.time(), "apdu": frame[:5].hex() + "…" if secret else frame.hex()})

    def answered(self, answer: bytes) -> None:
        if self._log:
            self._log[-1].update(status=answer[-2:].hex(), length=len(answer) - 2)

    def log(self) -> list[dict[str, object]]:
        return list(self._log)

    def summary(self) -> dict[str, object]:
        return {"commands": self.commands, "signatures": self.signatures, "status_queries": self.status_queries,
                "pin_uses": [asdict(use) for use in self.pin_uses]}

    def clear(self) -> None:
        """Forgets all but the numbers of values."""
        self.pin_uses.clear()
        self._log.clear()
        self.status_queries = self.commands = self.signatures = 0
