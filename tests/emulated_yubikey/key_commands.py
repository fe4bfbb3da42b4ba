"""What is done with keys: GENERATE, GENERAL AUTHENTICATE (SP 800-73-4 part 2, 3.2.4 and 3.3.1), and Yubico's IMPORT,
ATTEST, METADATA, MOVE and SET MANAGEMENT KEY (docs.yubico.com/hardware/yubikey/yk-tech-manual, PIV)."""
from __future__ import annotations

from . import attestation, keys, tlv
from .apdu import CardError, Command, Status
from .management import KEY_SIZE
from .session import (ATTESTATION_SLOT, KEY_SLOTS, MANAGEMENT_SLOT, PIN, PUK, Session, pin_policy_for,
                      touch_policy_for)
from .state import (DEFAULT_MANAGEMENT_KEY, DEFAULT_PIN, DEFAULT_PUK, Algorithm, ManagementKey, Origin, PinPolicy,
                    Secret, StoredKey, TouchPolicy)


def _slot(number: int) -> str:
    if number not in (*KEY_SLOTS, ATTESTATION_SLOT):
        raise CardError(Status.WRONG_P1P2)
    return f"{number:02x}"


def _stored(session: Session, number: int, absent: int) -> StoredKey:
    stored = session.state.keys.get(_slot(number))
    if stored is None:
        raise CardError(absent)
    return stored


def _policies(slot: int, template: dict[int, bytes]) -> tuple[int, int]:
    """The values AA and AB, or what they are by default."""
    try:
        pin = PinPolicy(int.from_bytes(template.get(0xAA, b""), "big"))
        touch = TouchPolicy(int.from_bytes(template.get(0xAB, b""), "big"))
    except ValueError as error:
        raise CardError(Status.WRONG_DATA) from error
    return pin_policy_for(slot, pin), touch_policy_for(touch)


def generate(session: Session, command: Command) -> bytes:
    session.need_management()
    slot = _slot(command.p2)
    template = tlv.members(tlv.members(command.data).get(0xAC, b""))
    algorithm = int.from_bytes(template.get(0x80, b""), "big")
    if not keys.supported(algorithm, session.state.version):
        raise CardError(Status.WRONG_DATA)
    pin, touch = _policies(command.p2, template)
    key = keys.generate(algorithm)
    session.state.keys[slot] = StoredKey(algorithm, keys.to_hex(key), Origin.GENERATED, pin, touch)
    session.save()
    return tlv.encode(0x7F49, keys.public_template(key.public_key()))


def import_key(session: Session, command: Command) -> bytes:
    """P1: the algorithm, P2: the slot; the key's parts and its policies."""
    session.need_management()
    slot = _slot(command.p2)
    if not keys.supported(command.p1, session.state.version):
        raise CardError(Status.WRONG_DATA)
    template = tlv.members(command.data)
    pin, touch = _policies(command.p2, template)
    key = keys.imported(command.p1, template)
    session.state.keys[slot] = StoredKey(command.p1, keys.to_hex(key), Origin.IMPORTED, pin, touch)
    session.save()
    return b""


def authenticate(session: Session, command: Command) -> bytes:
    """P1: the algorithm, P2: the key. With 9B the management key's login, else the use of a private key."""
    template = tlv.members(tlv.members(command.data).get(0x7C, b""))
    if command.p2 == MANAGEMENT_SLOT:
        if session.state.management.touch != TouchPolicy.NEVER and template.get(0x80) == b"":
            session.need_touch(session.state.management.touch)
        return tlv.encode(0x7C, session.management.step(session.state.management, command.p1, template))
    return tlv.encode(0x7C, tlv.encode(0x82, _use(session, command, template)))


def _use(session: Session, command: Command, template: dict[int, bytes]) -> bytes:
    stored = _stored(session, command.p2, absent=Status.WRONG_DATA)
    if stored.algorithm != command.p1 or command.p2 == ATTESTATION_SLOT:
        raise CardError(Status.WRONG_DATA)
    session.need_pin(stored.pin_policy)
    session.need_touch(stored.touch_policy)
    session.pin_fresh = False
    key = keys.load(stored)
    if 0x85 in template:
        return keys.agree(key, template[0x85])
    if 0x81 not in template:
        raise CardError(Status.WRONG_DATA)
    signature = keys.sign(key, template[0x81])
    session.diary.signatures += 1
    return signature


def attest(session: Session, command: Command) -> bytes:
    """P1: the slot. The DER certificate, bare."""
    stored = _stored(session, command.p1, absent=Status.WRONG_DATA)
    able = attestation.SLOT in session.state.keys and attestation.CERTIFICATE_OBJECT in session.state.objects
    if stored.origin != Origin.GENERATED or not able:
        raise CardError(Status.WRONG_DATA)
    return attestation.attest(session.state, _slot(command.p1))


def metadata(session: Session, command: Command) -> bytes:
    """Since firmware 5.3. P2: the PIN, the PUK, the management key or a slot."""
    if session.state.version < (5, 3, 0):
        raise CardError(Status.INS_UNKNOWN)
    if command.p2 in (PIN, PUK):
        return _secret_metadata(session, command.p2)
    if command.p2 == MANAGEMENT_SLOT:
        key = session.state.management
        return (tlv.encode(0x01, bytes([key.algorithm])) + tlv.encode(0x02, bytes([0, key.touch])) +
                tlv.encode(0x05, bytes([key.key == DEFAULT_MANAGEMENT_KEY])))
    stored = _stored(session, command.p2, absent=Status.REFERENCE_NOT_FOUND)
    return (tlv.encode(0x01, bytes([stored.algorithm])) +
            tlv.encode(0x02, bytes([stored.pin_policy, stored.touch_policy])) +
            tlv.encode(0x03, bytes([stored.origin])) +
            tlv.encode(0x04, keys.public_template(keys.load(stored).public_key())))


def _secret_metadata(session: Session, reference: int) -> bytes:
    secret = session.state.pin if reference == PIN else session.state.puk
    default = Secret.of(DEFAULT_PIN if reference == PIN else DEFAULT_PUK).value
    return (tlv.encode(0x01, b"\xff") + tlv.encode(0x05, bytes([secret.value == default])) +
            tlv.encode(0x06, bytes([secret.tries, secret.left])))


def move(session: Session, command: Command) -> bytes:
    """Since firmware 5.7. P1: where to, FF to delete; P2: where from."""
    if session.state.version < (5, 7, 0):
        raise CardError(Status.INS_UNKNOWN)
    session.need_management()
    stored = _stored(session, command.p2, absent=Status.REFERENCE_NOT_FOUND)
    if command.p1 != 0xFF:
        target = _slot(command.p1)
        if target in session.state.keys or ATTESTATION_SLOT in (command.p1, command.p2):
            raise CardError(Status.WRONG_DATA)
        session.state.keys[target] = stored
    del session.state.keys[_slot(command.p2)]
    session.save()
    return b""


def set_management_key(session: Session, command: Command) -> bytes:
    """Data: the algorithm, 9B, the length, the key. P2 FE: the card wants to be touched for it."""
    session.need_management()
    if command.p1 != 0xFF or command.p2 not in (0xFF, 0xFE) or len(command.data) < 3:
        raise CardError(Status.WRONG_P1P2)
    algorithm, reference, length = command.data[:3]
    key = command.data[3:]
    aes_since = (5, 4, 2)
    able = algorithm == Algorithm.TDES or (algorithm in KEY_SIZE and session.state.version >= aes_since)
    if not able or reference != MANAGEMENT_SLOT or length != len(key) or len(key) != KEY_SIZE[Algorithm(algorithm)]:
        raise CardError(Status.WRONG_DATA)
    touch = TouchPolicy.ALWAYS if command.p2 == 0xFE else TouchPolicy.NEVER
    session.state.management = ManagementKey(algorithm, key.hex(), touch)
    session.save()
    return b""
