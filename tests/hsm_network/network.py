"""An HSM across a network: SoftHSM behind `p11-kit server` in a network namespace of the test's own, reached by
p11-kit-client.so over TCP across a link with delay and loss (link_main.cpp) that can be cut and mended.

    signet-token-host: p11-kit-client.so ─ unix ─ socat ═ TCP ═ TUN ─ test-link ─ TUN ═ TCP ═ socat ─ unix ─ p11-kit server
                                                  near namespace                  far namespace              SoftHSM

Needs no root where ordinary users may make user namespaces. All traffic is between 10.213.0.1 and 10.213.0.2, in these
namespaces, which end with this object."""
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

BUILD = Path(os.environ["SIGNET_BIN_DIR"]).parent
CLIENT_MODULE = next((p for p in (Path("/usr/lib") / machine / "pkcs11/p11-kit-client.so"
                                  for machine in ("x86_64-linux-gnu", "aarch64-linux-gnu")) if p.exists()), None)
SHIM = BUILD / "lib" / "signet-fault-shim.so"
FAR_ADDRESS = "10.213.0.2"
FIRST_PORT = 7777


def descendants(pid):
    """The process and all below it, parents first."""
    found = [pid]
    try:
        tasks = sorted(Path(f"/proc/{pid}/task").iterdir())
        children = [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return found  # it ended
    for child in children:
        found += descendants(child)
    return found


def wait_until(holds, seconds, what):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise RuntimeError(f"{what} did not happen within {seconds} s")
        time.sleep(0.01)


class Program:
    """A program, perhaps in a namespace, that is ended with all its children, by their ids."""

    def __init__(self, command, log, **options):
        with open(log, "ab") as output:
            self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            **options)

    def signal(self, number):
        for pid in descendants(self.process.pid):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait(timeout=10)


class Link:
    """The two namespaces and the link between them. delay_ms: one way."""

    def __init__(self, delay_ms=5.0):
        self.process = subprocess.Popen([BUILD / "tests" / "test-link"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        ready = self.process.stdout.readline().split()
        if len(ready) != 4:
            self.close()
            raise RuntimeError("test-link did not start; it says why on standard error")
        self.near, self.far, self.own_users = int(ready[1]), int(ready[2]), ready[3] == "1"
        self.order(f"delay {delay_ms}")

    def order(self, order):
        self.process.stdin.write(order + "\n")
        answer = self.process.stdout.readline().strip()
        if not answer.startswith("ok"):
            raise RuntimeError(f"test-link, told \"{order}\": {answer or 'it has ended'}")
        return answer

    def cut(self):
        self.order("cut")

    def mend(self):
        self.order("mend")

    def lose(self, percent):
        self.order(f"loss {percent}")

    def counts(self):
        """Packets that passed, packets that were lost."""
        return tuple(map(int, self.order("counts").split()[1:]))

    def inside(self, end):
        """What runs a command in that namespace (near, far)."""
        proc = f"/proc/{self.process.pid}"
        users = [f"--user={proc}/ns/user", "--preserve-credentials"] if self.own_users else []
        return ["nsenter", *users, f"--net={proc}/fd/{end}"]

    def close(self):
        self.process.stdin.close()  # its order to end
        self.process.wait(timeout=10)
        self.process.stdout.close()


class Hsm:
    """One HSM at the far end. `tokens`: a SoftToken (agent_fixture.py). What it is asked goes through the fault shim, so
    that a test can count logins where they count, and let the HSM misbehave (tests/shim/rules.h)."""

    def __init__(self, link, directory, tokens, number=0):
        self.link, self.directory, self.tokens = link, Path(directory), tokens
        self.directory.mkdir(parents=True)
        self.port = FIRST_PORT + number
        self.near_socket, self.far_socket = self.directory / "near.sock", self.directory / "far.sock"
        self.control, self.logins_log = self.directory / "rules", self.directory / "logins"
        self.log = self.directory / "log"
        # What is written to the far end's dead connections is given up after seconds, as an HSM does.
        patience = "nodelay,keepalive,keepidle=5,keepintvl=2,keepcnt=3"
        self.far = Program([*link.inside(link.far), "socat",
                            f"TCP-LISTEN:{self.port},bind={FAR_ADDRESS},reuseaddr,fork,{patience}",
                            f"UNIX-CONNECT:{self.far_socket}"], self.log)
        self.near = Program([*link.inside(link.near), "socat", f"UNIX-LISTEN:{self.near_socket},fork,mode=600",
                             f"TCP:{FAR_ADDRESS}:{self.port},connect-timeout=10,{patience}"], self.log)
        self.server = None
        wait_until(self.near_socket.exists, 10, "socat's listening")
        self.boot()

    def boot(self):
        """The HSM starts; sessions and logins are those of no one."""
        environment = {**os.environ, "SOFTHSM2_CONF": str(self.tokens.conf), "SIGNET_SHIM_MODULE": str(self.tokens.module),
                       "SIGNET_SHIM_CONTROL": str(self.control), "SIGNET_SHIM_LOG": str(self.logins_log),
                       "SIGNET_SHIM_COUNTERS": str(self.directory / "counters"),
                       "XDG_RUNTIME_DIR": str(self.directory)}
        self.server = Program([*self.link.inside(self.link.far), "p11-kit", "server", "--foreground", "--name",
                               self.far_socket, "--provider", SHIM, "pkcs11:"], self.log, env=environment)
        wait_until(self.far_socket.exists, 10, "p11-kit server's listening")

    def die(self):
        """Its processes are killed, all connections with them."""
        if self.server is not None:
            self.server.kill()
        self.server = None
        self.far_socket.unlink(missing_ok=True)

    def freeze(self):
        """It answers nobody, and its connections stay: a hang."""
        self.server.signal(signal.SIGSTOP)

    def thaw(self):
        self.server.signal(signal.SIGCONT)

    def reboot(self, seconds=0.0):
        self.die()
        time.sleep(seconds)
        self.boot()

    def misbehave(self, rules):
        """Rules for the shim, counted from now; an empty text ends them."""
        counters = self.directory / "counters"
        if counters.exists():  # mapped by the HSM's processes: set to zero where it is
            with open(counters, "r+b") as file:
                file.write(bytes(counters.stat().st_size))
        draft = self.directory / "rules.new"
        draft.write_text(rules)
        draft.rename(self.control)

    def logins(self):
        """(hash of the PIN, result) of each C_Login that reached the HSM, in order."""
        if not self.logins_log.exists():
            return []
        return [(match[1], int(match[2], 16))
                for match in re.finditer(r"hash=(\w+) result=0x(\w+)", self.logins_log.read_text())]

    def environment(self):
        """What p11-kit-client.so needs to reach it."""
        return {"P11_KIT_SERVER_ADDRESS": f"unix:path={self.near_socket}"}

    def close(self):
        self.die()
        self.near.kill()
        self.far.kill()


def missing():
    """What this machine lacks for such a network; empty if nothing."""
    for program in ("socat", "p11-kit", "nsenter", "softhsm2-util"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    if CLIENT_MODULE is None:
        return "p11-kit-client.so is not installed"
    return "" if Path("/dev/net/tun").exists() else "/dev/net/tun is missing"
