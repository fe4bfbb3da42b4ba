"""The table with the computer on it: cards, readers, who is plugged in where, and what goes wrong."""
from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from .attestation import AttestationCa
from .card import Card
from .faults import Fault, FaultPlan
from .link import Link
from .pcscd import FIRST_PORT, MOST_READERS, Pcscd, UsbBus
from .state import StateFile


_PATIENCE = 10.0  # seconds, with pcscd
_LETTING_GO = 1.0  # seconds, for programs that use a reader which is gone
# pcscd looks every 0.4 s whether a card is in its reader. No hand is quicker; one that were would leave pcscd with a
# card that it believes dead ("Error resetting card").
_HAND = 0.6  # seconds from a card's way out of a reader that stays to the next one's way in


@dataclass
class Owned:
    """A card, and the USB port that it is plugged into by default: each key is its own reader."""
    card: Card
    port: int
    faults: FaultPlan = field(default_factory=FaultPlan)


class Bench:
    """Thread safe, but for touch and diary, which take no lock here: they work while a card is busy."""

    def __init__(self, directory: Path, cards: Path, reader_library: Path) -> None:
        self._lock = threading.RLock()
        self._states = cards
        cards.mkdir(parents=True, exist_ok=True)
        self._ca = AttestationCa(cards / "attestation-ca")
        self._bus = UsbBus()
        self.pcscd = Pcscd(directory, reader_library, self._bus)
        self._cards: dict[str, Owned] = {}
        self._links: dict[int, Link] = {}  # by port
        self._inserted: dict[int, str] = {}  # by port: the card's name
        self._readers: dict[int, int] = {}  # by port with a reader in it: the USB device's number
        self._pulled: dict[int, float] = {}  # by port: when a card left the reader there

    def add_card(self, name: str, serial: int, firmware: str) -> None:
        with self._lock:
            if name in self._cards:
                raise ValueError(f"there is a card {name} already")
            if len(self._cards) >= MOST_READERS:
                raise ValueError(f"there are {MOST_READERS} USB ports, and a card for each")
            card = Card(StateFile(self._states / f"{name}.json"), self._ca, serial, firmware)
            self._cards[name] = Owned(card, port=len(self._cards) + 1)

    def owned(self, name: str) -> Owned:
        if name not in self._cards:
            raise ValueError(f"there is no card {name}")
        return self._cards[name]

    def plug(self, name: str, port: int | None = None) -> None:
        """The USB key into its port, or into that one: a reader appears with the card in it. As insert() and swap(),
        it returns when pcscd has seen it, if there is one."""
        with self._lock:
            port = self.owned(name).port if port is None else port
            fresh = port not in self._readers
            if fresh:
                self._readers[port] = self._bus.next_number()
            self._insert(name, port)  # first: pcscd waits for the card when it meets the reader
            if fresh:
                self._bus.plug(port)
            self.settle()

    def unplug(self, name: str) -> None:
        """The USB key out: card and reader vanish."""
        with self._lock:
            port = self._port_of(name)
            self._pull(port)
            self._pulled.pop(port, None)
            number = self._readers.pop(port)
            self._bus.unplug(port)
        if self.pcscd.running and not threading.current_thread().name.startswith("card"):
            # On the card's own thread this would wait for ever: pcscd waits for that thread's answer.
            # It is closed when the last program that used it lets go: the next key's name would be another until then.
            Pcscd.await_closed(FIRST_PORT + number, _LETTING_GO)

    def insert(self, name: str) -> None:
        """The card into the reader of its port, which was left there by pull()."""
        with self._lock:
            port = self.owned(name).port
            if port not in self._readers:
                raise ValueError(f"there is no reader for {name}: plug it in")
            self._insert(name, port)
            self.settle()

    def pull(self, name: str) -> None:
        """The card out of its reader, which stays."""
        with self._lock:
            self._pull(self._port_of(name))

    def swap(self, name: str, other: str, usb: bool) -> None:
        """The other card in its place. `usb`: the reader goes and comes with it, as a USB key does."""
        with self._lock:
            port = self._port_of(name)
            if usb:
                self.unplug(name)
            else:
                self._pull(port)
            self.plug(other, port)

    def _insert(self, name: str, port: int) -> None:
        if port in self._links:
            raise ValueError(f"there is a card in port {port} already: {self._inserted[port]}")
        owned = self.owned(name)
        time.sleep(max(0.0, self._pulled.pop(port, 0.0) + _HAND - time.monotonic()))
        self._inserted[port] = name
        self._links[port] = Link(owned.card, FIRST_PORT + self._readers[port], owned.faults,
                                 lambda fault: self._strike(name, fault))

    def _pull(self, port: int) -> None:
        self._inserted.pop(port)
        self._pulled[port] = time.monotonic()
        self._links.pop(port).pull()

    def _port_of(self, name: str) -> int:
        for port, inserted in self._inserted.items():
            if inserted == name:
                return port
        raise ValueError(f"{name} is not plugged in")

    def _strike(self, name: str, fault: Fault) -> None:
        """A fault that is not the link's own; on the link's thread."""
        if fault.action == "pull":
            self.pull(name)
        elif fault.action == "unplug":
            self.unplug(name)
        else:
            self.pcscd.stop(hard=True)

    def settle(self) -> None:
        """Until pcscd has met all cards that are plugged in."""
        with self._lock:
            if self.pcscd.running:
                for port, link in self._links.items():
                    if not link.await_met(_PATIENCE):
                        raise TimeoutError(f"pcscd does not look at the card in port {port}")

    def status(self) -> dict[str, object]:
        with self._lock:
            ports = {name: port for port, name in self._inserted.items()}
            return {name: {"serial": owned.card.state.serial, "firmware": owned.card.state.firmware,
                           "port": ports.get(name), "pin_tries": owned.card.state.pin.left,
                           "puk_tries": owned.card.state.puk.left, "faults": owned.faults.struck(),
                           "keys": sorted(owned.card.state.keys)}
                    for name, owned in self._cards.items()}

    def attestation_root(self) -> str:
        return str(self._ca.certificate_file)

    def udev_directory(self) -> str:
        return self._bus.listener_directory

    def end(self) -> None:
        with self._lock:
            for port in list(self._links):
                self._pull(port)
            self.pcscd.stop()
