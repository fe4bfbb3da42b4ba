"""The card: which applet is selected, what it answers, and the power."""
from __future__ import annotations

import threading
from typing import Callable

from . import key_commands, object_commands, pin_commands, tlv
from .apdu import GET_RESPONSE, CardError, Command, Response, Status, Transport, parse
from .attestation import CERTIFICATE_OBJECT, SLOT, AttestationCa
from .diary import Diary
from .object_commands import PIV_AID
from .session import Session
from .state import DEFAULT_MANAGEMENT_KEY, Algorithm, CardState, ManagementKey, StateFile
from .touch import Finger

MANAGEMENT_AID = bytes.fromhex("a000000527471117")
OTP_AID = bytes.fromhex("a0000005272001")
_SHORTEST_AID = 5

Handler = Callable[[Session, Command], bytes]


def _version(session: Session, _: Command) -> bytes:
    return bytes(session.state.version)


def _serial(session: Session, _: Command) -> bytes:
    if session.state.version < (5, 0, 0):
        raise CardError(Status.INS_UNKNOWN)
    return session.state.serial.to_bytes(4, "big")


def _factory_reset(session: Session, _: Command) -> bytes:
    """Only when the PIN and the PUK are both blocked; the attestation key stays."""
    state = session.state
    if state.pin.left or state.puk.left:
        raise CardError(Status.CONDITIONS)
    fresh = new_state(state.serial, state.firmware)
    state.pin, state.puk, state.management = fresh.pin, fresh.puk, fresh.management
    state.keys = {slot: key for slot, key in state.keys.items() if slot == SLOT}
    state.objects = {tag: value for tag, value in state.objects.items() if tag == CERTIFICATE_OBJECT}
    session.reset()
    session.save()
    return b""


_PIV_COMMANDS: dict[int, Handler] = {
    0x20: pin_commands.verify, 0x24: pin_commands.change, 0x2C: pin_commands.unblock, 0xFA: pin_commands.set_retries,
    0x47: key_commands.generate, 0x87: key_commands.authenticate, 0xFE: key_commands.import_key,
    0xF9: key_commands.attest, 0xF7: key_commands.metadata, 0xF6: key_commands.move,
    0xFF: key_commands.set_management_key, 0xCB: object_commands.get, 0xDB: object_commands.put,
    0xFD: _version, 0xF8: _serial, 0xFB: _factory_reset,
}


def new_state(serial: int, firmware: str) -> CardState:
    """As it leaves the factory: from 5.7 the management key is for AES-192."""
    state = CardState(serial=serial, firmware=firmware)
    if state.version >= (5, 7, 0):
        state.management = ManagementKey(Algorithm.AES192, DEFAULT_MANAGEMENT_KEY)
    return state


class Card:
    """Handles one APDU at a time; the other calls may come from other threads."""

    def __init__(self, file: StateFile, ca: AttestationCa, serial: int = 10000001, firmware: str = "5.4.3") -> None:
        state = file.load()
        if state is None:
            state = new_state(serial, firmware)
            ca.personalise(state)
            file.save(state)
        self.state = state
        self.diary = Diary()
        self.finger = Finger()
        self.lock = threading.RLock()
        self._session = Session(state, lambda: file.save(state), self.diary, self.finger)
        self._transport = Transport()
        self._applet = b""

    @property
    def atr(self) -> bytes:
        return bytes.fromhex(self.state.atr)

    def provision(self, work: Callable[[CardState], object]) -> object:
        """Changes the state behind the applet's back; keeps it."""
        with self.lock:
            result = work(self.state)
            self._session.save()
            return result

    def power_on(self, powered: Callable[[], bool]) -> None:
        """Also a reset. `powered`: whether it still is; a card that waits for a touch asks."""
        with self.lock:
            self._session.reset()
            self._session.powered = powered
            self._transport.reset()
            self._applet = b""

    def power_off(self) -> None:
        self.finger.power_off()

    def transmit(self, frame: bytes) -> bytes:
        with self.lock:
            self.diary.command(frame)
            answer = self._answer(frame).encoded()
            self.diary.answered(answer)
            return answer

    def _answer(self, frame: bytes) -> Response:
        try:
            part = parse(frame)
            if part.ins == GET_RESPONSE:
                return self._transport.next()
            command = self._transport.join(part)
            if command is None:
                return Response()
            return self._transport.first(command, Response(self._execute(command)))
        except CardError as error:
            return Response(status=error.status)

    def _execute(self, command: Command) -> bytes:
        if command.cla != 0:
            raise CardError(Status.CLASS_UNKNOWN)
        if command.ins == 0xA4:
            return self._select(command)
        if self._applet == PIV_AID:
            handler = _PIV_COMMANDS.get(command.ins)
            if handler is None:
                raise CardError(Status.INS_UNKNOWN)
            return handler(self._session, command)
        return self._other_applet(command)

    def _select(self, command: Command) -> bytes:
        if (command.p1, command.p2 & ~0x0C) != (0x04, 0x00):
            raise CardError(Status.WRONG_P1P2)
        name = command.data
        if len(name) < _SHORTEST_AID:
            raise CardError(Status.NOT_FOUND)
        for aid in (PIV_AID, MANAGEMENT_AID, OTP_AID):
            if aid.startswith(name) or name.startswith(aid):
                return self._selected(aid)
        raise CardError(Status.NOT_FOUND)  # the applet that was selected stays so

    def _selected(self, aid: bytes) -> bytes:
        self._session.reset()  # also by PIV's own: libykpiv's ykpiv_get_pin_retries() relies on it
        self._applet = aid
        if aid == PIV_AID:
            return tlv.encode(0x61, tlv.encode(0x4F, PIV_AID[5:]) + tlv.encode(0x79, tlv.encode(0x4F, PIV_AID[:5])))
        if aid == MANAGEMENT_AID:
            return f"Virtual mgr - FW version {self.state.firmware}".encode()
        return bytes(self.state.version) + b"\x01\x00\x05\x00\x00"

    def _other_applet(self, command: Command) -> bytes:
        if self._applet == MANAGEMENT_AID and command.ins == 0x1D:
            return self._device_info()
        if self._applet == OTP_AID and (command.ins, command.p1) == (0x01, 0x10):
            return self.state.serial.to_bytes(4, "big")
        raise CardError(Status.INS_UNKNOWN)

    def _device_info(self) -> bytes:
        """READ CONFIG of the management applet: PIV over USB is all there is."""
        piv = b"\x00\x10"
        info = (tlv.encode(0x01, piv) + tlv.encode(0x02, self.state.serial.to_bytes(4, "big")) +
                tlv.encode(0x03, piv) + tlv.encode(0x04, bytes([self.state.form_factor])) +
                tlv.encode(0x05, bytes(self.state.version)) + tlv.encode(0x0A, b"\x00"))
        return bytes([len(info)]) + info
