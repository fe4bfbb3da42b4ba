"""Plays fate from outside: the control socket's client."""
from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any


class Control:
    """One connection; calls do not overlap. RuntimeError with the bench's words when a command fails."""

    def __init__(self, path: Path, timeout: float = 60.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(timeout)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("rb")

    def __call__(self, do: str, **parameters: Any) -> dict[str, Any]:
        self._socket.sendall(json.dumps({"do": do, **parameters}).encode() + b"\n")
        line = self._lines.readline()
        if not line:
            raise RuntimeError("the emulated YubiKey's bench has ended")
        answer: dict[str, Any] = json.loads(line)
        if not answer.pop("ok"):
            raise RuntimeError(answer["error"])
        return answer

    def close(self) -> None:
        self._lines.close()
        self._socket.close()
