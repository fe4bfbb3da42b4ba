"""BER-TLV as PIV uses it: tags of one to three bytes, definite lengths."""
from __future__ import annotations

from .apdu import CardError, Status


def encode(tag: int, value: bytes) -> bytes:
    return _tag(tag) + _length(len(value)) + value


def _tag(tag: int) -> bytes:
    return tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")


def _length(length: int) -> bytes:
    if length < 0x80:
        return bytes([length])
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def decode(data: bytes) -> list[tuple[int, bytes]]:
    """All values in order, one level. CardError(WRONG_DATA) for what is no TLV."""
    found = []
    while data:
        tag, data = _read_tag(data)
        length, data = _read_length(data)
        if length > len(data):
            raise CardError(Status.WRONG_DATA)
        found.append((tag, data[:length]))
        data = data[length:]
    return found


def members(data: bytes) -> dict[int, bytes]:
    """The same by tag; the last of equal tags counts."""
    return dict(decode(data))


def _read_tag(data: bytes) -> tuple[int, bytes]:
    size = 1
    if data[0] & 0x1F == 0x1F:
        while size < len(data) and data[size] & 0x80:
            size += 1
        size += 1
    return int.from_bytes(data[:size], "big"), data[size:]


def _read_length(data: bytes) -> tuple[int, bytes]:
    if not data:
        raise CardError(Status.WRONG_DATA)
    if data[0] < 0x80:
        return data[0], data[1:]
    octets = data[0] & 0x7F
    if not 1 <= octets <= 2 or len(data) <= octets:
        raise CardError(Status.WRONG_DATA)
    return int.from_bytes(data[1:1 + octets], "big"), data[1 + octets:]
