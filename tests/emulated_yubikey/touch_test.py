"""Keys that want to be touched: who is told, when, and for how long; through ykcs11 and OpenSC."""
from __future__ import annotations

import base64
import os
import pty
import re
import subprocess
import threading
import time
import unittest
from collections.abc import Iterator
from typing import Any

from agent_fixture import BIN
from varlink_client import VarlinkError

from emulated_yubikey.agent_bench import CardAgent, error_name
from emulated_yubikey.harness import CardSpec

MESSAGE = base64.b64encode(b"what is signed").decode()
READER = "Yubico YubiKey OTP+FIDO+CCID 00 00"
SHORT_TOUCH = 4.0  # a card waits 15 s; more than kTouchWaitMs is what matters
SANITIZED = bool(os.environ.get("SIGNET_SANITIZE"))
PERSON = """[[rule]]
name = "ask"
anyone = true
action = "sign-message"
confirm = "person"
[[rule]]
name = "rest"
anyone = true
action = ["enrol", "unlock", "administer"]
"""


class TouchTest:
    """A mixin: unittest finds the tests in the classes below."""
    module = ""
    seconds = 0  # that the module waits for a touch
    policy: str | None = None
    extra = ""
    bench: CardAgent

    @classmethod
    def setUpClass(cls) -> None:
        options = {} if cls.policy is None else {"policy": cls.policy}
        cls.bench = CardAgent(cls.module, CardSpec("alice", serial=111, firmware="5.7.1"), extra=cls.extra, **options)
        try:
            cls.bench.control("set-chuid", card="alice")
            for slot, touch in (("9a", "always"), ("9e", "cached")):
                cls.bench.make_key("alice", slot, touch=touch, pin="once" if slot == "9a" else "never")
            files = {slot: cls.files(slot) for slot in ("9a", "9e")}
            cls.bench.start()
            cls.bench.unlock("alice")
            for slot, handed_in in files.items():
                cls.bench.enrol("alice", slot, **handed_in)
        except BaseException:
            cls.bench.stop()
            raise

    @classmethod
    def tearDownClass(cls) -> None:
        cls.bench.stop()

    @classmethod
    def files(cls, slot: str) -> dict[str, str]:
        """What OpenSC does not offer; ykcs11 does."""
        if cls.module == "ykcs11":
            return {}

        def pem(*words: str) -> str:
            return subprocess.run(["yubico-piv-tool", "--reader", READER, *words], check=True, capture_output=True, text=True,
                                  timeout=60, env={**os.environ, **cls.bench.bench.environment}).stdout
        return {"attestation": pem("--action", "attest", "--slot", slot),
                "intermediate": pem("--action", "read-certificate", "--slot", "f9")}

    def setUp(self) -> None:
        self.bench.control("touch", card="alice", mode="wait", timeout=15.0)

    def stream(self, key: str) -> Iterator[dict[str, Any]]:
        connection = self.bench.connect()
        self.addCleanup(connection.close)
        return connection.stream("SignMessage", key=key, message=MESSAGE)

    def press(self) -> None:
        self.assertTrue(self.bench.control("await-blinking", card="alice")["blinking"])
        self.bench.control("press", card="alice")


class Known(TouchTest):
    """The agent knows from the attestation that these keys want a touch."""

    def test_it_is_told_at_once_with_the_time_that_is_left(self) -> None:
        begun = time.monotonic()
        replies = self.stream("alice-9a")
        event = next(replies)["event"]
        after = time.monotonic() - begun
        self.assertEqual((event["kind"], event["key"], event["seconds"]), ("touch", "alice-9a", self.seconds))
        self.assertEqual(event["serial"], self.bench.tokens()[0]["serial"])
        self.assertIn("Touch token", event["message"])
        print(f"{self.module}: told of the touch after {after * 1000:.0f} ms")
        self.assertLess(after, 5 if SANITIZED else 0.9)  # a second of silence is for keys of which nothing is known
        self.press()
        last = next(replies)
        self.assertIsNone(last["event"])
        self.bench.verify("alice-9a", base64.b64decode(last["signature"]))

    def test_no_touch_is_a_touch_timeout(self) -> None:
        self.bench.control("touch", card="alice", mode="never", timeout=SHORT_TOUCH)
        replies = self.stream("alice-9a")
        self.assertEqual(next(replies)["event"]["kind"], "touch")
        self.assertEqual(error_name(lambda: next(replies)), "TouchTimeout")
        self.bench.control("touch", card="alice", mode="given")
        self.bench.verify("alice-9a", self.bench.sign("alice-9a"))
        self.assertEqual(self.bench.pin_uses().count("refused"), 0)

    def test_one_touch_at_a_time_and_who_waits_is_told(self) -> None:
        first, second = self.stream("alice-9a"), self.stream("alice-9a")
        self.assertEqual(next(first)["event"]["kind"], "touch")
        queued = next(second)["event"]
        self.assertEqual((queued["kind"], queued["key"]), ("queued", "alice-9a"))
        self.press()
        self.assertIsNone(next(first)["event"])
        event = next(second)["event"]
        self.assertEqual((event["kind"], event["seconds"]), ("touch", self.seconds))  # timed from its own turn
        self.press()
        last = next(second)
        self.assertIsNone(last["event"])
        self.bench.verify("alice-9a", base64.b64decode(last["signature"]))

    def test_the_card_does_not_blink_for_who_has_left(self) -> None:
        first = self.stream("alice-9a")
        self.assertEqual(next(first)["event"]["kind"], "touch")
        with self.bench.connect() as leaving:
            leaving.send("SignMessage", {"key": "alice-9a", "message": MESSAGE}, more=True)
            self.assertEqual(leaving.receive()["parameters"]["event"]["kind"], "queued")
        self.press()
        self.assertIsNone(next(first)["event"])
        self.assertFalse(self.bench.control("await-blinking", card="alice", seconds=0.7)["blinking"])
        self.bench.control("touch", card="alice", mode="given")
        self.bench.sign("alice-9a")

    def test_the_command_counts_down_on_a_terminal(self) -> None:
        shown = self.at_terminal("sign", "--key", "alice-9a", self.message_file())
        self.assertIn(f"({self.seconds} s)", shown)
        self.assertIn(f"({self.seconds - 1} s)", shown)
        self.assertIn("Touch token", shown)
        self.assertEqual(len(re.findall(r"\r\x1b\[K[^\r]*Touch token", shown)), shown.count("Touch token"))

    def test_the_command_says_it_once_elsewhere(self) -> None:
        threading.Timer(1.5, self.press).start()
        done = subprocess.run([BIN / "signet", "--socket", self.bench.agent.socket, "sign", "--wait", "--key", "alice-9a",
                               self.message_file()], capture_output=True, timeout=60, stdin=subprocess.DEVNULL)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr.count(b"Touch token"), 1)
        self.assertNotIn(b"\x1b", done.stderr)
        self.assertNotIn(b"Touch", done.stdout)

    def message_file(self) -> str:
        file = self.bench.directory / "to-sign"
        file.write_bytes(b"what is signed")
        return str(file)

    def at_terminal(self, *words: str) -> str:
        """What a person sees, who touches the token after two seconds."""
        threading.Timer(2.2, self.press).start()
        child, master = pty.fork()
        if child == 0:
            os.environ["TERM"] = "xterm"
            os.execv(BIN / "signet", ["signet", "--socket", str(self.bench.agent.socket), *words])
        shown = b""
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:  # the child has closed its side
                break
            if not piece:
                break
            shown += piece
        os.close(master)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), 0, shown)
        return shown.decode()


class Ykcs11(Known, unittest.TestCase):
    module = "ykcs11"
    seconds = 15


class OpenSC(Known, unittest.TestCase):
    module = "opensc"
    seconds = 30


class Cached(TouchTest, unittest.TestCase):
    """On a card that nobody has touched yet."""
    module = "ykcs11"

    def test_a_cached_touch_is_asked_for_when_it_has_run_out(self) -> None:
        replies = self.stream("alice-9e")
        self.assertEqual(next(replies)["event"]["kind"], "touch")
        self.press()
        self.assertIsNone(next(replies)["event"])
        # Now a touch is remembered, by the card and the agent: nobody is told to touch it.
        self.assertEqual([reply["event"] for reply in self.stream("alice-9e")], [None])


class TouchConfirms(TouchTest, unittest.TestCase):
    """Where the policy asks for a person, and there is no pinentry, the touch is the person's yes: of "always" alone."""
    module = "ykcs11"
    seconds = 15
    policy = PERSON
    extra = '[pinentry]\nprogram = "/nonexistent/pinentry"\n'

    def test_a_touch_for_each_signature_confirms_it(self) -> None:
        replies = self.stream("alice-9a")
        self.assertEqual(next(replies)["event"]["kind"], "touch")
        self.press()
        self.assertIn("signature", next(replies))

    def test_a_cached_touch_does_not(self) -> None:
        with self.assertRaises(VarlinkError) as refused:
            self.bench.sign("alice-9e")
        self.assertEqual((refused.exception.short, refused.exception.parameters["rule"]), ("PolicyDenied", "ask"))


if __name__ == "__main__":
    unittest.main()
