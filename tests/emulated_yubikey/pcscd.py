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
from typing import Iterator

import gi
gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402

RUN = Path("/run/pcscd")
DRIVERS = Path("/usr/lib/pcsc/drivers")
READER_NAME = "Yubico YubiKey OTP+FIDO+CCID"  # of a YubiKey 5 with all interfaces; ykcs11 wants "Yubico" first
FIRST_PORT = 0x8C7B  # as in usb_reader.cpp
MOST_READERS = 8
_VPCD = DRIVERS / "serial" / "libifdvpcd.so"
_LIBRARIES = Path("yubikey.bundle") / "Contents" / "Linux"
_VENDOR, _PRODUCT = "1050", "0407"
_INTERFACES = ":030101:030000:0b0000:"  # as udev says of it: keyboard, FIDO, smart card reader

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
    """The bundle for our readers; vpcd lies beside them, to be copied (UsbBus)."""
    libraries = directory / _LIBRARIES
    libraries.mkdir(parents=True)
    (libraries.parent / "Info.plist").write_text(_BUNDLE.format(
        library=reader_library.name, vendor=_VENDOR, product=_PRODUCT, name=READER_NAME))
    shutil.copy(reader_library, libraries / reader_library.name)
    shutil.copy(_VPCD, libraries / "vpcd.so")


class UsbBus:
    """The USB devices that udev tells of. As on a real bus, each key that is plugged in gets a new device number; with it
    goes a TCP port and a copy of vpcd, whose state is global and good for one reader. Not thread safe."""

    def __init__(self) -> None:
        # One for pcscd, one for a program under test: umockdev names a listener's socket after its descriptor's number,
        # so that two listeners in one testbed may take each other's.
        self._testbeds = [UMockdev.Testbed.new(), UMockdev.Testbed.new()]
        self.pcscd_directory, self.listener_directory = (str(bed.get_root_dir()) for bed in self._testbeds)
        self._last = 0

    def _each(self) -> Iterator[UMockdev.Testbed]:
        """Each in turn as this process's own /sys, which libudev reads when umockdev tells of a device."""
        for bed in self._testbeds:
            os.environ["UMOCKDEV_DIR"] = str(bed.get_root_dir())
            yield bed

    def next_number(self) -> int:
        """Of the device that is plugged in next."""
        return self._last + 1

    def plug(self, port: int) -> None:
        self._last += 1
        libraries = DRIVERS / _LIBRARIES
        shutil.copy(libraries / "vpcd.so", libraries / f"vpcd-{self._last}.so")
        for bed in self._each():
            device = bed.add_device(
                "usb", f"1-{port}", None, ["idVendor", _VENDOR, "idProduct", _PRODUCT],
                ["DEVTYPE", "usb_device", "DEVNAME", f"/dev/bus/usb/001/{self._last:03}", "ID_USB_INTERFACES", _INTERFACES])
            bed.add_device("usb", f"1-{port}:1.2", device, ["bInterfaceNumber", "02"], ["DEVTYPE", "usb_interface"])

    def unplug(self, port: int) -> None:
        device = f"/sys/devices/1-{port}"
        for bed in self._each():
            for path in (f"{device}/1-{port}:1.2", device):
                bed.uevent(path, "remove")  # add_device() tells of itself
                bed.remove_device(path)


class Pcscd:
    """Not thread safe. `directory`: of our own, where its socket and its log are."""

    def __init__(self, directory: Path, reader_library: Path, bus: UsbBus) -> None:
        self._environment = {**os.environ, "UMOCKDEV_DIR": bus.pcscd_directory}
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
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environment)
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
