"""The card by itself, APDU for APDU, without a reader."""
import tempfile
import unittest
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from emulated_yubikey import tlv
from emulated_yubikey.attestation import AttestationCa
from emulated_yubikey.card import Card
from emulated_yubikey.management import encrypt
from emulated_yubikey.state import Algorithm, StateFile

PIN = b"123456\xff\xff"
WRONG = b"654321\xff\xff"
PUK = b"12345678"
SELECT = bytes.fromhex("00a4040005a000000308")


class CardTest(unittest.TestCase):
    firmware = "5.4.3"
    fresh: dict[str, str] = {}  # by firmware: the state of a card that was never used

    def setUp(self) -> None:
        directory = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="signet-card-")))
        self.ca = AttestationCa(directory / "ca")
        self.file = StateFile(directory / "card.json")
        if self.firmware in self.fresh:  # an attestation key takes its time
            (directory / "card.json").write_text(self.fresh[self.firmware])
        self.card = Card(self.file, self.ca, serial=15835999, firmware=self.firmware)
        self.fresh[self.firmware] = self.card.state.to_json()
        self.power_on()

    def power_on(self) -> None:
        self.card.power_on(lambda: True)
        self.assertEqual(self.send(SELECT)[0], 0x9000)

    def send(self, frame: bytes) -> tuple[int, bytes]:
        answer = self.card.transmit(frame)
        return int.from_bytes(answer[-2:], "big"), answer[:-2]

    def call(self, ins: int, p1: int, p2: int, data: bytes = b"") -> tuple[int, bytes]:
        """Short APDUs, chained and with GET RESPONSE, as libykpiv does it."""
        while len(data) > 255:
            status, _ = self.send(bytes([0x10, ins, p1, p2, 255]) + data[:255])
            self.assertEqual(status, 0x9000)
            data = data[255:]
        status, answer = self.send(bytes([0, ins, p1, p2]) + (bytes([len(data)]) + data if data else b""))
        while status >> 8 == 0x61:
            status, more = self.send(bytes.fromhex("00c0000000"))
            answer += more
        return status, answer

    def status(self, ins: int, p1: int, p2: int, data: bytes = b"") -> int:
        return self.call(ins, p1, p2, data)[0]

    def authenticate(self) -> None:
        key = self.card.state.management
        status, answer = self.call(0x87, key.algorithm, 0x9B, tlv.encode(0x7C, b"\x81\x00"))
        self.assertEqual(status, 0x9000)
        challenge = tlv.members(tlv.members(answer)[0x7C])[0x81]
        self.assertEqual(self.status(0x87, key.algorithm, 0x9B,
                                     tlv.encode(0x7C, tlv.encode(0x82, encrypt(key, challenge)))), 0x9000)

    def generate(self, slot: int, algorithm: int, **policies: int) -> bytes:
        names = {"pin": 0xAA, "touch": 0xAB}
        template = tlv.encode(0x80, bytes([algorithm])) + b"".join(
            tlv.encode(names[name], bytes([value])) for name, value in policies.items())
        status, answer = self.call(0x47, 0, slot, tlv.encode(0xAC, template))
        self.assertEqual(status, 0x9000)
        return tlv.members(answer)[0x7F49]

    def sign(self, slot: int, algorithm: int, data: bytes) -> tuple[int, bytes]:
        status, answer = self.call(0x87, algorithm, slot, tlv.encode(0x7C, b"\x82\x00" + tlv.encode(0x81, data)))
        return status, tlv.members(tlv.members(answer)[0x7C])[0x82] if status == 0x9000 else b""


class Pins(CardTest):
    def test_the_counter_goes_down_and_the_card_blocks(self) -> None:
        self.assertEqual(self.status(0x20, 0, 0x80), 0x63C3)
        self.assertEqual(self.status(0x20, 0, 0x80, WRONG), 0x63C2)
        self.assertEqual(self.status(0x20, 0, 0x80, WRONG), 0x63C1)
        self.assertEqual(self.status(0x20, 0, 0x80, WRONG), 0x6983)
        self.assertEqual(self.status(0x20, 0, 0x80, PIN), 0x6983)
        self.assertEqual(self.status(0x20, 0, 0x80), 0x6983)
        self.assertEqual(self.status(0x2C, 0, 0x80, PUK + b"246810\xff\xff"), 0x9000)
        self.assertEqual(self.status(0x20, 0, 0x80, b"246810\xff\xff"), 0x9000)
        self.assertEqual([use.outcome for use in self.card.diary.pin_uses],
                         ["refused"] * 3 + ["blocked", "accepted", "accepted"])

    def test_a_good_pin_restores_the_counter_and_a_reset_forgets_it(self) -> None:
        self.status(0x20, 0, 0x80, WRONG)
        self.assertEqual(self.status(0x20, 0, 0x80, PIN), 0x9000)
        self.assertEqual(self.status(0x20, 0, 0x80), 0x9000)
        self.power_on()
        self.assertEqual(self.status(0x20, 0, 0x80), 0x63C3)

    def test_the_counter_outlives_the_power(self) -> None:
        self.status(0x20, 0, 0x80, WRONG)
        again = Card(self.file, self.ca)
        self.assertEqual((again.state.pin.left, again.state.serial), (2, 15835999))

    def test_lengths_are_looked_at_first(self) -> None:
        self.assertEqual(self.status(0x20, 0, 0x80, b"123456"), 0x6A80)
        self.assertEqual(self.status(0x24, 0, 0x80, PIN + b"12345\xff\xff\xff"), 0x6A80)
        self.assertEqual(self.card.state.pin.left, 3)

    def test_change_and_retries(self) -> None:
        self.assertEqual(self.status(0x24, 0, 0x80, WRONG + b"246810\xff\xff"), 0x63C2)
        self.assertEqual(self.status(0x24, 0, 0x80, PIN + b"246810\xff\xff"), 0x9000)
        self.assertEqual(self.status(0xFA, 5, 4), 0x6982)
        self.authenticate()
        self.assertEqual(self.status(0xFA, 5, 4), 0x6982)
        self.assertEqual(self.status(0x20, 0, 0x80, b"246810\xff\xff"), 0x9000)
        self.assertEqual(self.status(0xFA, 5, 4), 0x9000)
        self.assertEqual(self.status(0x20, 0, 0x80, WRONG), 0x63C4)

    def test_reset_wants_both_blocked(self) -> None:
        self.authenticate()
        self.generate(0x9A, Algorithm.P256)
        self.assertEqual(self.status(0xFB, 0, 0), 0x6985)
        for _ in range(3):
            self.status(0x20, 0, 0x80, WRONG)
            self.status(0x24, 0, 0x81, WRONG + PUK)
        self.assertEqual(self.status(0xFB, 0, 0), 0x9000)
        self.assertEqual(sorted(self.card.state.keys), ["f9"])
        self.assertEqual(self.status(0x20, 0, 0x80), 0x63C3)


class Keys(CardTest):
    def test_nothing_changes_without_the_management_key(self) -> None:
        self.assertEqual(self.status(0x47, 0, 0x9A, bytes.fromhex("ac03800111")), 0x6982)
        self.assertEqual(self.status(0xFE, 0x11, 0x9A, tlv.encode(6, b"\1" * 32)), 0x6982)
        self.assertEqual(self.status(0xDB, 0x3F, 0xFF, bytes.fromhex("5c035fc105530101")), 0x6982)
        self.assertEqual(self.status(0xFF, 0xFF, 0xFF, b"\x03\x9b\x18" + bytes(24)), 0x6982)

    def test_a_wrong_management_key(self) -> None:
        _, answer = self.call(0x87, Algorithm.TDES, 0x9B, tlv.encode(0x7C, b"\x81\x00"))
        self.assertEqual(len(tlv.members(tlv.members(answer)[0x7C])[0x81]), 8)
        wrong = tlv.encode(0x7C, tlv.encode(0x82, bytes(8)))
        self.assertEqual(self.status(0x87, Algorithm.TDES, 0x9B, wrong), 0x6982)
        self.assertEqual(self.status(0x87, Algorithm.TDES, 0x9B, wrong), 0x6A80)  # each challenge is good for one try
        self.assertEqual(self.status(0x87, Algorithm.AES192, 0x9B, tlv.encode(0x7C, b"\x81\x00")), 0x6A80)

    def test_pin_policies(self) -> None:
        self.authenticate()
        for slot in (0x9A, 0x9C, 0x9E):
            self.generate(slot, Algorithm.P256)
        digest = bytes(32)
        self.assertEqual(self.sign(0x9A, Algorithm.P256, digest)[0], 0x6982)
        self.assertEqual(self.sign(0x9E, Algorithm.P256, digest)[0], 0x9000)
        self.assertEqual(self.status(0x20, 0, 0x80, PIN), 0x9000)
        self.assertEqual(self.sign(0x9A, Algorithm.P256, digest)[0], 0x9000)
        self.assertEqual(self.sign(0x9C, Algorithm.P256, digest)[0], 0x6982)  # 9a used up what was fresh
        self.status(0x20, 0, 0x80, PIN)
        self.assertEqual(self.sign(0x9C, Algorithm.P256, digest)[0], 0x9000)
        self.assertEqual(self.sign(0x9C, Algorithm.P256, digest)[0], 0x6982)
        self.assertEqual(self.sign(0x9A, Algorithm.P256, digest)[0], 0x9000)
        self.assertEqual(self.card.diary.signatures, 4)

    def test_touch(self) -> None:
        self.authenticate()
        self.generate(0x9E, Algorithm.P256, touch=2)
        self.generate(0x82, Algorithm.P256, touch=3, pin=1)
        finger = self.card.finger
        finger.set_mode("never")
        finger.timeout = 0.05
        self.assertEqual(self.sign(0x9E, Algorithm.P256, bytes(32))[0], 0x6982)
        finger.set_mode("given")
        self.assertEqual(self.sign(0x82, Algorithm.P256, bytes(32))[0], 0x9000)
        finger.set_mode("never")
        self.assertEqual(self.sign(0x82, Algorithm.P256, bytes(32))[0], 0x9000)  # cached
        self.assertEqual(self.sign(0x9E, Algorithm.P256, bytes(32))[0], 0x6982)

    def test_signatures_verify(self) -> None:
        self.authenticate()
        point = tlv.members(self.generate(0x9E, Algorithm.P384))[0x86]
        status, signature = self.sign(0x9E, Algorithm.P384, b"\1" * 48)
        self.assertEqual(status, 0x9000)
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point).verify(
            signature, b"\1" * 48, ec.ECDSA(Prehashed(hashes.SHA384())))
        template = tlv.members(self.generate(0x9E, Algorithm.RSA2048))
        status, signature = self.sign(0x9E, Algorithm.RSA2048, b"\0\1" + b"\xff" * 254)
        self.assertEqual(status, 0x9000)
        modulus = int.from_bytes(template[0x81], "big")
        opened = pow(int.from_bytes(signature, "big"), 65537, modulus)
        self.assertEqual(opened.to_bytes(256, "big"), b"\0\1" + b"\xff" * 254)
        self.assertEqual(self.sign(0x9E, Algorithm.RSA2048, b"\1" * 255)[0], 0x6A80)
        self.assertEqual(self.sign(0x9E, Algorithm.P256, bytes(32))[0], 0x6A80)  # another algorithm than the key's

    def test_metadata(self) -> None:
        self.authenticate()
        self.generate(0x9C, Algorithm.P256, touch=3)
        answer = tlv.members(self.call(0xF7, 0, 0x9C)[1])
        self.assertEqual((answer[1], answer[2], answer[3]), (b"\x11", b"\x03\x03", b"\x01"))
        self.assertEqual(self.status(0xF7, 0, 0x9A), 0x6A88)
        self.status(0x20, 0, 0x80, WRONG)
        self.assertEqual(tlv.members(self.call(0xF7, 0, 0x80)[1])[6], b"\x03\x02")

    def test_objects_of_any_length_come_back(self) -> None:
        self.authenticate()
        for size in (1, 246, 255, 256, 257, 1000, 3052):
            value = bytes(index % 251 for index in range(size))
            self.assertEqual(self.status(0xDB, 0x3F, 0xFF, bytes.fromhex("5c035fc105") + tlv.encode(0x53, value)), 0x9000)
            status, answer = self.call(0xCB, 0x3F, 0xFF, bytes.fromhex("5c035fc105"))
            self.assertEqual((status, tlv.members(answer)[0x53]), (0x9000, value))
        too_large = bytes.fromhex("5c035fc105") + tlv.encode(0x53, bytes(3053))
        self.assertEqual(self.status(0xDB, 0x3F, 0xFF, too_large), 0x6A84)
        extended = bytes.fromhex("00cb3fff000005" + "5c035fc105" + "0000")
        self.assertEqual(len(self.send(extended)[1]), 3052 + 4)
        self.assertEqual(self.status(0xDB, 0x3F, 0xFF, bytes.fromhex("5c035fc1055300")), 0x9000)
        self.assertEqual(self.status(0xCB, 0x3F, 0xFF, bytes.fromhex("5c035fc105")), 0x6A82)

    def test_move_is_not_for_this_firmware(self) -> None:
        self.authenticate()
        self.assertEqual(self.status(0xF6, 0x82, 0x9A), 0x6D00)


class Firmware57(CardTest):
    firmware = "5.7.1"

    def test_aes_management_key_and_new_algorithms(self) -> None:
        self.assertEqual(self.card.state.management.algorithm, Algorithm.AES192)
        self.authenticate()
        self.generate(0x9E, Algorithm.ED25519)
        self.assertEqual(len(self.sign(0x9E, Algorithm.ED25519, b"any message")[1]), 64)

    def test_move_and_delete(self) -> None:
        self.authenticate()
        self.generate(0x9A, Algorithm.P256)
        self.assertEqual(self.status(0xF6, 0x82, 0x9A), 0x9000)
        self.assertEqual(self.status(0xF6, 0x82, 0x9A), 0x6A88)
        self.assertEqual(self.status(0xF6, 0xFF, 0x82), 0x9000)
        self.assertEqual(sorted(self.card.state.keys), ["f9"])


class Transport(CardTest):
    def test_frames_that_are_none(self) -> None:
        for frame in ("00", "00a404", "00200080", "0020008008313233", "00cb3fff00", "0020008000", "00cb3fff0000055c"):
            with self.subTest(frame=frame):
                self.assertIn(self.send(bytes.fromhex(frame))[0] >> 8, (0x63, 0x67, 0x6A))

    def test_applets(self) -> None:
        self.assertEqual(self.send(bytes.fromhex("00a4040006d27600012401"))[0], 0x6A82)  # OpenPGP
        self.assertEqual(self.status(0x20, 0, 0x80, PIN), 0x9000)
        self.assertEqual(self.send(SELECT)[0], 0x9000)
        self.assertEqual(self.status(0x20, 0, 0x80), 0x63C3)
        self.assertEqual(self.send(bytes.fromhex("00a4040007a0000005272001"))[0], 0x9000)
        self.assertEqual(self.send(bytes.fromhex("0001100000")), (0x9000, (15835999).to_bytes(4, "big")))
        self.send(SELECT)
        self.assertEqual(self.status(0x20, 0, 0x80), 0x63C3)

    def test_unknown_things(self) -> None:
        self.assertEqual(self.send(bytes.fromhex("00990000"))[0], 0x6D00)
        self.assertEqual(self.send(bytes.fromhex("80fd0000"))[0], 0x6E00)
        self.assertEqual(self.send(bytes.fromhex("00c0000000"))[0], 0x6985)

    def test_no_pin_stands_in_the_diary(self) -> None:
        self.status(0x20, 0, 0x80, PIN)
        self.assertNotIn(PIN[:6].hex(), str(self.card.diary.log()))
        self.assertEqual(self.card.diary.log()[-1]["status"], "9000")


del CardTest  # the base has no tests of its own
if __name__ == "__main__":
    unittest.main()
