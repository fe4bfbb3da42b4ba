"""The Unix socket by which tests play fate: one JSON object a line, {"do": "unplug", "card": "alice"}, answered by
{"ok": true, …} or {"ok": false, "error": "…"}. A class Control for clients, a class ControlServer for the bench."""
from __future__ import annotations

import json
import socketserver
import threading
from pathlib import Path
from typing import Any, Callable

from .bench import Bench
from .faults import Fault
from .holder import Holder, pin_state, reset_card
from .provisioning import make_key, set_chuid
from .state import Algorithm, PinPolicy, Secret, TouchPolicy

Request = dict[str, Any]
Answer = dict[str, Any]


class Commands:
    """One method for each word after "do" (with "_" for "-"); its parameters are the request's members."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._holder: Holder | None = None

    def handle(self, request: Request) -> Answer:
        parameters = dict(request)
        name = str(parameters.pop("do", "")).replace("-", "_")
        method: Callable[..., Answer | None] | None = getattr(self, f"do_{name}", None)
        if method is None:
            raise ValueError(f"there is no command {name}")
        return method(**parameters) or {}

    def do_status(self) -> Answer:
        return {"cards": self._bench.status()}

    def do_add_card(self, card: str, serial: int, firmware: str = "5.4.3") -> None:
        self._bench.add_card(card, serial, firmware)

    def do_make_key(self, card: str, slot: str, algorithm: str, pin: str = "default", touch: str = "default") -> Answer:
        """algorithm: P256, RSA2048, …; pin: never, once, always; touch: never, always, cached"""
        policies = PinPolicy[pin.upper()], TouchPolicy[touch.upper()]
        pem = self._bench.owned(card).card.provision(
            lambda state: make_key(state, slot, Algorithm[algorithm], *policies))
        assert isinstance(pem, bytes)
        return {"pem": pem.decode()}

    def do_set_chuid(self, card: str) -> None:
        self._bench.owned(card).card.provision(set_chuid)

    def do_plug(self, card: str) -> None:
        self._bench.plug(card)

    def do_unplug(self, card: str) -> None:
        self._bench.unplug(card)

    def do_insert(self, card: str) -> None:
        self._bench.insert(card)

    def do_pull(self, card: str) -> None:
        self._bench.pull(card)

    def do_swap(self, card: str, other: str, usb: bool = False) -> None:
        self._bench.swap(card, other, usb)

    def do_fault(self, card: str, **fault: Any) -> None:
        self._bench.owned(card).faults.add(Fault(**fault))

    def do_clear_faults(self, card: str) -> None:
        self._bench.owned(card).faults.clear()

    def do_touch(self, card: str, mode: str, timeout: float | None = None) -> None:
        finger = self._bench.owned(card).card.finger
        finger.set_mode(mode)
        if timeout is not None:
            finger.timeout = timeout

    def do_press(self, card: str) -> None:
        self._bench.owned(card).card.finger.press()

    def do_await_blinking(self, card: str, seconds: float = 10.0) -> Answer:
        return {"blinking": self._bench.owned(card).card.finger.await_blinking(seconds)}

    def do_diary(self, card: str) -> Answer:
        return self._bench.owned(card).card.diary.summary()

    def do_every_pin_use(self, card: str, known: list[str]) -> Answer:
        return {"uses": self._bench.owned(card).card.diary.every_use_of(known)}

    def do_pin_state(self, reader: int = 0) -> Answer:
        """What another program is told of the PIN: a status word."""
        return {"status": pin_state(reader)}

    def do_log(self, card: str) -> Answer:
        return {"log": self._bench.owned(card).card.diary.log()}

    def do_clear_diary(self, card: str) -> None:
        self._bench.owned(card).card.diary.clear()

    def do_pcscd(self, action: str) -> None:
        """start, stop, kill, restart"""
        if action not in ("start", "stop", "kill", "restart"):
            raise ValueError("pcscd can be told to start, stop, kill and restart")
        if action != "start":
            self._bench.pcscd.stop(hard=action == "kill")
        if action in ("start", "restart"):
            self._bench.pcscd.start()
            self._bench.settle()

    def do_hold(self, reader: int = 0, exclusive: bool = False) -> None:
        """Another program takes the card: a transaction, or the reader for itself alone."""
        self.do_release()
        self._holder = Holder(reader, exclusive)

    def do_reset(self, reader: int = 0) -> None:
        """Another program resets the card."""
        reset_card(reader)

    def do_set_pin(self, card: str, pin: str) -> None:
        """Somebody changed it elsewhere; all tries are left."""
        self._bench.owned(card).card.provision(lambda state: setattr(state, "pin", Secret.of(pin)))

    def do_set_puk(self, card: str, puk: str) -> None:
        self._bench.owned(card).card.provision(lambda state: setattr(state, "puk", Secret.of(puk)))

    def do_block_pin(self, card: str) -> None:
        """Somebody has used all its tries elsewhere."""
        self._bench.owned(card).card.provision(lambda state: setattr(state.pin, "left", 0))

    def do_release(self) -> None:
        if self._holder is not None:
            self._holder.release()
            self._holder = None


class ControlServer:
    """Serves until close(); one thread for each connection."""

    def __init__(self, path: Path, commands: Commands) -> None:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                for line in self.rfile:
                    self.wfile.write(json.dumps(_answer(commands, line)).encode() + b"\n")

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        self._server = Server(str(path), Handler)
        threading.Thread(target=self._server.serve_forever, name="control", daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(commands: Commands, line: bytes) -> Answer:
    try:
        return {"ok": True, **commands.handle(json.loads(line))}
    except Exception as error:  # whatever it is, the test shall read it
        return {"ok": False, "error": f"{type(error).__name__}: {error}"}
