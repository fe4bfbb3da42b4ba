"""The udev rules, units and users that "cmake --install" puts on a machine, as udev and systemd read them: which devices
they are for, who may use those, and what a token that appears starts."""
from __future__ import annotations

import json
import os
import re
import struct
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BUILD = Path(os.environ["SIGNET_BIN_DIR"]).parent
CCID, FIDO, KEYBOARD, VENDOR, MASS_STORAGE = 0x0B0000, 0x030000, 0x030101, 0xFF0000, 0x080650

# Vendor and product as libccid 1.5.2 (its Info.plist) has them, and the interfaces in the order of their numbers.
TOKENS = {
    "YubiKey 5": (0x1050, 0x0407, [KEYBOARD, FIDO, CCID]),
    "YubiKey NEO, CCID alone": (0x1050, 0x0112, [CCID]),
    "Nitrokey Pro": (0x20A0, 0x4108, [KEYBOARD, CCID]),
    "Nitrokey Storage": (0x20A0, 0x4109, [MASS_STORAGE, CCID]),
    "Nitrokey HSM": (0x20A0, 0x4230, [CCID]),
    "Nitrokey 3": (0x20A0, 0x42B2, [CCID, FIDO]),
    "SoloKeys Solo 2": (0x1209, 0xBEEE, [CCID, FIDO]),
    "ACS ACR39U": (0x072F, 0xB100, [CCID]),
    "Alcor Micro AU9540": (0x058F, 0x9540, [CCID]),
    "Identiv SCR3310": (0x04E6, 0x5116, [CCID]),
    "OMNIKEY 3121": (0x076B, 0x3022, [CCID]),
    "Thales USB Shell Token V2": (0x08E6, 0x3438, [CCID]),
    "YubiHSM 2": (0x1050, 0x0030, [VENDOR]),
}
OTHERS = {
    "a YubiKey without CCID": (0x1050, 0x0402, [FIDO]),
    "a USB stick": (0x0781, 0x5581, [MASS_STORAGE]),
    "a keyboard": (0x046D, 0xC31C, [KEYBOARD]),
    "a vendor's own interface": (0x1209, 0x0030, [VENDOR]),
}


def descriptors(vendor: int, product: int, interfaces: list[int]) -> bytes:
    """Device, configuration, interface and endpoint descriptors (USB 2.0, 9.6): udev's usb_id reads the classes there."""
    device = struct.pack("<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, vendor, product, 0x0100, 0, 0, 0, 1)
    each = b"".join(struct.pack("<BBBBB3sB", 9, 4, number, 0, 1, code.to_bytes(3, "big"), 0)
                    + struct.pack("<BBBBHB", 7, 5, 0x81 + number, 2, 64, 0) for number, code in enumerate(interfaces))
    return device + struct.pack("<BBHBBBBB", 9, 2, 9 + len(each), len(interfaces), 1, 0, 0x80, 50) + each


def usb(vendor: int, product: int, interfaces: list[int], **more: str) -> dict[str, Any]:
    return {"attributes": {"idVendor": f"{vendor:04x}", "idProduct": f"{product:04x}"},
            "properties": {"DEVTYPE": "usb_device"}, "descriptors": descriptors(vendor, product, interfaces).hex(),
            **more}


def devices() -> dict[str, dict[str, Any]]:
    all_devices = {name: usb(*about) for name, about in (TOKENS | OTHERS).items()}
    all_devices["changed"] = usb(*TOKENS["YubiKey 5"], action="change")
    all_devices["removed"] = usb(*TOKENS["YubiKey 5"], action="remove")
    all_devices["TPM"] = {"subsystem": "tpmrm", "name": "tpmrm0", "node": "/dev/tpmrm0"}
    all_devices["TPM, not managed"] = {"subsystem": "tpm", "name": "tpm0", "node": "/dev/tpm0"}
    return all_devices


@dataclass
class Event:
    """What `udevadm test` says that udev would do."""
    output: str

    def last(self, key: str) -> str | None:
        """Who had the last word on GROUP or MODE, among all rules of the system; the value."""
        found = re.findall(rf"\.rules:\d+ {key} (\S+)$", self.output, re.MULTILINE)
        return found[-1] if found else None

    def ours(self) -> bool:
        return "59-signet.rules:" in self.output

    def property(self, name: str) -> list[str]:
        found = re.search(rf"^{name}=(.*)$", self.output, re.MULTILINE)
        return re.split("[: ]+", found[1].strip(": ")) if found else []

    def starts_the_agent(self) -> bool:
        return "systemd" in self.property("CURRENT_TAGS") and all(
            "signet-token.target" in self.property(name) for name in ("SYSTEMD_WANTS", "SYSTEMD_USER_WANTS"))

    def opens_to_the_seat(self) -> bool:
        """73-seat-late.rules saw the tag: logind will be asked for the person there."""
        return re.search(r"^run: '.*uaccess", self.output, re.MULTILINE) is not None


class Installed(unittest.TestCase):
    answer: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        scratch = tempfile.TemporaryDirectory(prefix="signet-udev-")
        cls.addClassCleanup(scratch.cleanup)
        subprocess.run(["cmake", "--install", BUILD, "--component", "system", "--prefix", "/usr/local"], check=True,
                       stdout=subprocess.DEVNULL, env={**os.environ, "DESTDIR": scratch.name})
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "umockdev-wrapper", "/usr/bin/python3", "-B",
             Path(__file__).with_name("sandbox.py"), scratch.name, BUILD / "bin"],
            input=json.dumps(devices()), capture_output=True, text=True, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"udev could not be asked:\n{done.stderr}")
        cls.answer = json.loads(done.stdout)

    def event(self, name: str) -> Event:
        seen = self.answer["devices"][name]
        self.assertEqual(seen["status"], 0, seen["output"])
        self.assertIn("Reading rules file: /usr/local/lib/udev/rules.d/59-signet.rules", seen["output"])
        self.assertNotRegex(seen["output"], "59-signet.rules:[0-9]+.*(Invalid|Unknown|Failed|ignor)")
        return Event(seen["output"])

    def group(self, name: str) -> str:
        return str(self.answer["users"]["group"][name][2])

    def test_usb_tokens_are_for_the_agents_group_and_the_person_at_the_seat(self) -> None:
        for name in [*TOKENS, "changed"]:
            with self.subTest(name):
                event = self.event(name)
                self.assertEqual((event.last("GROUP"), event.last("MODE")), (self.group("signet-tokens"), "0660"))
                self.assertTrue(event.opens_to_the_seat(), event.output)

    def test_a_token_that_appears_wants_the_agent(self) -> None:
        for name in [*TOKENS, "TPM"]:
            with self.subTest(name):
                self.assertTrue(self.event(name).starts_the_agent(), self.event(name).output)

    def test_other_devices_are_left_alone(self) -> None:
        for name in [*OTHERS, "removed", "TPM, not managed"]:
            with self.subTest(name):
                event = self.event(name)
                self.assertFalse(event.ours(), event.output)
                self.assertFalse(event.starts_the_agent())

    def test_a_tpm_is_for_a_group_of_the_agents_and_not_for_the_seat(self) -> None:
        event = self.event("TPM")
        self.assertIn("59-signet.rules", event.output)
        mine = {self.group("signet-tokens"), self.group("tss")}  # whichever tpm-udev's rules leave it
        self.assertIn(event.last("GROUP"), mine)
        self.assertEqual(event.last("MODE"), "0660")
        self.assertFalse(event.opens_to_the_seat())

    def test_the_agents_user_is_in_the_groups_and_callers_are_in_neither(self) -> None:
        users = self.answer["users"]
        self.assertEqual(users["status"], 0, users["output"])
        user = users["passwd"]["signet"]
        self.assertEqual(user[3], self.group("signet"), "its own group, which may call the agent")
        self.assertEqual(user[5:], ["/var/lib/signet", "/usr/sbin/nologin"])
        self.assertEqual(users["group"]["signet-tokens"][3], "signet")
        self.assertIn("signet", users["group"]["tss"][3].split(","))
        self.assertEqual(users["group"]["signet"][3], "")

    def test_systemd_finds_no_fault_with_the_units(self) -> None:
        for scope, verified in self.answer["verify"].items():
            with self.subTest(scope):
                self.assertEqual(verified["status"], 0, verified["output"])
                self.assertNotIn("signet", verified["output"])

    def test_enabling_the_agent_ties_it_to_tokens(self) -> None:
        for enabled in self.answer["enable"]:
            self.assertEqual(enabled["status"], 0, enabled["output"])
        self.assertEqual(self.answer["enabled"], [
            f"etc/systemd/{scope}/signet-token.target.wants/signetd.service" for scope in ("system", "user")])


if __name__ == "__main__":
    unittest.main()
