"""VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (SP 800-73-4 part 2, 3.2) and Yubico's SET PIN RETRIES."""
from __future__ import annotations

import hmac

from .apdu import CardError, Command, Status
from .session import PIN, PUK, Session
from .state import DEFAULT_PIN, DEFAULT_PUK, Secret


def verify(session: Session, command: Command) -> bytes:
    if command.p2 != PIN:
        raise CardError(Status.REFERENCE_NOT_FOUND)
    if command.p1 == 0xFF:  # forget that it was verified
        session.pin_verified = session.pin_fresh = False
        return b""
    if command.p1 != 0:
        raise CardError(Status.WRONG_P1P2)
    if not command.data:
        return _query(session)
    session.pin_verified = session.pin_fresh = False
    _compare(session, PIN, command.data)
    session.pin_verified = session.pin_fresh = True
    return b""


def _query(session: Session) -> bytes:
    session.diary.status_queries += 1
    if session.pin_verified:
        return b""
    left = session.state.pin.left
    raise CardError(Status.WRONG_PIN | left if left else Status.BLOCKED)


def _secret(session: Session, reference: int) -> Secret:
    return session.state.pin if reference == PIN else session.state.puk


def _compare(session: Session, reference: int, value: bytes) -> None:
    """Counts down before it compares, as a card must: a pulled card has used the try."""
    what = "pin" if reference == PIN else "puk"
    if len(value) != 8:
        raise CardError(Status.WRONG_DATA)
    secret = _secret(session, reference)
    if secret.left == 0:
        session.diary.pin_used(what, "blocked", 0, value)
        raise CardError(Status.BLOCKED)
    secret.left -= 1
    good = hmac.compare_digest(bytes.fromhex(secret.value), value)
    if good:
        secret.left = secret.tries
    session.save()
    session.diary.pin_used(what, "accepted" if good else "refused", secret.left, value)
    if not good:
        raise CardError(Status.WRONG_PIN | secret.left if secret.left else Status.BLOCKED)


def _well_formed(value: bytes) -> bool:
    digits = value.rstrip(b"\xff")
    return len(value) == 8 and 6 <= len(digits) and b"\xff" not in digits


def change(session: Session, command: Command) -> bytes:
    """Of the PIN (P2 80) or the PUK (81): the old value, then the new one."""
    if command.p1 != 0 or command.p2 not in (PIN, PUK):
        raise CardError(Status.REFERENCE_NOT_FOUND)
    if len(command.data) != 16 or not _well_formed(command.data[8:]):
        raise CardError(Status.WRONG_DATA)
    _compare(session, command.p2, command.data[:8])
    _secret(session, command.p2).value = command.data[8:].hex()
    session.save()
    return b""


def unblock(session: Session, command: Command) -> bytes:
    """The PUK, then the new PIN."""
    if command.p1 != 0 or command.p2 != PIN:
        raise CardError(Status.REFERENCE_NOT_FOUND)
    if len(command.data) != 16 or not _well_formed(command.data[8:]):
        raise CardError(Status.WRONG_DATA)
    _compare(session, PUK, command.data[:8])
    pin = session.state.pin
    pin.value, pin.left = command.data[8:].hex(), pin.tries
    session.save()
    return b""


def set_retries(session: Session, command: Command) -> bytes:
    """P1: tries of the PIN, P2: of the PUK; both become the default values again."""
    session.need_management()
    if not session.pin_verified:
        raise CardError(Status.SECURITY_STATUS)
    if not (1 <= command.p1 <= 15 and 1 <= command.p2 <= 15):
        # The status word has room for 15; a real card takes 255 and then says 15.
        raise CardError(Status.WRONG_DATA)
    session.state.pin = Secret(Secret.of(DEFAULT_PIN).value, command.p1, command.p1)
    session.state.puk = Secret(Secret.of(DEFAULT_PUK).value, command.p2, command.p2)
    session.save()
    return b""
