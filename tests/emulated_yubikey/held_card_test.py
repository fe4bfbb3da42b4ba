"""A YubiKey that another program holds, in a transaction: what cannot be done then says so, sends no PIN, and
works again afterwards."""
from __future__ import annotations

import time
import unittest
from collections.abc import Callable
from typing import Any

from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import MANAGEMENT_KEY, CardAgent
from emulated_yubikey.harness import CardSpec

# The holder is in a process namespace of its own: nobody sees which program it is.
HELD = "another program"


def await_true(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


class HeldCard:
    """The tests, for one module."""
    module = ""

    def setUp(self) -> None:
        self.bench = CardAgent(self.module, CardSpec("alice", serial=15835999))
        self.addCleanup(self.bench.stop)
        self.bench.make_key("alice", "9a")
        self.bench.start()
        self.token = str(self.bench.tokens()[0]["uri"])

    def hold(self) -> None:
        """In a transaction. (kept_pins_test.py has a card that another program has for itself alone.)"""
        self.bench.control("hold")

    def let_go(self) -> None:
        self.bench.control("release")
        self.assertTrue(await_true(lambda: len(self.bench.tokens()) == 1))

    def refusal(self, method: str, **parameters: Any) -> VarlinkError:
        with self.assertRaises(VarlinkError) as refused:
            self.bench.call(method, **parameters)
        return refused.exception

    def test_a_token_that_was_never_used_is_held_and_not_locked(self) -> None:
        self.hold()
        refused = self.refusal("LockToken", token=self.token)
        self.assertEqual(refused.short, "TokenAbsent")
        self.assertIn(HELD, str(refused))
        self.assertIn("Nothing was locked", str(refused))
        self.let_go()
        self.assertEqual(self.bench.call("LockToken", token=self.token)["token"]["state"], "locked")
        self.assertEqual(self.bench.pin_uses(), [])

    def test_what_the_agent_has_of_an_unlocked_token_is_locked_all_the_same(self) -> None:
        self.bench.unlock("alice")
        self.bench.enrol("alice", "9a")
        self.bench.sign("alice-9a")
        self.hold()
        refused = self.refusal("LockToken", token=self.token)
        self.assertEqual(refused.short, "TokenFault", str(refused))
        self.assertEqual(refused.parameters["ckr"], "card-not-reset")
        self.assertIn("forgotten its PIN", str(refused))
        self.assertIn(HELD, str(refused).lower())
        self.let_go()
        self.assertEqual(self.bench.tokens()[0]["state"], "locked")
        self.assertEqual(self.refusal("SignMessage", key="alice-9a", message="aGVsbG8=").short, "PinRequired")
        self.bench.call("LockToken", token=self.token)
        self.assertNotEqual(self.bench.control("pin-state")["status"], 0x9000)
        self.bench.unlock("alice")
        self.bench.sign("alice-9a")
        self.assertEqual(self.bench.pin_uses(), ["accepted", "accepted"])

    def test_an_agent_that_never_saw_the_card_says_who_has_it(self) -> None:
        """As GnuPG's scdaemon has one for itself, from before the agent began."""
        self.bench.unlock("alice")
        self.bench.enrol("alice", "9a")
        self.bench.agent.stop()
        self.bench.control("hold", exclusive=True)
        self.bench.start()
        for method, parameters in (("SignMessage", {"key": "alice-9a", "message": "aGVsbG8="}),
                                   ("UnlockToken", {"token": self.token, "pin": "123456"})):
            with self.subTest(method):
                refused = self.refusal(method, **parameters)
                self.assertIn(refused.short, ("TokenAbsent", "NotFound"))
                self.assertIn("Yubico YubiKey", str(refused))
                self.assertIn(HELD + " has it for itself", str(refused))
        self.let_go()
        self.bench.unlock("alice")
        self.bench.sign("alice-9a")
        self.assertEqual(self.bench.pin_uses(), ["accepted", "accepted"])

    def test_one_that_is_gone_is_not_said_to_be_held(self) -> None:
        self.bench.unlock("alice")
        self.bench.control("unplug", card="alice")
        refused = self.refusal("LockToken", token=self.token)
        self.assertIn(refused.short, ("TokenAbsent", "NotFound"))
        self.assertNotIn(HELD, str(refused))


class ThroughYkcs11(HeldCard, unittest.TestCase):
    module = "ykcs11"

    def test_no_key_is_made_on_it_and_the_management_key_is_not_sent(self) -> None:
        self.hold()
        refused = self.refusal("GenerateKey", token=self.token, name="k", algorithm="ecdsa-p256", uses=["message"], id="02",
                               soPin=MANAGEMENT_KEY)
        self.assertIn(HELD, str(refused))
        self.assertEqual(self.bench.management_logins(), 0)
        self.let_go()
        self.bench.call("GenerateKey", token=self.token, name="k", algorithm="ecdsa-p256", uses=["message"], id="02",
                        soPin=MANAGEMENT_KEY)


class ThroughOpenSc(HeldCard, unittest.TestCase):
    module = "opensc"


if __name__ == "__main__":
    unittest.main(verbosity=2)
