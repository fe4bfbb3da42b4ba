"""The person at the card: does somebody touch it when it blinks?"""
from __future__ import annotations

import threading
import time
from typing import Callable

CACHED_SECONDS = 15.0


class Finger:
    """Thread safe. `given`: touches at once; `wait`: touches when press() is called; `never`: looks on."""
    MODES = ("given", "wait", "never")

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._mode = "given"
        self._presses = 0
        self._waiting = False
        self._last_touch = float("-inf")
        self.timeout = 15.0  # seconds that the card waits

    def set_mode(self, mode: str) -> None:
        if mode not in self.MODES:
            raise ValueError(f"a finger's mode is one of {', '.join(self.MODES)}")
        with self._changed:
            self._mode = mode
            self._presses = 0
            self._changed.notify_all()

    def press(self) -> None:
        with self._changed:
            self._presses += 1
            self._changed.notify_all()

    def await_blinking(self, seconds: float) -> bool:
        """Whether the card waits for a touch, or does so before the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._waiting, seconds)

    def touched_lately(self) -> bool:
        return time.monotonic() - self._last_touch < CACHED_SECONDS

    def power_off(self) -> None:
        with self._changed:
            self._last_touch = float("-inf")
            self._changed.notify_all()

    def wait(self, powered: Callable[[], bool]) -> bool:
        """Blinks until touched: true; false when nobody came in time, or the power went."""
        with self._changed:
            self._waiting = True
            self._presses = 0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._mode == "given" or self._presses > 0 or not powered(), self.timeout)
            self._waiting = False
            touched = powered() and (self._mode == "given" or (self._mode == "wait" and self._presses > 0))
            if touched:
                self._last_touch = time.monotonic()
            return touched
