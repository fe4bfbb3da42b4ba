"""What goes wrong, and at which APDU: rules that the link asks before and after every command."""
from __future__ import annotations

import threading
from dataclasses import dataclass

ACTIONS = ("status", "delay", "pull", "unplug", "kill-pcscd")


@dataclass
class Fault:
    """`action` for the commands that match, from the nth on, as often as `times` says."""
    action: str
    ins: int | None = None  # None matches all
    p1: int | None = None
    p2: int | None = None
    nth: int = 1
    times: int = 1  # 0: from then on always
    when: str = "before"  # "before" the card sees the command, or "after" it did, instead of its answer
    status: int = 0x6F00  # of action "status"
    seconds: float = 0.0  # of action "delay"
    seen: int = 0
    done: int = 0

    def __post_init__(self) -> None:
        if self.action not in ACTIONS:
            raise ValueError(f"a fault's action is one of {', '.join(ACTIONS)}")
        if self.when not in ("before", "after"):
            raise ValueError('a fault comes "before" or "after"')

    def strikes(self, frame: bytes) -> bool:
        """Whether it is this command's turn; counts. `frame`: four bytes or more."""
        if any(wanted is not None and wanted != frame[index]
               for index, wanted in ((1, self.ins), (2, self.p1), (3, self.p2))):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times and self.done >= self.times):
            return False
        self.done += 1
        return True


class FaultPlan:
    """Thread safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def struck(self) -> int:
        """How often any fault came to pass since clear()."""
        with self._lock:
            return sum(fault.done for fault in self._faults)

    def due(self, frame: bytes) -> list[Fault]:
        if len(frame) < 4:
            return []
        with self._lock:
            return [fault for fault in self._faults if fault.strikes(frame)]
