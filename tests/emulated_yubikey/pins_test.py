"""PINs, through ykcs11 and through OpenSC: a lock that locks, new PINs, tries that are counted."""
from __future__ import annotations

import os
import signal
import unittest
from pathlib import Path

from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import PIN, WRONG_PIN
from emulated_yubikey.pins_bench import LABELS, NEW_PIN, PUK, PinsBench, await_true, cases


def children_of(pid: int) -> dict[int, str]:
    """The command lines of its children, by pid."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((process / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent == pid:
                found[int(process.name)] = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except (OSError, ValueError):
            continue  # it has ended
    return found


class Locking(PinsBench):
    """lock, and whatever else ends a login, is seen by other programs."""

    def test_a_locked_card_asks_every_program_for_its_pin(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.assertTrue(self.verified())
        self.assertEqual(self.bench.call("LockToken", token=self.token)["token"]["state"], "locked")
        self.assertFalse(self.verified())
        self.assertEqual(self.refusal(self.sign).short, "PinRequired")
        self.bench.unlock("alice")
        self.sign()
        self.assertEqual(self.pin_uses(), ["accepted", "accepted"])

    def test_a_card_that_another_program_holds_is_not_said_to_be_locked(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.bench.control("hold")
        self.addCleanup(self.bench.control, "release")
        refused = self.refusal(lambda: self.bench.call("LockToken", token=LABELS[self.module]))
        # By the module, which waits for the card and is not there for the agent; or by the card that is not reset.
        self.assertIn(refused.short, ("TokenAbsent", "NotFound", "TokenFault"))
        self.bench.control("release")
        self.assertTrue(await_true(lambda: len(self.bench.tokens()) == 1))
        self.bench.call("LockToken", token=self.token)
        self.assertFalse(self.verified())

    def kill_host(self) -> None:
        hosts = [pid for pid, command in children_of(self.bench.agent.process.pid).items() if "--token" in command]
        self.assertEqual(len(hosts), 1)
        os.kill(hosts[0], signal.SIGKILL)

    def test_a_killed_host_leaves_no_verified_pin(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.kill_host()
        refused = self.refusal(self.sign)
        self.assertEqual(refused.short, "PinRequired")
        self.assertIn("killed by signal 9", str(refused))
        self.assertIn("forgotten the PIN", str(refused))
        self.assertTrue(await_true(lambda: not self.verified()))
        self.bench.unlock("alice")
        self.sign()
        self.assertTrue(self.verified())
        self.assert_accepted(2)

    def test_a_stopped_agent_leaves_no_verified_pin(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        self.bench.agent.stop()
        self.addCleanup(self.bench.start)
        self.assertFalse(self.verified())


class Counting(PinsBench):
    """Tries are counted by the card, and told exactly."""

    def test_tries_are_told_and_the_last_one_is_never_taken(self) -> None:
        self.assertEqual(self.described()["pinTries"], 3)
        first = self.refusal(lambda: self.bench.unlock("alice", WRONG_PIN))
        self.assertEqual((first.short, first.parameters["left"]), ("PinRefused", 2))
        self.assertIn("2 tries are left", str(first))
        self.assertEqual(self.described()["pinTries"], 2)
        second = self.refusal(lambda: self.bench.unlock("alice", "987654"))  # another value: the card counts
        self.assertEqual((second.parameters["left"], second.parameters["remaining"]), (1, "final"))
        third = self.refusal(lambda: self.bench.unlock("alice", PIN))  # right, but who knows
        self.assertEqual((third.parameters["left"], third.parameters["remaining"]), (1, "final"))
        self.assertEqual(self.described()["pin"], "final")
        self.assertEqual(self.pin_uses(), ["refused", "refused"])

    def test_counting_costs_no_try_and_logs_nobody_out(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        for _ in range(3):
            self.described()
        self.assertTrue(self.verified())
        self.sign()
        self.assertEqual(self.pin_uses(), ["accepted"])


class NewPins(PinsBench):
    def test_a_changed_pin_is_gone_on_with(self) -> None:
        self.bench.unlock("alice")
        self.sign()
        changed = self.bench.call("ChangePin", token=self.token, oldPin=PIN, newPin=NEW_PIN)
        self.assertEqual(changed["token"]["state"], "unlocked")
        self.sign()
        self.assertEqual(self.pin_uses().count("refused"), 0)
        self.bench.call("LockToken", token=self.token)
        self.bench.control("clear-diary", card="alice")
        self.assertEqual(self.refusal(lambda: self.bench.unlock("alice", PIN)).short, "PinRefused")
        self.bench.unlock("alice", NEW_PIN)
        self.sign()
        self.assertEqual(self.pin_uses(), ["refused", "accepted"])

    def test_a_locked_token_stays_locked(self) -> None:
        changed = self.bench.call("ChangePin", token=self.token, oldPin=PIN, newPin=NEW_PIN)
        self.assertEqual(changed["token"]["state"], "locked")
        self.assertFalse(self.verified())

    def test_a_wrong_old_pin_costs_one_try_and_changes_nothing(self) -> None:
        for _ in range(2):
            refused = self.refusal(
                lambda: self.bench.call("ChangePin", token=self.token, oldPin=WRONG_PIN, newPin=NEW_PIN))
            self.assertEqual((refused.short, refused.parameters["left"]), ("PinRefused", 2))
        self.assertEqual(self.pin_uses(), ["refused"])
        self.bench.unlock("alice")

    def test_lengths_are_checked_before_the_card_is_asked(self) -> None:
        for old, new, parameter in (("12345", NEW_PIN, "oldPin"), (PIN, "12345", "newPin"), (PIN, "123456789", "newPin")):
            refused = self.refusal(lambda: self.bench.call("ChangePin", token=self.token, oldPin=old, newPin=new))
            self.assertEqual((refused.short, refused.parameters["parameter"]), ("InvalidParameter", parameter))
        refused = self.refusal(lambda: self.bench.call("UnblockPin", token=self.token, soPin="1234", newPin=NEW_PIN))
        self.assertEqual((refused.short, refused.parameters["parameter"]), ("InvalidParameter", "soPin"))
        self.assertEqual(self.pin_uses() + self.pin_uses("puk"), [])

    def test_the_puk_unblocks(self) -> None:
        self.bench.control("block-pin", card="alice")
        refused = self.refusal(lambda: self.bench.unlock("alice"))
        self.assertEqual((refused.short, refused.parameters["remaining"]), ("PinRefused", "locked"))
        self.assertIn("signet token unblock", str(refused))
        self.bench.call("UnblockPin", token=self.token, soPin=PUK, newPin=NEW_PIN)
        self.assertEqual(self.described()["pinTries"], 3)
        self.bench.unlock("alice", NEW_PIN)
        self.sign()
        self.assertEqual((self.pin_uses("puk"), self.pin_uses()), (["accepted"], ["accepted"]))

    def test_the_puk_has_a_budget_of_its_own(self) -> None:
        def unblock(puk: str) -> VarlinkError:
            return self.refusal(lambda: self.bench.call("UnblockPin", token=self.token, soPin=puk, newPin=NEW_PIN))
        for _ in range(3):
            self.assertEqual(unblock("87654321").short, "PinRefused")
        self.assertEqual(self.pin_uses("puk"), ["refused"])
        unblock("11111111")
        last = unblock(PUK)  # after two wrong ones the card has one try left, or does not say
        self.assertIn(last.parameters["remaining"], ("final", "unknown"))
        self.assertLessEqual(self.pin_uses("puk").count("refused"), 2)
        self.assertEqual(self.bench.control("status")["cards"]["alice"]["puk_tries"] >= 1, True)
        self.bench.unlock("alice")  # the user's PIN is another matter
        self.bench.call("ResetPinBudget", token=self.token)


class CountingOld(Counting):
    """Firmware without GET METADATA."""
    firmware = "5.2.4"


globals().update(cases(Locking, Counting, CountingOld, NewPins))

if __name__ == "__main__":
    unittest.main()
