"""At a terminal: PINs are asked for without echo, and the terminal is given back as it was, whatever ends the command."""
import os
import pty
import select
import signal
import sys
import termios
import threading
import time
import unittest

from fake_agent import KEY, SIGNET, TOKEN, CommandTest, Fault

# A shell's part: runs a command as a foreground job of this terminal, says when it stopped, and continues it.
SHELL = """
import os, signal, subprocess, sys
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = subprocess.Popen(sys.argv[1:], preexec_fn=lambda: (os.setpgid(0, 0), os.tcsetpgrp(0, os.getpid()),
                                                           signal.signal(signal.SIGTTOU, signal.SIG_DFL)))
while True:
    _, status = os.waitpid(child.pid, os.WUNTRACED)
    if not os.WIFSTOPPED(status):
        sys.exit(os.waitstatus_to_exitcode(status) % 256)
    os.tcsetpgrp(0, os.getpid())
    print("<stopped>", flush=True)
    sys.stdin.readline()
    os.tcsetpgrp(0, child.pid)
    os.killpg(child.pid, signal.SIGCONT)
"""


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, command, environment, directory):
        self.process, self.master = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.execve(command[0], [str(word) for word in command], environment)
        self.shown = ""

    def echo(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def until(self, text, seconds=30):
        """Reads until `text` has been shown since the last call; all that was shown."""
        seen = ""
        end = time.monotonic() + seconds
        while text not in seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"{text!r} was not shown, but {seen!r}")
            try:
                data = os.read(self.master, 4096)
            except OSError:  # the other end is closed
                data = b""
            if not data:
                raise AssertionError(f"the command ended without showing {text!r}: {seen!r}")
            seen += data.decode(errors="replace")
        self.shown += seen
        return seen

    def type(self, text):
        os.write(self.master, text.encode())

    def type_unseen(self, text):
        """Types once the terminal does not echo any more."""
        end = time.monotonic() + 30
        while self.echo():
            assert time.monotonic() < end, "the echo stays on"
            time.sleep(0.01)
        self.type(text)

    def end(self):
        """Reads to the end; the exit code, negative for a signal."""
        attributes = termios.tcgetattr(self.master)
        try:
            while data := os.read(self.master, 4096):
                self.shown += data.decode(errors="replace")
                attributes = termios.tcgetattr(self.master)
        except OSError:
            pass
        _, status = os.waitpid(self.process, 0)
        self.echo_at_end = bool(attributes[3] & termios.ECHO)
        os.close(self.master)
        return os.waitstatus_to_exitcode(status)


class AtTheTerminal(CommandTest):
    def start(self, *arguments, env=None, shell=False):
        command = [SIGNET, *arguments]
        if shell:
            command = [sys.executable, "-c", SHELL, *command]
        return Terminal(command, env or self.environment(), self.directory)

    def test_the_pin_is_not_shown_and_the_echo_comes_back(self):
        agent = self.agent(UnlockToken={"token": {**TOKEN, "state": "unlocked"}})
        terminal = self.start("token", "unlock", "release")
        self.assertTrue(terminal.echo())
        terminal.until("PIN of token release: ")
        terminal.type_unseen("s3cret!\n")
        self.assertEqual(terminal.end(), 0)
        self.assertNotIn("s3cret", terminal.shown)
        self.assertIn("is unlocked", terminal.shown)
        self.assertTrue(terminal.echo_at_end)
        self.assertEqual(agent.calls, [("UnlockToken", {"token": "release", "pin": "s3cret!"})])

    def test_signals_end_it_after_the_terminal_is_restored(self):
        agent = self.agent()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            with self.subTest(number):
                terminal = self.start("token", "unlock", "release")
                terminal.until("PIN of token")
                terminal.type_unseen("half a p")
                if number == signal.SIGINT:
                    terminal.type("\x03")
                else:
                    os.kill(terminal.process, number)
                self.assertEqual(terminal.end(), -number)
                self.assertTrue(terminal.echo_at_end)
                self.assertNotIn("half", terminal.shown)
        self.assertEqual(agent.calls, [])

    def test_stopped_and_continued_it_asks_again(self):
        agent = self.agent(UnlockToken={"token": TOKEN})
        terminal = self.start("token", "unlock", "release", shell=True)
        terminal.until("PIN of token release: ")
        terminal.type_unseen("wro\x1a")
        terminal.until("<stopped>")
        self.assertTrue(terminal.echo())
        terminal.type("\n")
        terminal.until("PIN of token release: ")
        terminal.type_unseen("right\n")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(agent.calls[0][1]["pin"], "right")
        self.assertNotIn("right", terminal.shown)
        self.assertTrue(terminal.echo_at_end)

    def test_nothing_typed_is_giving_up(self):
        agent = self.agent(UnlockToken={"token": TOKEN})
        for typed in ("\n", "\x04"):
            terminal = self.start("token", "unlock", "release")
            terminal.until("PIN of token")
            terminal.type_unseen(typed)
            self.assertEqual(terminal.end(), 130)
            self.assertTrue(terminal.echo_at_end)
        self.assertEqual(agent.calls, [])

    def test_a_pin_longer_than_any_is_not_sent(self):
        agent = self.agent(UnlockToken={"token": TOKEN})
        terminal = self.start("token", "unlock", "release")
        terminal.until("PIN of token")
        terminal.type_unseen("9" * 256 + "\n")
        self.assertEqual(terminal.end(), 4)
        self.assertEqual(agent.calls, [])

    def test_a_new_pin_is_typed_twice(self):
        agent = self.agent(ListTokens={"tokens": [{**TOKEN, "name": "softhsm", "state": "blank"}]}, InitToken={"token": TOKEN})
        for again, code in (("other\n", 4), ("so\n", 0)):
            terminal = self.start("token", "init", "softhsm", "--label", "release")
            for prompt, typed in (("softhsm: ", "so\n"), ("softhsm, again: ", again)) + (
                    (("release: ", "user\n"), ("release, again: ", "user\n")) if code == 0 else ()):
                terminal.until(prompt)
                terminal.type_unseen(typed)
            self.assertEqual(terminal.end(), code)
        self.assertEqual(agent.asked("InitToken"),
                         [{"token": "softhsm", "label": "release", "soPin": "so", "pin": "user"}])

    def test_erasing_wants_the_token_s_name_and_the_pin_that_it_has_once(self):
        agent = self.agent(ListTokens={"tokens": [TOKEN]}, InitToken={"token": TOKEN})
        terminal = self.start("token", "init", "release", "--label", "new")
        terminal.until("Type its name to go on: ")
        terminal.type("yes\n")
        self.assertEqual(terminal.end(), 10)
        self.assertEqual(agent.asked("InitToken"), [])
        terminal = self.start("token", "init", "release", "--label", "new")
        terminal.until("Type its name to go on: ")
        terminal.type("release\n")
        for prompt, typed in (("token release: ", "so\n"), ("new: ", "user\n"), ("again: ", "user\n")):
            terminal.until(prompt)
            terminal.type_unseen(typed)
        self.assertEqual(terminal.end(), 0)
        self.assertEqual(agent.asked("InitToken")[0]["soPin"], "so")

    def test_pin_required_is_asked_for_and_the_call_made_again_once(self):
        agent = self.agent(EnrolKey=Fault("PinRequired", "Token release is locked.", token="release"),
                           UnlockToken={"token": TOKEN})
        terminal = self.start("key", "enrol", "pkcs11:", "--name", "a", "--use", "tuf")
        terminal.until("PIN of token release: ")
        agent.answers["EnrolKey"] = {"key": KEY}
        terminal.type_unseen("1234\n")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual([name for name, _ in agent.calls], ["EnrolKey", "UnlockToken", "EnrolKey"])

        agent.calls.clear()
        agent.answers["EnrolKey"] = Fault("PinRequired", "Token release is locked.", token="release")
        terminal = self.start("key", "enrol", "pkcs11:", "--name", "a", "--use", "tuf")
        terminal.until("PIN of token release: ")
        terminal.type_unseen("1234\n")
        self.assertEqual(terminal.end(), 4)
        self.assertEqual(len(agent.calls), 3)

    def test_a_refused_pin_is_not_asked_for_again(self):
        agent = self.agent(EnrolKey=Fault("PinRequired", token="release"),
                           UnlockToken=Fault("PinRefused", "Wrong.", token="release", remaining="low"))
        terminal = self.start("key", "enrol", "pkcs11:", "--name", "a", "--use", "tuf")
        terminal.until("PIN of token release: ")
        terminal.type_unseen("1234\n")
        self.assertEqual(terminal.end(), 4)
        self.assertEqual(len(agent.asked("UnlockToken")), 1)

    def test_a_key_is_generated_with_the_pin_that_is_typed(self):
        agent = self.agent(GenerateKey=lambda call: {"key": KEY} if call["pin"] == "1234" else Fault("PinRequired", token="t"))
        terminal = self.start("key", "generate", "a", "--token", "t", "--use", "tuf")
        terminal.until("PIN of token t: ")
        terminal.type_unseen("1234\n")
        self.assertEqual(terminal.end(), 0)
        self.assertEqual([call["pin"] for call in agent.asked("GenerateKey")], [None, "1234"])

    def waiting_agent(self, unlock):
        """Signs once somebody unlocked the token on another connection."""
        unlocked = threading.Event()

        def sign(_):
            yield {"event": {"kind": "pin", "token": "release", "serial": "1", "key": "a", "message": "Release is locked."}}
            if unlocked.wait(30):
                return {"signature": "AAEC", "scheme": "ed25519"}
            return Fault("PinRequired", token="release")

        def unlock_token(_):
            unlocked.set()
            return unlock
        (self.directory / "message").write_text("m")
        return self.agent(SignMessage=sign, UnlockToken=unlock_token)

    def test_a_call_that_waits_for_a_pin_gets_it_on_another_connection(self):
        agent = self.waiting_agent({"token": TOKEN})
        terminal = self.start("sign", "--key", "a", "message")
        terminal.until("PIN of token release: ")
        terminal.type_unseen("1234\n")
        self.assertEqual(terminal.end(), 0)
        self.assertIn("AAEC", terminal.shown)
        self.assertEqual(agent.asked("UnlockToken"), [{"token": "release", "pin": "1234"}])
        self.assertTrue(agent.flags[0]["more"])

    def test_giving_up_while_a_call_waits_ends_the_call(self):
        for typed, code in (("\n", 130), ("wrong\n", 4)):
            with self.subTest(typed):
                agent = self.waiting_agent(Fault("PinRefused", "Wrong.", token="release", remaining="low"))
                terminal = self.start("sign", "--key", "a", "message")
                terminal.until("PIN of token release: ")
                terminal.type_unseen(typed)
                self.assertEqual(terminal.end(), code)
                self.assertEqual(len(agent.asked("UnlockToken")), 1 if code == 4 else 0)
                agent.close()
                os.unlink(agent.socket_path)

    def test_colour_on_a_terminal_unless_it_is_not_wanted(self):
        for arguments, environment, colour in (((), {}, True), (("--no-color",), {}, False), ((), {"NO_COLOR": "1"}, False),
                                               ((), {"TERM": "dumb"}, False)):
            terminal = self.start(*arguments, "status", env=self.environment(**environment))
            self.assertEqual(terminal.end(), 3)
            self.assertEqual("\033[31m" in terminal.shown, colour, (arguments, environment))


if __name__ == "__main__":
    unittest.main()
