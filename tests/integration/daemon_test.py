"""signetd as a program: how it starts, what it refuses, what it does on signals, and what others can see of it."""
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
import unittest
from pathlib import Path

from agent_fixture import BIN, PIN, Agent, Scratch, SoftToken, toml_for
from varlink_client import Varlink, VarlinkError

SOMEBODY = 12345  # a uid that nobody has


def run(*arguments, **environment):
    return subprocess.run([str(BIN / "signetd"), *map(str, arguments)], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, **environment})


def programs_for_everybody(directory):
    """Copies of the programs where another user can run them: the build folder may be for its owner alone."""
    directory.mkdir(mode=0o755)
    for name in ("signetd", "signet", "signet-token-host", "signet-checkpoint-signer"):
        shutil.copy(BIN / name, directory / name)
        os.chmod(directory / name, 0o755)
    return directory


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


class Starting(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enterContext(Scratch())

    def test_help_and_version(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        for word in ("--config", "--socket", "--state", "SIGTERM", "SIGHUP", "Exit:"):
            self.assertIn(word, done.stdout)
        self.assertRegex(run("--version").stdout, r"^signetd \d+\.\d+\.\d+\n$")
        self.assertEqual(run("--no-such-option").returncode, 2)

    @unittest.skipUnless(os.geteuid() == 0, "only root can become another user")
    def test_nobody_of_another_user_namespace_has_an_agent(self):
        os.chmod(self.scratch, 0o755)
        programs = programs_for_everybody(self.scratch / "bin")
        overflow = Path("/proc/sys/kernel/overflowuid").read_text().strip()
        done = subprocess.run(["setpriv", f"--reuid={overflow}", "--clear-groups", programs / "signetd"],
                              capture_output=True, text=True, timeout=60, cwd="/")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("overflow uid", done.stderr)

    def test_a_bad_configuration_exits_with_2_and_says_where(self):
        config = self.scratch / "signet.toml"
        config.write_text('[limits]\nframe-size = "large"\n')
        done = run("--config", config, "--socket", self.scratch / "s", "--state", self.scratch / "state")
        self.assertEqual(done.returncode, 2)
        self.assertIn(f"{config}:2: limits.frame-size: ", done.stderr)
        self.assertFalse((self.scratch / "state").exists())
        self.assertEqual(run("--config", self.scratch / "none.toml").returncode, 2)

    def test_no_place_for_a_socket(self):
        environment = {"XDG_RUNTIME_DIR": "", "SIGNET_SOCKET": "", "HOME": str(self.scratch), "XDG_STATE_HOME": "",
                       "XDG_CONFIG_HOME": ""}
        if Path(f"/run/user/{os.getuid()}").exists():
            self.skipTest("this machine has a run directory for this user")
        done = run(**environment)
        self.assertEqual(done.returncode, 1)
        self.assertIn("XDG_RUNTIME_DIR", done.stderr)

    @unittest.skipUnless(os.getuid() == 0, "files of the system are root's")
    def test_system_mode_wants_a_configuration_that_only_root_can_replace(self):
        config = self.scratch / "signet.toml"  # below /tmp
        config.write_text('[agent]\nmode = "system"\n')
        done = run("--config", config, "--socket", self.scratch / "s", "--state", self.scratch / "state")
        self.assertEqual(done.returncode, 2)
        self.assertIn("In system mode", done.stderr)

    def test_zero_configuration(self):
        (self.scratch / "run").mkdir(mode=0o700)
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.scratch / "run"), "HOME": str(self.scratch / "home"),
                       "XDG_STATE_HOME": "", "XDG_CONFIG_HOME": "", "SIGNET_SOCKET": "",
                       "SOFTHSM2_CONF": str(SoftToken(self.scratch / "softhsm", "zero").conf)}
        socket = self.scratch / "run/signet/agent.sock"
        state = self.scratch / "home/.local/state/signet"
        with open(self.scratch / "log", "wb") as log:
            agent = subprocess.Popen([BIN / "signetd"], stdin=subprocess.PIPE, stderr=log, env=environment)
        self.addCleanup(lambda: (agent.kill(), agent.wait(), agent.stdin.close()))
        end = time.monotonic() + 30
        while not socket.exists() and time.monotonic() < end:
            time.sleep(0.02)
        time.sleep(0.1)
        with Varlink(socket) as client:
            status = client.call("Status")
            self.assertIsNone(status["ledger"])
            self.assertEqual(status["state"], str(state))
            # Modules were found without a word of configuration, and the token's settings reached their host.
            self.assertIn("zero", [token["name"] for token in client.call("ListTokens")["tokens"]])
            # Without a ledger it refuses to sign, and says what to do.
            with self.assertRaises(VarlinkError) as refused:
                client.call("CreateRepository", name="a.example/b", format="tuf")
            self.assertEqual(refused.exception.short, "NotInitialised")
            self.assertIn("signet init", refused.exception.parameters["message"])
        self.assertEqual((mode(socket), mode(socket.parent), mode(state)), (0o600, 0o700, 0o700))
        agent.terminate()
        self.assertEqual(agent.wait(30), 0)
        self.assertFalse(socket.exists())


class Running(unittest.TestCase):
    def setUp(self):
        self.scratch = self.enterContext(Scratch())
        self.tokens = SoftToken(self.scratch / "softhsm", "t")

    def agent(self, extra="", **options):
        return self.enterContext(Agent(self.scratch / "agent", toml_for(self.tokens, extra), **options))

    def test_one_agent_for_one_socket_and_one_state(self):
        first = self.agent()
        same_socket = run("--socket", first.socket, "--state", self.scratch / "other")
        self.assertEqual(same_socket.returncode, 1)
        self.assertIn(f"An agent is running at {first.socket}", same_socket.stderr)
        same_state = run("--socket", self.scratch / "other.sock", "--state", first.state)
        self.assertEqual(same_state.returncode, 1)
        self.assertIn(f"Another agent holds the state directory {first.state}", same_state.stderr)
        with first.connect() as client:
            self.assertEqual(client.call("Status")["pid"], first.process.pid)

    def test_the_socket_of_a_killed_agent_is_taken_over(self):
        agent = self.agent()
        agent.process.kill()
        agent.process.wait()
        self.assertTrue(agent.socket.exists())
        agent.start()
        self.assertIn("taking over", agent.log.read_text())

    def test_sigterm_lets_a_call_in_progress_end(self):
        agent = self.agent()
        results = []

        def generate():
            with agent.connect(timeout=120) as client:
                results.append(client.call("GenerateKey", token="t", name="k", algorithm="rsa-3072", uses=["tuf"]))

        caller = threading.Thread(target=generate)
        caller.start()
        with agent.connect() as idle, agent.connect() as client:
            end = time.monotonic() + 30
            while client.call("Status")["connections"] < 3 and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(0.05)
            agent.process.send_signal(signal.SIGTERM)
            self.assertEqual(idle.socket.recv(1), b"")  # closed at once: nothing was in progress
        caller.join()
        self.assertEqual(results[0]["key"]["algorithm"], "rsa-3072")
        self.assertEqual(agent.process.wait(60), 0)
        self.assertFalse(agent.socket.exists())
        self.assertIn(" info stopped", agent.log.read_text())

    def test_sighup_reads_the_configuration_again(self):
        agent = self.agent()
        large = {"repository": "a.example/b", "role": "x" * 10_000}

        def outcome():
            with agent.connect() as client, self.assertRaises(VarlinkError) as error:
                client.call("ListKeys", **large)
            return error.exception.short

        def reload(text, expected):
            seen = agent.log.read_text().count(expected)
            agent.config.write_text(text)
            agent.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 20
            while agent.log.read_text().count(expected) == seen and time.monotonic() < end:
                time.sleep(0.02)
            self.assertGreater(agent.log.read_text().count(expected), seen)

        good = agent.config.read_text()
        self.assertNotEqual(outcome(), "LimitExceeded")
        reload(toml_for(self.tokens, "[limits]\nframe-size = 4096"), "the configuration was reloaded")
        self.assertEqual(outcome(), "LimitExceeded")
        reload("[limits]\nframe-size = 1\n", "was not reloaded, the old one stays")
        self.assertEqual(outcome(), "LimitExceeded")
        reload(good, "the configuration was reloaded")
        self.assertNotEqual(outcome(), "LimitExceeded")
        with agent.connect() as client:  # tokens go on
            client.call("GenerateKey", token="t", name="k", algorithm="ecdsa-p256", uses=["message"])
            client.call("SignMessage", key="k", message="aGVsbG8=")

    def test_the_policy_is_read_at_start_and_on_sighup(self):
        agent = Agent(self.scratch / "agent", toml_for(self.tokens))
        file = agent.directory / "policy.toml"
        agent.config.write_text(toml_for(self.tokens, f'policy = "{file}"'))

        def shown():
            with agent.connect() as client:
                reply = client.call("ShowPolicy")
                return reply["source"], reply["text"]

        def reload(expected):
            seen = agent.log.read_text().count(expected)
            agent.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 20
            while agent.log.read_text().count(expected) == seen and time.monotonic() < end:
                time.sleep(0.02)
            self.assertGreater(agent.log.read_text().count(expected), seen)

        rule = '[[rule]]\nname = "{}"\nuser = "@self"\naction = "any"\n'
        for bad, words in ((None, "the policy cannot be read"), ("[[rule]]\n", "policy.toml:1: rule.action: is missing")):
            if bad is not None:
                file.write_text(bad)
            with open(agent.log, "ab") as log:
                done = subprocess.run(agent.command, stdin=subprocess.DEVNULL, stderr=log, timeout=60)
            self.assertEqual(done.returncode, 2)
            self.assertIn(words, agent.log.read_text())
        file.write_text(rule.format("one"))
        with agent:
            self.assertEqual(shown(), (str(file), rule.format("one")))
            file.write_text(rule.format("two"))
            self.assertEqual(shown(), (str(file), rule.format("one")))  # until it is told
            reload("the policy was reloaded: ")
            self.assertEqual(shown(), (str(file), rule.format("two")))
            file.write_text('[[rule]]\nname = "x"\nuser = "@self"\naction = ["sing", "dance"]\nhours = 3\n')
            reload("the policy was not reloaded, the old one stays")
            self.assertEqual(shown(), (str(file), rule.format("two")))
            log = agent.log.read_text()
            for words in ('policy.toml:4: rule.action: "sing"', 'policy.toml:4: rule.action: "dance"', "policy.toml:5: rule.hours: "):
                self.assertIn(words, log)
            file.chmod(0o646)
            reload("the policy was not reloaded, the old one stays")
            self.assertIn("chmod o-w", agent.log.read_text())
            file.unlink()
            reload("the policy was not reloaded, the old one stays")
            self.assertEqual(shown(), (str(file), rule.format("two")))

    def test_what_the_system_shows_of_it(self):
        # Started with a descriptor that it must not hand on to its hosts.
        agent = Agent(self.scratch / "agent", toml_for(self.tokens), command=["sh", "-c", 'exec "$0" "$@" 9</etc/passwd'])
        self.enterContext(agent)
        with agent.connect() as client:
            client.call("GenerateKey", token="t", name="k", algorithm="ecdsa-p256", uses=["message"])
        proc = Path(f"/proc/{agent.process.pid}")
        status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        self.assertEqual(status["NoNewPrivs"].strip(), "1")
        self.assertEqual(status["Umask"].strip(), "0077")
        self.assertTrue(int(status["SigIgn"], 16) & 1 << (signal.SIGPIPE - 1))
        self.assertRegex((proc / "limits").read_text(), r"Max core file size +0 +0 ")
        self.assertEqual(os.readlink(proc / "fd/0"), "/dev/null")
        self.assertEqual(os.readlink(proc / "fd/9"), "/etc/passwd")
        looked_at = 0
        for fd in (proc / "fdinfo").iterdir():
            try:  # checkpoints are written meanwhile: what is open now may be closed before it is read
                flags = int(re.search(r"flags:\s+(\d+)", fd.read_text()).group(1), 8)
                name = os.readlink(proc / "fd" / fd.name)
            except FileNotFoundError:
                continue
            looked_at += 1
            if int(fd.name) > 2:
                self.assertTrue(flags & os.O_CLOEXEC, f"{fd.name}: {name}")
        self.assertGreater(looked_at, 5)
        # It has loaded no module: its hosts have.
        self.assertNotIn("softhsm", (proc / "maps").read_text())
        for file in agent.state.iterdir():
            try:
                self.assertEqual(mode(file) & 0o077, 0, file)
            except FileNotFoundError:  # a file that is replaced whole has another name for a moment
                self.assertFalse(file.name.endswith(".db"), file)

    def test_no_pin_in_the_log_at_any_level(self):
        for log_format in ("text", "json"):
            agent = Agent(self.scratch / log_format, toml_for(
                SoftToken(self.scratch / f"{log_format}-hsm", "t"), f'[log]\nlevel = "trace"\nformat = "{log_format}"'))
            with agent, agent.connect() as client:
                client.call("UnlockToken", token="t", pin=PIN)
                client.call("LockToken", token="t")
                with self.assertRaises(VarlinkError):
                    client.call("UnlockToken", token="t", pin="wrong-pin-" + PIN)
                with self.assertRaises(VarlinkError):
                    client.call("UnlockToken", token="t", pni=PIN)
                client.socket.sendall(b'{"method":"org.signet.Agent.UnlockToken","parameters":{"pin":"%s",,\0' % PIN.encode())
                client.socket.recv(4096)
            log = agent.log.read_text()
            self.assertIn("ready", log)
            self.assertNotIn(PIN, log)
            if log_format == "json":
                for line in log.splitlines():
                    self.assertEqual(set(json.loads(line)), {"time", "level", "message"})

    @unittest.skipUnless(os.getuid() == 0, "only root can start an agent for somebody else")
    def test_an_agent_is_for_its_own_user_who_cannot_look_into_it(self):
        os.chmod(self.scratch, 0o755)
        programs = programs_for_everybody(self.scratch / "bin")
        for path in (self.tokens.directory, *self.tokens.directory.rglob("*")):
            os.chown(path, SOMEBODY, SOMEBODY)
        directory = self.scratch / "agent"
        directory.mkdir()
        os.chown(directory, SOMEBODY, SOMEBODY)
        become = ["setpriv", f"--reuid={SOMEBODY}", f"--regid={SOMEBODY}", "--clear-groups"]
        config, socket = directory / "signet.toml", directory / "run/agent.sock"
        config.write_text(toml_for(self.tokens))
        with open(self.scratch / "log", "wb") as log:
            agent = subprocess.Popen([*become, programs / "signetd", "--config", config, "--socket", socket, "--state",
                                      directory / "state"], stdin=subprocess.DEVNULL, stderr=log,
                                     env={**os.environ, "HOME": str(directory), "XDG_CONFIG_HOME": ""})
        self.addCleanup(lambda: (agent.kill(), agent.wait()))
        own = [*become, programs / "signet", "token", "list"]
        end = time.monotonic() + 30
        while True:
            done = subprocess.run(own, capture_output=True, text=True, env={**os.environ, "SIGNET_SOCKET": str(socket)})
            if done.returncode == 0 or time.monotonic() > end:
                break
            time.sleep(0.05)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("SoftHSM", done.stdout)
        with self.assertRaises(VarlinkError) as refused, Varlink(socket) as client:  # as root
            client.receive()
        self.assertEqual(refused.exception.name, "org.varlink.service.PermissionDenied")
        # A process that is not dumpable belongs to root in /proc: its user can neither read its memory nor trace it.
        self.assertEqual(os.stat(f"/proc/{agent.pid}/mem").st_uid, 0)
        peek = subprocess.run([*become, "head", "-c", "1", f"/proc/{agent.pid}/environ"], capture_output=True)
        self.assertNotEqual(peek.returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
