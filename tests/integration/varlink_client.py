"""A Varlink client in a few lines of Python's standard library: all that a program needs to talk to signetd."""
import base64
import json
import socket


class VarlinkError(Exception):
    """A typed error of the agent: .name is "org.signet.Agent.VersionConflict", .parameters what the IDL declares."""

    def __init__(self, name, parameters):
        super().__init__(f"{name}: {parameters.get('message', parameters)}")
        self.name, self.parameters = name, parameters
        self.short = name.rsplit(".", 1)[1]


class Varlink:
    """One connection. Not for several threads at once: open one connection each."""

    def __init__(self, path, interface="org.signet.Agent", timeout=60):
        self.interface = interface
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.socket.close()
            raise
        self.buffer = b""

    def send(self, method, parameters, **flags):
        name = method if "." in method else f"{self.interface}.{method}"
        self.socket.sendall(json.dumps({"method": name, "parameters": parameters, **flags}).encode() + b"\0")

    def receive(self):
        while b"\0" not in self.buffer:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the agent closed the connection")
            self.buffer += data
        frame, self.buffer = self.buffer.split(b"\0", 1)
        reply = json.loads(frame)
        if "error" in reply:
            raise VarlinkError(reply["error"], reply.get("parameters", {}))
        return reply

    def call(self, method, **parameters):
        self.send(method, parameters)
        return self.receive().get("parameters", {})

    def stream(self, method, **parameters):
        """Calls with "more": yields the parameters of every reply, the last one too."""
        self.send(method, parameters, more=True)
        while True:
            reply = self.receive()
            yield reply.get("parameters", {})
            if not reply.get("continues"):
                return

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def b64(data):
    return base64.b64encode(data).decode()
