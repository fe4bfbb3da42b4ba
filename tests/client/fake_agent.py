"""An agent for tests of the command: it answers each method with what the test says, and keeps what it was asked."""
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest
from pathlib import Path

SIGNET = Path(os.environ["SIGNET_BIN_DIR"]) / "signet"


class Fault(Exception):
    """A typed error of the agent."""

    def __init__(self, error, message="It was refused.", **parameters):
        super().__init__(error)
        self.reply = {"error": error if "." in error else f"org.signet.Agent.{error}",
                      "parameters": {**parameters, "message": message}}


class FakeAgent:
    """answers: method -> parameters, a Fault, or a function of the call's parameters that returns or raises one of them.
    A generator sends what it yields with "continues" and returns the last. calls: (method, parameters) in order."""

    def __init__(self, directory, **answers):
        self.socket_path = str(Path(directory) / "agent.sock")
        self.answers, self.calls, self.flags = answers, [], []
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.listener.bind(self.socket_path)
        self.listener.listen()
        self.thread = threading.Thread(target=self._accept)
        self.thread.start()

    def asked(self, method):
        return [parameters for name, parameters in self.calls if name == method]

    def _accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        buffer = b""
        try:
            with connection:
                while data := connection.recv(65536):
                    buffer += data
                    while b"\0" in buffer:
                        frame, buffer = buffer.split(b"\0", 1)
                        self._answer(connection, json.loads(frame))
        except ConnectionError:
            pass  # the command has ended

    def _answer(self, connection, call):
        method, parameters = call["method"].rsplit(".", 1)[1], call.get("parameters", {})
        self.calls.append((method, parameters))
        self.flags.append({key: call[key] for key in ("more", "oneway", "upgrade") if call.get(key)})
        answer = self.answers.get(method, Fault("org.varlink.service.MethodNotFound", method=method))
        try:
            answer = answer(parameters) if callable(answer) else answer
            if hasattr(answer, "__next__"):
                answer = self._stream(connection, answer)
            if isinstance(answer, Fault):
                raise answer
            reply = {"parameters": answer}
        except Fault as fault:
            reply = fault.reply
        connection.sendall(json.dumps(reply).encode() + b"\0")

    @staticmethod
    def _stream(connection, events):
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value
            connection.sendall(json.dumps({"parameters": event, "continues": True}).encode() + b"\0")

    def close(self):
        # The thread must be out of accept() before the descriptor's number can be another agent's.
        if self.listener.fileno() < 0:
            return
        self.listener.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listener.close()


class CommandTest(unittest.TestCase):
    """A scratch directory, an agent in it, and the command run against it."""

    def setUp(self):
        self.directory = Path(tempfile.mkdtemp(prefix="signet-cli-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def agent(self, **answers):
        agent = FakeAgent(self.directory, **answers)
        self.addCleanup(agent.close)
        return agent

    def environment(self, **more):
        return {"PATH": os.environ["PATH"], "HOME": str(self.directory), "TERM": "xterm", "LC_ALL": "C.UTF-8",
                "SIGNET_SOCKET": str(self.directory / "agent.sock"), **more}

    def run_signet(self, *arguments, code=0, stdin="", env=None, **options):
        """The command, without a terminal to ask at; a dictionary for --json, else its output."""
        done = subprocess.run([SIGNET, *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60,
                              start_new_session=True, cwd=self.directory, env=env or self.environment(), **options)
        self.assertEqual(done.returncode, code, f"{arguments}\n{done.stdout}{done.stderr}")
        self.stderr = done.stderr
        if "--json" in arguments:
            self.assertEqual(done.stdout.count("\n"), 1, done.stdout)
            return json.loads(done.stdout)
        return done.stdout


TOKEN = {"name": "release", "label": "release", "serial": "4711", "manufacturer": "SoftHSM project", "model": "SoftHSM v2",
         "module": "softhsm", "uri": "pkcs11:token=release", "state": "locked", "pin": "ok", "removable": False}
KEY = {"name": "root-a", "uri": "pkcs11:token=release;object=root-a", "algorithm": "ecdsa-p256", "fingerprint": "ab" * 32,
       "tufKeyid": "cd" * 32, "notaryKeyid": "ef" * 32, "uses": ["tuf"], "tokenLabel": "release", "tokenSerial": "4711",
       "state": "active", "created": "2026-11-21T23:00:00Z",
       "evidence": {"local": True, "sensitive": True, "extractable": False, "alwaysSensitive": True,
                    "neverExtractable": True, "alwaysAuthenticate": False, "pinPolicy": None,
                    "touchPolicy": None}, "attestation": None}
REPOSITORY = {"name": "example.com/app", "format": "tuf", "state": "trusted", "rootVersion": 1, "rootDigest": "12" * 32,
              "rootExpires": "2027-11-21T23:00:00Z", "versions": {"root": 1, "targets": 3}}
