"""GET DATA and PUT DATA (SP 800-73-4 part 2, 3.1.2 and 3.3.2)."""
from __future__ import annotations

from . import tlv
from .apdu import CardError, Command, Status
from .session import Session

PIV_AID = bytes.fromhex("a000000308000010000100")
_DISCOVERY = 0x7E
_MOST_OBJECT = 3052  # bytes, of a YubiKey 5


def discovery_object() -> bytes:
    """PIN alone, no global PIN, no OCC (part 1, 3.3.2)."""
    return tlv.encode(_DISCOVERY, tlv.encode(0x4F, PIV_AID) + tlv.encode(0x5F2F, b"\x40\x00"))


def _tag_in(command: Command) -> tuple[int, dict[int, bytes]]:
    if (command.p1, command.p2) != (0x3F, 0xFF):
        raise CardError(Status.WRONG_P1P2)
    template = tlv.members(command.data)
    if 0x5C not in template:
        raise CardError(Status.WRONG_DATA)
    return int.from_bytes(template[0x5C], "big"), template


def _name(tag: int) -> str:
    """Names of objects that a card has room for: PIV's own and Yubico's."""
    if not (0x5FC101 <= tag <= 0x5FC123 or 0x5FFF00 <= tag <= 0x5FFFFF):
        raise CardError(Status.NOT_FOUND)
    return f"{tag:06x}"


def get(session: Session, command: Command) -> bytes:
    tag, _ = _tag_in(command)
    if tag == _DISCOVERY:
        return discovery_object()
    stored = session.state.objects.get(_name(tag))
    if stored is None:
        raise CardError(Status.NOT_FOUND)
    if tag in (0x5FC103, 0x5FC108, 0x5FC109, 0x5FC121) and not session.pin_verified:
        raise CardError(Status.SECURITY_STATUS)  # fingerprints, the face, printed information, the iris
    return tlv.encode(0x53, bytes.fromhex(stored))


def put(session: Session, command: Command) -> bytes:
    session.need_management()
    tag, template = _tag_in(command)
    name, value = _name(tag), template.get(0x53)
    if value is None:
        raise CardError(Status.WRONG_DATA)
    if len(value) > _MOST_OBJECT:
        raise CardError(Status.NO_SPACE)
    if value:
        session.state.objects[name] = value.hex()
    else:
        session.state.objects.pop(name, None)
    session.save()
    return b""
