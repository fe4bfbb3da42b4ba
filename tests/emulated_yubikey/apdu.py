"""Command and response APDUs (ISO/IEC 7816-4): short and extended lengths, command chaining, GET RESPONSE."""
from __future__ import annotations

from dataclasses import dataclass

CHAINING = 0x10
GET_RESPONSE = 0xC0


class Status:
    """Status words, as the YubiKey's PIV applet uses them."""
    OK = 0x9000
    MORE_DATA = 0x6100  # the low byte: how many bytes are left, 0 for 256 and more
    WRONG_PIN = 0x63C0  # the low nibble: tries left
    MEMORY_FAILURE = 0x6581
    WRONG_LENGTH = 0x6700
    SECURITY_STATUS = 0x6982  # PIN or management key not presented; also: touch not given
    BLOCKED = 0x6983
    CONDITIONS = 0x6985
    WRONG_DATA = 0x6A80
    NOT_FOUND = 0x6A82
    NO_SPACE = 0x6A84
    WRONG_P1P2 = 0x6A86
    REFERENCE_NOT_FOUND = 0x6A88
    INS_UNKNOWN = 0x6D00
    CLASS_UNKNOWN = 0x6E00
    UNKNOWN = 0x6F00


class CardError(Exception):
    """A command that ends with this status word and no data."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status:04X}")
        self.status = status


@dataclass(frozen=True)
class Command:
    """One command, whole: the data of a chain is joined."""
    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    extended: bool = False  # its lengths were: then so may the response's be

    @property
    def chained(self) -> bool:
        return bool(self.cla & CHAINING)


@dataclass(frozen=True)
class Response:
    data: bytes = b""
    status: int = Status.OK

    def encoded(self) -> bytes:
        return self.data + self.status.to_bytes(2, "big")


def parse(frame: bytes) -> Command:
    """A command APDU of any of the seven cases; CardError(WRONG_LENGTH) if its lengths do not add up."""
    if len(frame) < 4:
        raise CardError(Status.WRONG_LENGTH)
    header, body = frame[:4], frame[4:]
    if len(body) <= 1:  # nothing, or Le
        return Command(*header)
    if body[0] != 0:
        return Command(*header, data=_take(body[1:], body[0], expected=1))
    if len(body) == 3:  # extended Le alone
        return Command(*header, extended=True)
    if len(body) < 3:
        raise CardError(Status.WRONG_LENGTH)
    return Command(*header, data=_take(body[3:], int.from_bytes(body[1:3], "big"), expected=2), extended=True)


def _take(rest: bytes, length: int, expected: int) -> bytes:
    if len(rest) not in (length, length + expected):  # with or without Le
        raise CardError(Status.WRONG_LENGTH)
    return rest[:length]


class Transport:
    """Joins chains of commands, and hands out long responses in pieces. One per card; forgets all on reset."""
    MOST_CHAINED = 10 * 1024

    def __init__(self) -> None:
        self._begun: Command | None = None
        self._rest = b""

    def reset(self) -> None:
        self._begun = None
        self._rest = b""

    def join(self, part: Command) -> Command | None:
        """The whole command, or None when more of its parts are to come."""
        begun = self._begun
        if begun is not None and (begun.ins, begun.p1, begun.p2) != (part.ins, part.p1, part.p2):
            begun = self._begun = None  # another command ends a chain
        data = (begun.data if begun else b"") + part.data
        whole = Command(part.cla & ~CHAINING, part.ins, part.p1, part.p2, data, part.extended)
        if len(data) > self.MOST_CHAINED:
            self._begun = None
            raise CardError(Status.WRONG_LENGTH)
        self._begun = whole if part.chained else None
        return None if part.chained else whole

    def first(self, command: Command, response: Response) -> Response:
        """What fits into one answer to that command; the rest waits for GET RESPONSE."""
        self._rest = b""
        if command.extended or len(response.data) <= 256:
            return response
        return self._piece(response.data)

    def next(self) -> Response:
        return self._piece(self._rest) if self._rest else Response(status=Status.CONDITIONS)

    def _piece(self, data: bytes) -> Response:
        piece, self._rest = data[:256], data[256:]
        if not self._rest:
            return Response(piece)
        return Response(piece, Status.MORE_DATA | (len(self._rest) if len(self._rest) < 256 else 0))
