"""A pcscd of one's own and the USB readers that it sees. Runs inside the namespaces that harness.py makes: there
/run/pcscd and /usr/lib/pcsc/drivers are ours, the network is a loopback of our own, and udev is umockdev's."""
from __future__ import annotations

import ctypes
import fcntl
import os
import shutil
import socket
import struct
import subprocess
import time
from pathlib import Path

import gi
gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

RUN = Path("/run/pcscd")
DRIVERS = Path("/usr/lib/pcsc/drivers")
READER_NAME = "Yubico YubiKey OTP+FIDO+CCID"  # of a YubiKey 5 with all interfaces; ykcs11 wants "Yubico" first
FIRST_PORT = 0x8C7B  # as in usb_reader.cpp
MOST_READERS = 8
_VENDOR, _PRODUCT = "1050", "0407"

_BUNDLE = """<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>CFBundleExecutable</key><string>{library}</string>
<key>CFBundleName</key><string>EMULATEDYUBIKEY</string>
<key>ifdVendorID</key><array><string>0x{vendor}</string></array>
<key>ifdProductID</key><array><string>0x{product}</string></array>
<key>ifdFriendlyName</key><array><string>{name}</string></array>
</dict></plist>
"""


def _bind(source: Path, target: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    bind = 4096  # MS_BIND
    if libc.mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(bind), None) != 0:
        raise OSError(ctypes.get_errno(), f"{source} could not be mounted over {target}")


def _raise_loopback() -> None:
    """`ip link set lo up` (netdevice(7))."""
    get_flags, set_flags, up = 0x8913, 0x8914, 1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, get_flags, struct.pack("16sh14x", b"lo", 0))
        flags = struct.unpack("16sh14x", request)[1]
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", flags | up))


def _install_drivers(directory: Path, reader_library: Path) -> None:
    """The bundle for our readers, with a copy of vpcd for each of them: its state is global, for one reader."""
    vpcd = DRIVERS / "serial" / "libifdvpcd.so"
    if not vpcd.exists():
        raise FileNotFoundError(f"{vpcd} is missing: install the package vsmartcard-vpcd")
    contents = directory / "yubikey.bundle" / "Contents"
    libraries = contents / "Linux"
    libraries.mkdir(parents=True)
    (contents / "Info.plist").write_text(_BUNDLE.format(
        library=reader_library.name, vendor=_VENDOR, product=_PRODUCT, name=READER_NAME))
    shutil.copy(reader_library, libraries / reader_library.name)
    for device in range(1, MOST_READERS + 1):
        shutil.copy(vpcd, libraries / f"vpcd-{device}.so")


class UsbBus:
    """The USB devices that udev tells of. Not thread safe."""

    def __init__(self) -> None:
        self._testbed = UMockdev.Testbed.new()
        self._devices: dict[int, tuple[str, str]] = {}

    def plug(self, number: int) -> None:
        device = self._testbed.add_device(
            "usb", f"1-{number}", None, ["idVendor", _VENDOR, "idProduct", _PRODUCT],
            ["DEVTYPE", "usb_device", "DEVNAME", f"/dev/bus/usb/001/{number:03}"])
        interface = self._testbed.add_device("usb", f"1-{number}:1.2", device, ["bInterfaceNumber", "02"],
                                             ["DEVTYPE", "usb_interface"])
        self._devices[number] = (device, interface)

    def unplug(self, number: int) -> None:
        for path in reversed(self._devices.pop(number)):
            self._testbed.uevent(path, "remove")  # add_device() tells of itself
            self._testbed.remove_device(path)


class Pcscd:
    """Not thread safe. `directory`: of our own, where its socket and its log are."""

    def __init__(self, directory: Path, reader_library: Path) -> None:
        run, drivers = directory / "run", directory / "drivers"
        (run / "pcscd").mkdir(parents=True)
        (directory / "readers").mkdir()
        _install_drivers(drivers, reader_library)
        self._log = directory / "pcscd.log"
        self._readers = directory / "readers"
        if RUN.exists():
            _bind(run / "pcscd", RUN)
        else:
            _bind(run, RUN.parent)
        _bind(drivers, DRIVERS)
        _raise_loopback()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self._process is not None:
            return
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/pcscd", "--foreground", "--info", "--config", str(self._readers)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 10
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"pcscd did not start; its log:\n{self._log.read_text(errors='replace')}")
            time.sleep(0.01)

    @staticmethod
    def await_closed(port: int, seconds: float) -> None:
        """Until vpcd listens there no more: pcscd has closed the reader."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("0.0.0.0", port))
                    return
                except OSError:
                    time.sleep(0.01)

    @property
    def running(self) -> bool:
        return self._process is not None

    @staticmethod
    def _answers() -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(RUN / "pcscd.comm")) == 0

    def stop(self, hard: bool = False) -> None:
        """`hard`: SIGKILL, which leaves its socket's file behind, as a crash does."""
        process, self._process = self._process, None
        if process is None:
            return
        if hard:
            process.kill()
        else:
            process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if hard:
            # pcscd refuses to start over the pid of a process that lives; ours is gone.
            (RUN / "pcscd.pid").unlink(missing_ok=True)
