"""What happens to a client of signetd when a YubiKey is pulled, swapped, held, reset or not touched: through ykcs11 and
through OpenSC. For each event: what the client sees, how long until signing works again, and what it cost in PINs. The
table is written to $SIGNET_EVENT_TABLE, if that is set (docs/token-events.md has it)."""
from __future__ import annotations

import os
import time
import unittest
from dataclasses import dataclass
from typing import Any, Callable

from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import PIN, WRONG_PIN, CardAgent, error_name
from emulated_yubikey.harness import CardSpec

SANITIZED = bool(os.environ.get("SIGNET_SANITIZE"))  # slower, and deaf to umockdev's udev
SIGN = 0x87  # INS of GENERAL AUTHENTICATE
TOUCH_SECONDS = 4.0  # a card waits 15 s; more than kTouchWaitMs is what matters


@dataclass
class Seen:
    """One row of the table."""
    event: str
    client: str  # the error of the call in flight, or "signed"
    back: float  # seconds from the remedy to a signature
    prompts: int  # how often a person had to give the PIN
    verifies: int  # that reached the card
    refused: int


class Events:
    """The tests, for one module. A mixin: unittest finds them in the classes below."""
    module = ""
    swaps: tuple[bool, ...] = (False, True)  # in a reader that stays; a USB key with its own reader
    bench: CardAgent
    rows: list[Seen]

    @classmethod
    def setUpClass(cls) -> None:
        cls.rows = []
        cls.bench = CardAgent(cls.module, CardSpec("alice", serial=111), CardSpec("bob", serial=222, plugged=False))
        try:
            for card in ("alice", "bob"):
                cls.bench.control("set-chuid", card=card)
                for slot, policies in (("9a", {}), ("9c", {}), ("9e", {"touch": "always"})):
                    cls.bench.make_key(card, slot, **policies)
            cls.bench.start()
            cls.bench.unlock("alice")
            cls.keys = {slot: cls.bench.enrol("alice", slot) for slot in ("9a", "9c", "9e")}
        except BaseException:
            cls.bench.stop()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        cls.bench.stop()
        table = os.environ.get("SIGNET_EVENT_TABLE")
        if table:
            with open(f"{table}.{cls.module}", "w", encoding="utf-8") as file:
                for row in cls.rows:
                    file.write(f"| {row.event} | {row.client} | {row.back:.1f} s | {row.prompts} | {row.verifies} | "
                               f"{row.refused} |\n")

    def setUp(self) -> None:
        """The card is in, the token unlocked, a signature made."""
        control = self.bench.control
        control("clear-faults", card="alice")
        control("touch", card="alice", mode="given")
        control("set-pin", card="alice", pin=PIN)
        if control("status")["cards"]["alice"]["port"] is None:  # a test failed
            self.plug()
        self.bench.call("ResetPinBudget", token=self.bench.token_of("alice"))
        self.sign_until_it_works()
        control("clear-diary", card="alice")
        control("clear-diary", card="bob")

    def sign_until_it_works(self, slot: str = "9a") -> tuple[float, int]:
        """The person's part: unlocks the token that asks for its PIN, once it is listed. How long it took, and how many
        prompts."""
        begun, prompts = time.monotonic(), 0
        while time.monotonic() - begun < 20:
            try:
                self.bench.verify(self.keys[slot], self.bench.sign(self.keys[slot]))
                return time.monotonic() - begun, prompts
            except VarlinkError as error:
                if error.short != "PinRequired" or not self.unlock_named(error.parameters["token"]):
                    time.sleep(0.05)
                else:
                    prompts += 1
        raise AssertionError("signing does not work again")

    def unlock_named(self, token: str) -> bool:
        """False if it is not there, whatever asked for its PIN: it was plugged in a moment ago."""
        try:
            self.bench.call("UnlockToken", token=token, pin=PIN)
            return True
        except VarlinkError as error:
            self.assertIn(error.short, ("NotFound", "TokenAbsent"))
            return False

    def go_through(self, event: str, happen: Callable[[], Any], remedy: Callable[[], Any] = lambda: None,
                   slot: str = "9a") -> Seen:
        """The event, a call, the remedy, and back to work."""
        happen()
        client = error_name(lambda: self.bench.sign(self.keys[slot])) or "signed"
        remedy()
        back, prompts = self.sign_until_it_works()
        outcomes = self.bench.pin_uses()
        seen = Seen(event, client, back, prompts, len(outcomes), outcomes.count("refused"))
        self.rows.append(seen)
        return seen

    def plug(self) -> None:
        self.bench.control("plug", card="alice")

    def fault(self, action: str, **what: Any) -> Callable[[], None]:
        return lambda: self.bench.control("fault", card="alice", action=action, ins=SIGN, **what)

    def assert_cost(self, seen: Seen, prompts: int) -> None:
        """At most so many prompts, and PINs to the card for those alone; none refused. Signing again in 5 s."""
        self.assertLessEqual(seen.prompts, prompts, seen)
        own = 1 if self.module == "ykcs11" else 0  # it keeps the PIN, and sends it once more by itself
        self.assertLessEqual(seen.verifies, seen.prompts + own, seen)
        self.assertEqual(seen.refused, 0, seen)
        self.assertLess(seen.back, 15 if SANITIZED else 5, seen)

    def test_unplugged_while_idle(self) -> None:
        seen = self.go_through("unplugged while idle", lambda: self.bench.control("unplug", card="alice"), self.plug)
        self.assertEqual(seen.client, "TokenAbsent")
        self.assert_cost(seen, prompts=1)

    def test_unplugged_and_replugged_unnoticed(self) -> None:
        def replug() -> None:
            self.bench.control("unplug", card="alice")
            self.plug()
        seen = self.go_through("replugged between two calls", replug)
        self.assertIn(seen.client, ("PinRequired", "TokenAbsent", "signed"))  # OpenSC goes on with the same card
        self.assertLessEqual(seen.prompts, 1)
        self.assertEqual((seen.verifies, seen.refused), (1, 0))

    def test_unplugged_during_a_signature(self) -> None:
        for when in ("before", "after"):
            with self.subTest(when=when):
                self.setUp()
                seen = self.go_through(f"unplugged during C_Sign ({when} the card signed)",
                                       self.fault("unplug", when=when), self.plug)
                self.assertEqual(seen.client, "TokenAbsent")
                self.assert_cost(seen, prompts=1)

    def test_pulled_from_a_reader_that_stays(self) -> None:
        seen = self.go_through("card pulled during C_Sign, reader stays", self.fault("pull"),
                               lambda: self.bench.control("insert", card="alice"))
        self.assertEqual(seen.client, "TokenAbsent")
        self.assert_cost(seen, prompts=1)

    def test_swapped_for_another_card(self) -> None:
        for usb in self.swaps:
            with self.subTest(usb=usb):
                self.setUp()
                seen = self.go_through(
                    "swapped for another " + ("YubiKey" if usb else "card, reader stays"),
                    lambda: self.bench.control("swap", card="alice", other="bob", usb=usb),
                    lambda: self.bench.control("swap", card="bob", other="alice", usb=usb))
                self.assertEqual(seen.client, "TokenAbsent")
                self.assert_cost(seen, prompts=1)
                self.assertEqual(self.bench.pin_uses("bob"), [], "a PIN went to the wrong card")

    def test_pcscd_killed(self) -> None:
        seen = self.go_through("pcscd killed", lambda: self.bench.control("pcscd", action="kill"),
                               lambda: self.bench.control("pcscd", action="start"))
        self.assertIn(seen.client, ("TokenAbsent", "TokenFault"))
        self.assert_cost(seen, prompts=1)

    def test_pcscd_killed_during_a_signature(self) -> None:
        seen = self.go_through("pcscd killed during C_Sign", self.fault("kill-pcscd"),
                               lambda: self.bench.control("pcscd", action="start"))
        self.assertIn(seen.client, ("TokenAbsent", "TokenFault"))
        self.assert_cost(seen, prompts=1)

    def test_pcscd_restarted(self) -> None:
        seen = self.go_through("pcscd restarted", lambda: self.bench.control("pcscd", action="restart"))
        self.assertIn(seen.client, ("PinRequired", "TokenAbsent", "signed"))
        self.assert_cost(seen, prompts=1)

    def test_no_touch(self) -> None:
        self.bench.control("touch", card="alice", mode="never", timeout=TOUCH_SECONDS)
        seen = self.go_through("touch not given", lambda: None,
                               lambda: self.bench.control("touch", card="alice", mode="given"), slot="9e")
        self.assertEqual((seen.client, seen.prompts, seen.refused), ("TouchTimeout", 0, 0))
        self.assertLessEqual(seen.verifies, 1)  # OpenSC logs out by itself; the host sends the PIN that it keeps

    def test_the_card_fails_once(self) -> None:
        for status in (0x6F00, 0x6985):
            with self.subTest(status=f"{status:04X}"):
                self.setUp()
                seen = self.go_through(f"the card answers {status:04X} once", self.fault("status", status=status))
                self.assertIn(seen.client, ("signed", "PinRequired", "TokenFault"))
                self.assert_cost(seen, prompts=1)

    def test_reset_by_another_program(self) -> None:
        """The host sends the PIN that it keeps once more: no prompt."""
        seen = self.go_through("another program resets the card", lambda: self.bench.control("reset"))
        self.assertEqual((seen.client, seen.prompts, seen.refused), ("signed", 0, 0))
        self.assertLessEqual(seen.verifies, 1)

    def test_held_by_another_program(self) -> None:
        self.bench.control("hold")
        self.addCleanup(self.bench.control, "release")
        with self.bench.connect() as waiting:
            waiting.send("SignMessage", {"key": self.keys["9a"], "message": "d2hhdCBpcyBzaWduZWQ="})
            time.sleep(1)
            self.bench.control("release")
            self.assertIn("signature", waiting.receive()["parameters"])
        self.assertEqual(self.bench.pin_uses(), [])

    def test_pin_changed_elsewhere(self) -> None:
        """One try is lost when the card forgets the login, and no more."""
        self.bench.control("set-pin", card="alice", pin="246810")
        self.bench.control("reset")
        errors = [error_name(lambda: self.bench.sign(self.keys["9a"])) for _ in range(3)]
        self.assertNotIn("", errors)
        self.assertEqual(self.bench.pin_uses(), ["refused"])
        token = self.bench.token_of("alice")
        if self.module != "ykcs11":  # which calls a PIN that the card refused "a device error": nobody learns of it
            self.assertEqual(error_name(lambda: self.bench.unlock("alice")), "PinRefused")
            self.assertEqual(self.bench.pin_uses(), ["refused"])  # the old one is known to be wrong
        self.bench.call("ResetPinBudget", token=token)
        self.bench.unlock("alice", "246810")
        self.bench.verify(self.keys["9a"], self.bench.sign(self.keys["9a"]))
        self.bench.control("set-pin", card="alice", pin=PIN)
        self.bench.call("LockToken", token=token)
        self.bench.call("ResetPinBudget", token=token)

    def test_a_wrong_pin_costs_one_try(self) -> None:
        token = self.bench.token_of("alice")
        self.bench.call("LockToken", token=token)
        for _ in range(3):
            self.assertEqual(error_name(lambda: self.bench.unlock("alice", WRONG_PIN)), "PinRefused")
        self.assertEqual(self.bench.pin_uses(), ["refused"])
        self.bench.call("ResetPinBudget", token=token)
        self.bench.unlock("alice")
        self.assertEqual(self.bench.pin_uses(), ["refused", "accepted"])

    def test_pins_of_impossible_length_cost_none(self) -> None:
        token = self.bench.token_of("alice")
        self.bench.call("LockToken", token=token)
        for pin in ("1234", "12345", "123456789"):  # whatever the module says of a PIN's length
            with self.subTest(length=len(pin)):
                with self.assertRaises(VarlinkError) as refused:
                    self.bench.unlock("alice", pin)
                self.assertEqual(refused.exception.short, "InvalidParameter")
                self.assertIn("6 to 8", str(refused.exception))
        self.assertEqual(self.bench.pin_uses(), [])

    def test_always_authenticate(self) -> None:
        """9c: unlocked once, it signs again and again; a PIN for each signature, sent by the host."""
        for _ in range(3):
            self.bench.verify(self.keys["9c"], self.bench.sign(self.keys["9c"]))
        self.assertEqual(self.bench.pin_uses(), ["accepted"] * 3)


class Ykcs11(Events, unittest.TestCase):
    module = "ykcs11"


class OpenSC(Events, unittest.TestCase):
    module = "opensc"
    # OpenSC lists a USB key in a reader of the same name as the key before it, until the agent starts it anew: which it does
    # when udev tells. No PIN goes astray without udev either, but UnlockToken finds the other key's name.
    swaps = (False,) if SANITIZED else (False, True)


if __name__ == "__main__":
    unittest.main()
