"""Starts what an integration test needs, in a scratch directory of its own: SoftHSM tokens and signetd. Ends what it
started, by process id, and removes the directory."""
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from varlink_client import Varlink

BIN = Path(os.environ["SIGNET_BIN_DIR"])
SOFTHSM = next((p for p in map(Path, ("/usr/lib/softhsm/libsofthsm2.so",
                                      "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")) if p.exists()), None)
# Everybody may do everything, so that a test asks for nothing but what it is about.
PERMISSIVE_POLICY = """[[rule]]
name = "everything"
anyone = true
action = ["sign-metadata", "supersede", "sign-message", "issue-certificate", "store-certificate", "generate", "enrol", "retire",
          "adopt", "unlock", "approve", "read-ledger", "administer"]
"""
PIN, SO_PIN = "493827", "10293847"  # of test tokens only


class Scratch:
    """A short path: a Unix socket's name has room for 107 bytes. SIGNET_KEEP_SCRATCH=1 leaves it, for a look."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="signet-test-"))

    def __enter__(self):
        return self.path

    def __exit__(self, *_):
        if os.environ.get("SIGNET_KEEP_SCRATCH"):
            print(f"The scratch directory is {self.path}")
        else:
            shutil.rmtree(self.path)


class SoftToken:
    """A SoftHSM store in `directory`, holding tokens with these labels."""

    def __init__(self, directory, *labels):
        self.directory = Path(directory)
        (self.directory / "tokens").mkdir(parents=True)
        self.conf = self.directory / "softhsm2.conf"
        self.conf.write_text(f"directories.tokendir = {self.directory}/tokens\nobjectstore.backend = file\n"
                             "log.level = ERROR\nslots.removable = false\n")
        self.pin_file = self.directory / "pin"
        self.pin_file.write_text(PIN + "\n")
        self.pin_file.chmod(0o400)
        self.labels = labels
        for label in labels:
            subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", PIN,
                            "--so-pin", SO_PIN], check=True, capture_output=True,
                           env={**os.environ, "SOFTHSM2_CONF": str(self.conf)})


class TokenObject:
    """SoftHSM empties its token.object and writes it anew at each login; a kill in between leaves it empty for good. That is
    the token's death, not the agent's: it gets its file back."""

    def __init__(self, directory):
        (self.path,) = directory.glob("tokens/*/token.object")
        self.content = self.path.read_bytes()
        self.mended = 0

    def mend(self):
        if self.path.stat().st_size == 0:
            time.sleep(0.05)  # a host that lives is about to write it
            if self.path.stat().st_size == 0:
                self.path.write_bytes(self.content)
                self.mended += 1


def toml_for(tokens, extra=""):
    """The configuration of an agent with one module, SoftHSM, and each token's PIN from a file."""
    pins = "".join(f'[[module.pin]]\ntoken = "{label}"\nfile = "{tokens.pin_file}"\n' for label in tokens.labels)
    return (f'[agent]\ndiscover-modules = false\n{extra}\n[[module]]\nname = "softhsm"\npath = "{SOFTHSM}"\n'
            f'shared = true\nremovable = false\nenvironment = {{ SOFTHSM2_CONF = "{tokens.conf}" }}\n{pins}')


def preload(library):
    """LD_PRELOAD's value for signetd: where the build has its ASan runtime in a library, that wants to come first."""
    return ":".join(filter(None, (os.environ.get("SIGNET_ASAN_RUNTIME"), str(library))))


def hosts_of(process):
    """The token hosts of a running agent: its children, and theirs."""
    found = []
    for pid in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
        try:
            if b"signet-token-host" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(int(pid))
        except OSError:
            pass  # it ended
    return found


class Agent:
    """A running signetd. `config` and `policy`: TOML text; without a policy it has the built-in one."""

    def __init__(self, directory, config, command=(), policy=PERMISSIVE_POLICY):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "XDG_CONFIG_HOME": str(self.directory / "config")}
        self.policy = self.directory / "config" / "signet" / "policy.toml"
        if policy is not None:
            self.policy.parent.mkdir(parents=True, exist_ok=True)
            self.policy.write_text(policy)
        self.config = self.directory / "signet.toml"
        self.config.write_text(config)
        self.state = self.directory / "state"
        self.socket = self.directory / "run" / "agent.sock"
        self.log = self.directory / "signetd.log"
        self.command = [*command, str(BIN / "signetd"), "--config", str(self.config), "--socket", str(self.socket),
                        "--state", str(self.state)]
        self.process = None

    def start(self, ledger=True):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.environment)
        self._wait_until_it_answers()
        if ledger:
            with self.connect() as agent:
                if agent.call("Status")["ledger"] is None:
                    agent.call("CreateLedger")
        return self

    def _wait_until_it_answers(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                break
            try:
                with self.connect() as agent:
                    agent.call("Status")
                return
            except (FileNotFoundError, ConnectionError):
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"signetd did not start; its log:\n{self.log.read_text()}")

    def connect(self, **options):
        return Varlink(self.socket, **options)

    def cli(self, *arguments, check=True, **options):
        """Runs the `signet` command against this agent."""
        done = subprocess.run([str(BIN / "signet"), *map(str, arguments)], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env={**os.environ, "SIGNET_SOCKET": str(self.socket)}, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"signet {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stderr}")
        return done

    def stop(self):
        """SIGTERM; the exit status, which is 0 for an agent that drained."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise RuntimeError(f"signetd did not end on SIGTERM; its log:\n{self.log.read_text()}") from None
        self.process = None
        return status

    def __enter__(self):
        return self.start() if self.process is None else self

    def __exit__(self, *_):
        status = self.stop()
        if status not in (0, None):
            raise RuntimeError(f"signetd ended with {status}; its log:\n{self.log.read_text()}")
