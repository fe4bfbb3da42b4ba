"""Another program that has the card, as scdaemon or a browser may: a process of its own, over PC/SC."""
from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any


class Holder:
    """From the constructor's return until release() it holds the reader with that index."""

    def __init__(self, reader: int, exclusive: bool) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-B", "-m", "emulated_yubikey.holder", str(reader), str(int(exclusive))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parent.parent)
        assert self._process.stdout is not None
        said = self._process.stdout.readline().strip()
        if said != "held":
            self.release()
            raise RuntimeError(f"the card could not be held: {said}")

    def release(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


def reset_card(reader: int) -> None:
    """Another program ends its turn with the card by a reset."""
    subprocess.run([sys.executable, "-B", "-m", "emulated_yubikey.holder", str(reader), "reset"], check=True, timeout=20,
                   cwd=Path(__file__).parent.parent)


def pin_state(reader: int) -> int:
    """What the card says to another program that asks "VERIFY" without a PIN and selects nothing: 9000, the PIN is
    verified; 63Cx, it is not; 6D00, no applet is selected, so nobody is logged in to one. It costs no try."""
    said = subprocess.run([sys.executable, "-B", "-m", "emulated_yubikey.holder", str(reader), "pin-state"], check=True,
                          timeout=20, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True)
    return int(said.stdout, 16)


def _connect(index: int) -> Any:
    from smartcard import scard
    _, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _, readers = scard.SCardListReaders(context, [])
    result, card, _ = scard.SCardConnect(context, readers[index], scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T1)
    if result != scard.SCARD_S_SUCCESS:
        raise SystemExit(scard.SCardGetErrorMessage(result))
    return card


def _pin_state(index: int) -> None:
    from smartcard import scard
    card = _connect(index)
    _, answer = scard.SCardTransmit(card, scard.SCARD_PCI_T1, [0x00, 0x20, 0x00, 0x80])
    print(bytes(answer[-2:]).hex())
    scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)


def _reset(index: int) -> None:
    from smartcard import scard
    if scard.SCardDisconnect(_connect(index), scard.SCARD_RESET_CARD) != scard.SCARD_S_SUCCESS:
        raise SystemExit("the card could not be reset")


def _hold(index: int, exclusive: bool) -> None:
    from smartcard import scard
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    _, readers = scard.SCardListReaders(context, [])
    share = scard.SCARD_SHARE_EXCLUSIVE if exclusive else scard.SCARD_SHARE_SHARED
    result, card, _ = scard.SCardConnect(context, readers[index], share, scard.SCARD_PROTOCOL_T1)
    if result == scard.SCARD_S_SUCCESS and not exclusive:
        result = scard.SCardBeginTransaction(card)
    print("held" if result == scard.SCARD_S_SUCCESS else scard.SCardGetErrorMessage(result), flush=True)
    sys.stdin.read()
    if not exclusive:
        scard.SCardEndTransaction(card, scard.SCARD_LEAVE_CARD)
    scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    scard.SCardReleaseContext(context)


if __name__ == "__main__":
    if sys.argv[2] == "reset":
        _reset(int(sys.argv[1]))
    elif sys.argv[2] == "pin-state":
        _pin_state(int(sys.argv[1]))
    else:
        _hold(int(sys.argv[1]), sys.argv[2] == "1")
