"""The PKCS#11 modules of the matrix: how each gets a token of its own, in a scratch directory, with keys on it that another
program made. A module ends what it started, by process id."""
from __future__ import annotations

import itertools
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from agent_fixture import PIN, SO_PIN, SOFTHSM, SoftToken

from emulated_yubikey.harness import CardSpec, PcscdWithCards

LIBRARIES = Path("/usr/lib/x86_64-linux-gnu")
LABEL = "release"


@dataclass(frozen=True)
class OutsideKey:
    """Another program made it, before the agent ran. attributes: of its URI, besides the token's."""
    algorithm: str
    attributes: str


def tool(*command: object, environment: dict[str, str]) -> None:
    """Runs another program to its end; its own words if it fails."""
    done = subprocess.run([str(word) for word in command], env={**os.environ, **environment}, capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit {done.returncode}\n{done.stdout}{done.stderr}")


class Unavailable(Exception):
    """The column cannot be run on this machine; the text says why."""


def unpacked(package: str, path: str) -> Path:
    """A program of a Debian package that was unpacked, not installed (daemons.sh): installing it starts a daemon."""
    found = Path(os.environ["SIGNET_DAEMONS"]) / package / path
    if not found.exists():
        raise Unavailable(f"{package} could not be had from Debian's archive")
    return found


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a program that we started, and its children: it leads a session of its own."""
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except ProcessLookupError:
        pass
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(path: Path, process: subprocess.Popen[bytes], log: Path, seconds: float = 30) -> None:
    """Until the program that was started has made its socket."""
    deadline = time.monotonic() + seconds
    while not path.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            end(process)
            raise RuntimeError(f"{path} did not appear; the log:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)


class Module:
    """One column. start() leaves one token with the user PIN `pin` and the keys `outside` on it."""
    column: ClassVar[str]
    about: ClassVar[str]
    pin, wrong_pin, so_pin = PIN, "111111", SO_PIN
    # Generates through its own program: pkcs11-tool's names.
    key_type: ClassVar[str] = "EC:prime256v1"
    outside: ClassVar[tuple[OutsideKey, ...]] = (OutsideKey("ecdsa-p256", "id=%77;type=private"),)
    removable = False
    command: tuple[str, ...] = ()  # what its users are started by
    path: Path

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment: dict[str, str] = {}

    def start(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        """Safe to call twice, and when start() failed."""

    def refused_pins(self) -> int | None:
        """How many wrong PINs reached the token; None where nobody can tell."""
        return None

    def making(self) -> dict[str, str]:
        """Who makes a key through the agent, and where: parameters of GenerateKey."""
        return {"pin": self.pin}

    def make_outside_key(self) -> None:
        self.pkcs11_tool("--token-label", LABEL, "--login", "--pin", self.pin, "--keypairgen", "--key-type", self.key_type,
                         "--id", "77", "--label", "made-outside")

    def pkcs11_tool(self, *arguments: str) -> None:
        tool(*self.command, "pkcs11-tool", "--module", self.path, *arguments, environment=self.environment)

    def configuration(self) -> str:
        """signetd's, with this module and no other."""
        environment = ", ".join(f'{name} = "{value}"' for name, value in self.environment.items())
        return (f'[agent]\ndiscover-modules = false\n[[module]]\nname = "module"\npath = "{self.path}"\n'
                f"removable = {str(self.removable).lower()}\nenvironment = {{ {environment} }}\n")


class SoftHsm(Module):
    column = "SoftHSM"
    about = "SoftHSM 2.6.1"

    def start(self) -> None:
        if SOFTHSM is None:
            raise FileNotFoundError("SoftHSM is missing: install what tests/packages.txt lists")
        self.path = SOFTHSM
        self.environment = {"SOFTHSM2_CONF": str(SoftToken(self.directory / "softhsm", LABEL).conf)}
        self.make_outside_key()


class P11KitClient(Module):
    """The token is another process's: p11-kit server, in front of SoftHSM."""
    column = "p11-kit"
    about = "p11-kit-client 0.24.1, and p11-kit server in front of SoftHSM"
    path = LIBRARIES / "pkcs11/p11-kit-client.so"
    _server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        behind = SoftHsm(self.directory)
        behind.start()
        socket, log = self.directory / "p11-kit.sock", self.directory / "p11-kit.log"
        with open(log, "wb") as output:
            self._server = subprocess.Popen(
                ["p11-kit", "server", "--foreground", "--provider", str(behind.path), "--name", str(socket), "pkcs11:"],
                env={**os.environ, **behind.environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True)
        wait_for(socket, self._server, log)
        self.environment = {"P11_KIT_SERVER_ADDRESS": f"unix:path={socket}"}

    def stop(self) -> None:
        if self._server is not None:
            end(self._server)
            self._server = None


class YubiKey(Module):
    """tests/emulated_yubikey, of the firmware with the fewest algorithms."""
    pin, wrong_pin = "123456", "654321"
    so_pin = "010203040506070801020304050607080102030405060708"  # the management key of a card from the factory
    outside = (OutsideKey("ecdsa-p256", "id=%01;type=private"), OutsideKey("ecdsa-p384", "id=%02;type=private"),
               OutsideKey("rsa-2048", "id=%04;type=private"))
    removable = True
    _bench: PcscdWithCards | None = None

    def start(self) -> None:
        self._bench = PcscdWithCards(CardSpec("card"))
        control = self._bench.control
        control("set-chuid", card="card")
        for slot, algorithm in (("9a", "P256"), ("9c", "P384"), ("9e", "RSA2048")):
            control("make-key", card="card", slot=slot, algorithm=algorithm)
        self.environment = self._bench.environment

    def stop(self) -> None:
        if self._bench is not None:
            self._bench.stop()
            self._bench = None

    def refused_pins(self) -> int | None:
        assert self._bench is not None
        return [use["outcome"] for use in self._bench.control("diary", card="card")["pin_uses"]].count("refused")


class Ykcs11(YubiKey):
    column = "ykcs11"
    about = "ykcs11 2.2.0 and an emulated YubiKey, firmware 5.4; keys are made with the management key, in retired slots"
    path = LIBRARIES / "libykcs11.so"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._slots = itertools.count(0x05)  # 82 and so on

    def making(self) -> dict[str, str]:
        return {"soPin": self.so_pin, "id": f"{next(self._slots):02x}"}


class OpenSc(YubiKey):
    column = "OpenSC"
    about = "OpenSC 0.23.0 and an emulated YubiKey, firmware 5.4"
    path = LIBRARIES / "opensc-pkcs11.so"


class Tpm2(Module):
    """tpm2-pkcs11 on a TPM in software, which only a resource manager can share out among the agent's processes: the
    kernel's for a real TPM, tpm2-abrmd here, on a message bus of its own. The TPM counts wrong PINs: three lock all of it."""
    column = "tpm2-pkcs11"
    about = "tpm2-pkcs11 1.9.0, tpm2-abrmd 3.0.0 and swtpm 0.7.1"
    path = LIBRARIES / "pkcs11/libtpm2_pkcs11.so"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        manager = unpacked("tpm2-abrmd", "usr/sbin/tpm2-abrmd")
        state, store, tpm, bus = (self.directory / name for name in ("tpm", "store", "tpm.sock", "bus.sock"))
        state.mkdir()
        store.mkdir()
        self.launch("swtpm", "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", f"type=unixio,path={tpm}",
                    "--ctrl", f"type=unixio,path={tpm}.ctrl", "--flags", "not-need-init,startup-clear",
                    until=Path(f"{tpm}.ctrl"))
        self.launch("dbus-daemon", "--session", "--nofork", f"--address=unix:path={bus}", until=bus)
        self.environment = {"DBUS_SESSION_BUS_ADDRESS": f"unix:path={bus}", "TPM2_PKCS11_STORE": str(store),
                            "TPM2_PKCS11_TCTI": "tabrmd:bus_type=session"}
        root = ("--allow-root",) if os.geteuid() == 0 else ()
        self.launch(str(manager), "--session", *root, f"--tcti=swtpm:path={tpm}")
        self.initialise()
        self.pkcs11_tool("--token-label", LABEL, "--login", "--login-type", "so", "--so-pin", self.so_pin, "--init-pin",
                         "--pin", self.pin)
        self.make_outside_key()

    def launch(self, *command: str, until: Path | None = None) -> None:
        log = self.directory / f"{Path(command[0]).name}.log"
        with open(log, "wb") as output:
            process = subprocess.Popen(command, env={**os.environ, **self.environment}, stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=output, start_new_session=True)
        self._started.append(process)
        if until:
            wait_for(until, process, log)

    def initialise(self, seconds: float = 30) -> None:
        """As soon as tpm2-abrmd is on the bus."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.pkcs11_tool("--slot-index", "0", "--init-token", "--label", LABEL, "--so-pin", self.so_pin)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def stop(self) -> None:
        while self._started:
            end(self._started.pop())


class OpenCryptoki(Module):
    """Its soft token, with a pkcsslotd of its own in namespaces where its fixed paths are ours."""
    column = "openCryptoki"
    about = "openCryptoki 3.8.1's soft token"
    path = LIBRARIES / "opencryptoki/libopencryptoki.so.0"
    key_type = "rsa:2048"
    outside = (OutsideKey("rsa-2048", "id=%77;type=private"),)
    _daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = unpacked("opencryptoki", "usr/sbin/pkcsslotd")
        private, log = self.directory / "opencryptoki", self.directory / "pkcsslotd.log"
        private.mkdir()
        with open(log, "wb") as output:
            self._daemon = subprocess.Popen(
                ["unshare", "--user", "--map-root-user", "--mount", "--ipc", str(Path(__file__).with_name("pkcsslotd.sh")),
                 str(private), str(program)], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True)
        try:
            wait_for(Path(f"/proc/{self._daemon.pid}/root/var/run/pkcsslotd.socket"), self._daemon, log)
        except RuntimeError:
            if self._daemon.returncode == 77:
                raise Unavailable("this kernel overlays no directory in a user namespace") from None
            raise
        self.command = ("nsenter", f"--target={self._daemon.pid}", "--user", "--mount", "--ipc")
        self.initialise()
        self.make_outside_key()

    def initialise(self) -> None:
        """The PINs that a token comes with, or gets from its security officer, must be changed."""
        factory, first = "87654321", "12345678"
        self.pkcs11_tool("--slot-index", "0", "--init-token", "--label", LABEL, "--so-pin", factory)
        officer = ("--token-label", LABEL, "--login", "--login-type", "so", "--so-pin")
        self.pkcs11_tool(*officer, factory, "--change-pin", "--new-pin", self.so_pin)
        self.pkcs11_tool(*officer, self.so_pin, "--init-pin", "--pin", first)
        self.pkcs11_tool("--token-label", LABEL, "--login", "--pin", first, "--change-pin", "--new-pin", self.pin)

    def stop(self) -> None:
        if self._daemon is not None:
            end(self._daemon)
            self._daemon = None


MODULES: tuple[type[Module], ...] = (SoftHsm, P11KitClient, Ykcs11, OpenSc, Tpm2, OpenCryptoki)
