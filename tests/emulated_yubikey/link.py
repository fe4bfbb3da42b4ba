"""A card's connection to vpcd, the reader driver: vpcd listens, the card connects (the protocol is in vsmartcard's
documentation: two bytes of length, big-endian, then an APDU, or one byte of control)."""
from __future__ import annotations

import socket
import threading
import time
from typing import Callable

from .card import Card
from .faults import Fault, FaultPlan

_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = 0, 1, 2, 4


class Unplugged(Exception):
    """The connection is over, by either side's wish."""


class Link:
    """One insertion of a card into a reader; ended by pull(). `strike` does those faults that are not the link's own
    (unplug, kill-pcscd)."""

    def __init__(self, card: Card, port: int, faults: FaultPlan, strike: Callable[[Fault], None]) -> None:
        self._card, self._port, self._faults, self._strike = card, port, faults, strike
        self._powered = True
        self._met = threading.Event()
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name=f"card-{port}", daemon=True)
        self._thread.start()

    def pull(self) -> None:
        """Out: at once, whatever the card does. May be called by the link's own thread."""
        self._powered = False
        self._card.power_off()
        connected = self._socket
        if connected is not None:
            try:
                connected.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # pcscd was quicker
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def await_met(self, seconds: float) -> bool:
        """Whether pcscd has read the card's ATR, or does so before the time is over."""
        return self._met.wait(seconds)

    def _run(self) -> None:
        """Until pulled; a reader that comes back (pcscd was restarted) finds the card in it."""
        while self._powered:
            try:
                with socket.create_connection(("127.0.0.1", self._port), timeout=1.0) as connected:
                    connected.settimeout(None)
                    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._socket = connected
                    self._serve(connected)
            except (OSError, Unplugged):
                time.sleep(0.01)
            finally:
                self._socket = None
                self._met.clear()

    def _serve(self, connected: socket.socket) -> None:
        self._card.power_on(lambda: self._powered)
        while self._powered:
            size = int.from_bytes(self._receive(connected, 2), "big")
            frame = self._receive(connected, size)
            answer = self._control(frame[0]) if size == 1 else self._command(frame)
            if answer is not None and self._powered:
                connected.sendall(len(answer).to_bytes(2, "big") + answer)
                self._met.set()

    @staticmethod
    def _receive(connected: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            # vpcd sends the length and the rest apart, and waits for our ACK between them: 40 ms if we are not quick.
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            piece = connected.recv(size - len(data))
            if not piece:
                raise Unplugged
            data += piece
        return data

    def _control(self, code: int) -> bytes | None:
        if code == _GET_ATR:
            return self._card.atr
        if code in (_POWER_ON, _RESET):
            self._card.power_on(lambda: self._powered)
        elif code == _POWER_OFF:
            self._card.power_off()
        return None

    def _command(self, frame: bytes) -> bytes:
        due = self._faults.due(frame)
        forged = self._apply([fault for fault in due if fault.when == "before"])
        if forged is not None:
            self._card.diary.command(frame)
            self._card.diary.answered(forged)
            return forged
        answer = self._card.transmit(frame)
        forged = self._apply([fault for fault in due if fault.when == "after"])
        return answer if forged is None else forged

    def _apply(self, faults: list[Fault]) -> bytes | None:
        """The answer in the card's place, if a fault gives one. Raises Unplugged when the card is out."""
        forged = None
        for fault in faults:
            if fault.action == "delay":
                time.sleep(fault.seconds)
            elif fault.action == "status":
                forged = fault.status.to_bytes(2, "big")
            else:
                self._strike(fault)
        if not self._powered:
            raise Unplugged
        return forged
