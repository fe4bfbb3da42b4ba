"""PcscdWithCards: emulated YubiKeys behind a pcscd of their own, for tests. No root is needed, but user namespaces are
(sysctl kernel.unprivileged_userns_clone, on by default in Debian 12; container runtimes may forbid them)."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .client import Control

_PACKAGE = Path(__file__).parent
_NEEDED = ("/usr/sbin/pcscd", "/usr/bin/umockdev-wrapper", "/usr/bin/unshare",
           "/usr/lib/pcsc/drivers/serial/libifdvpcd.so")


@dataclass(frozen=True)
class CardSpec:
    name: str
    serial: int = 10000001
    firmware: str = "5.4.3"
    plugged: bool = True


def default_reader_library() -> Path:
    """Built by CMake: $SIGNET_LIB_DIR has it."""
    return Path(os.environ["SIGNET_LIB_DIR"]) / "emulated-usb-reader.so"


class PcscdWithCards:
    """Several may run side by side. `cards_directory`: where cards are kept between runs; else nothing of them is."""

    def __init__(self, *cards: CardSpec, cards_directory: Path | None = None,
                 reader_library: Path | None = None) -> None:
        missing = [path for path in _NEEDED if not Path(path).exists()]
        if missing:
            raise FileNotFoundError(f"{missing[0]} is missing: install what tests/packages.txt lists")
        self.directory = Path(tempfile.mkdtemp(prefix="signet-card-"))
        self._cards = cards_directory or self.directory / "cards"
        self._library = reader_library or default_reader_library()
        self._log = self.directory / "bench.log"
        self._process = self._launch()
        try:
            ready = self._ready()
            self.attestation_root = Path(ready["attestation_root"])
            self._udev_directory = str(ready["udev_directory"])
            self.control = Control(self.directory / "control")
            for spec in cards:
                self.add(spec)
        except BaseException:
            self.stop()
            raise

    def _launch(self) -> subprocess.Popen[bytes]:
        command = ["unshare", "--user", "--map-root-user", "--mount", "--net", "--pid", "--fork", "--kill-child",
                   "umockdev-wrapper", "/usr/bin/python3", "-B", "-m", _PACKAGE.name,
                   "--directory", str(self.directory), "--cards", str(self._cards),
                   "--reader-library", str(self._library)]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": str(self.directory),
                       "TMPDIR": str(self.directory)}
        with open(self._log, "wb") as log:
            return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                    env=environment, cwd=_PACKAGE.parent)

    def _ready(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the emulated YubiKey did not start; its log:\n{self._log.read_text()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def add(self, spec: CardSpec) -> None:
        self.control("add-card", card=spec.name, serial=spec.serial, firmware=spec.firmware)
        if spec.plugged:
            self.control("plug", card=spec.name)

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to find these cards and no others."""
        return {"PCSCLITE_CSOCK_NAME": str(self.directory / "run" / "pcscd" / "pcscd.comm")}

    @property
    def udev_environment(self) -> dict[str, str]:
        """What a program needs to hear from udev that readers are plugged in and out. One program at a time."""
        return {"LD_PRELOAD": "libumockdev-preload.so.0", "UMOCKDEV_DIR": self._udev_directory}

    def pcscd_log(self) -> str:
        return (self.directory / "pcscd.log").read_text(errors="replace")

    def stop(self) -> None:
        """Ends all that was started, and removes the directory."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self._process.kill()  # unshare; --kill-child takes the rest along
            self._process.wait()
        self._process.stdout.close()
        if hasattr(self, "control"):
            self.control.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> PcscdWithCards:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
