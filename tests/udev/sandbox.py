"""What udev and systemd make of an installed tree, asked inside namespaces: no device, group or file of this machine is
touched, and no root is needed. Run by udev_test.py:

    unshare --user --map-root-user --mount umockdev-wrapper sandbox.py TREE PROGRAMS

TREE: where "cmake --install" put things for /usr/local. PROGRAMS: the folder of signetd. Reads the devices as JSON from
standard input, writes what the tools said to standard output, as JSON."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import gi
gi.require_version("UMockdev", "1.0")
from gi.repository import UMockdev  # noqa: E402


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True)


def _isolate(tree: Path, programs: Path) -> None:
    """udevadm writes to /run/udev and links in /dev; the tools look for units, rules and programs in /usr/local."""
    _mount("-t", "tmpfs", "none", "/run")
    devices = Path("/run/dev")
    devices.mkdir()
    for name in ("null", "urandom"):
        (devices / name).touch()
        _mount("--bind", f"/dev/{name}", devices / name)
    _mount("--rbind", devices, "/dev")
    _mount("-t", "tmpfs", "none", "/usr/local")
    shutil.copytree(tree / "usr/local/lib", "/usr/local/lib")
    Path("/usr/local/bin").mkdir()
    Path("/usr/local/bin/signetd").symlink_to(programs / "signetd")


def _run(*command: str | Path) -> dict[str, Any]:
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "XDG_RUNTIME_DIR": "/run", "HOME": "/run"}
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=environment, check=False)
    return {"status": done.returncode, "output": done.stdout + done.stderr}


def _make_users() -> dict[str, Any]:
    """As at installation, in files of our own, which are this machine's from then on: udev looks the groups up."""
    root = Path("/run/root")
    (root / "etc").mkdir(parents=True)
    for name in ("passwd", "group"):
        shutil.copy(Path("/etc") / name, root / "etc" / name)
    made = _run("systemd-sysusers", f"--root={root}", "/usr/local/lib/sysusers.d/signet.conf")
    for name in ("passwd", "group"):
        text = (root / "etc" / name).read_text()
        made[name] = {line.split(":")[0]: line.split(":") for line in text.splitlines()}
        _mount("--bind", root / "etc" / name, Path("/etc") / name)
    return made


def _device_event(bed: Any, number: int, device: dict[str, Any]) -> dict[str, Any]:
    name = device.get("name", f"1-{number}")
    node = device.get("node", f"/dev/bus/usb/001/{number:03}")
    attributes = [text for pair in device.get("attributes", {}).items() for text in pair]
    properties = {"DEVNAME": node, "MAJOR": "189", "MINOR": str(number), **device.get("properties", {})}
    path = bed.add_device(device.get("subsystem", "usb"), name, None, attributes,
                          [text for pair in properties.items() for text in pair])
    if "descriptors" in device:
        bed.set_attribute_binary(path, "descriptors", bytes.fromhex(device["descriptors"]))
    return _run("udevadm", "test", f"--action={device.get('action', 'add')}", path)


def main() -> None:
    tree, programs = map(Path, sys.argv[1:3])
    wanted = json.load(sys.stdin)
    _isolate(tree, programs)
    answer: dict[str, Any] = {"users": _make_users()}
    bed = UMockdev.Testbed.new()
    os.environ["UMOCKDEV_DIR"] = bed.get_root_dir()  # for programs that we start; it is set behind Python's back
    answer["devices"] = {key: _device_event(bed, number, device)
                         for number, (key, device) in enumerate(wanted.items(), 1)}
    units = Path("/usr/local/lib/systemd")
    answer["verify"] = {
        "system": _run("systemd-analyze", "verify", units / "system/signetd.service",
                       units / "system/signet-token.target"),
        "user": _run("systemd-analyze", "--user", "verify", units / "user/signetd.service",
                     units / "user/signet-token.target")}
    root = Path("/run/units")
    shutil.copytree("/usr/local/lib/systemd", root / "usr/lib/systemd")
    answer["enable"] = [_run("systemctl", f"--root={root}", *scope, "enable", "signetd.service")
                        for scope in ((), ("--global",))]
    answer["enabled"] = sorted(str(path.relative_to(root)) for path in (root / "etc").rglob("*.wants/*"))
    json.dump(answer, sys.stdout)


main()
