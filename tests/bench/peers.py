"""What is measured side by side: the agent, and others that sign with the same PKCS#11 key. A peer is started once, is
idle while others are measured, and says how signet-load reaches it."""
import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

from agent_fixture import PIN, SOFTHSM, Agent, SoftToken

TOKEN = "bench"
P11_KIT_CLIENT = next((p for p in map(Path, ("/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so",
                                             "/usr/lib/aarch64-linux-gnu/pkcs11/p11-kit-client.so")) if p.exists()), None)


class Token:
    """A SoftHSM store with the keys, and the module that reaches it: SoftHSM, or SoftHSM behind a slower C_Sign."""

    def __init__(self, build, store, delay_ms=0, slow_token=""):
        self.store, self.delay_ms = store, delay_ms
        self.module = build / "lib" / "signet-delay-shim.so" if delay_ms else SOFTHSM
        self.environment = {"SOFTHSM2_CONF": str(store.conf)}
        if delay_ms:
            self.environment |= {"SIGNET_DELAY_MODULE": str(SOFTHSM), "SIGNET_DELAY_MS": str(delay_ms),
                                 "SIGNET_DELAY_TOKEN": slow_token}

    def module_toml(self, name, sessions):
        pairs = ", ".join(f'{key} = "{value}"' for key, value in self.environment.items())
        return (f'[[module]]\nname = "{name}"\npath = "{self.module}"\nshared = true\nremovable = false\n'
                f'sessions = {sessions}\nenvironment = {{ {pairs} }}\n'
                f'[[module.pin]]\ntoken = "{self.store.labels[0]}"\nfile = "{self.store.pin_file}"\n')


def copy_store(store, directory):
    """The same keys in a store of its own: a program that logs in rewrites SoftHSM's files, and others read them again."""
    copy = SoftToken(directory)
    shutil.rmtree(copy.directory / "tokens")
    shutil.copytree(store.directory / "tokens", copy.directory / "tokens")
    copy.labels = store.labels
    return copy


class Peer:
    """`watched`: the process ids whose CPU time is counted. `load_arguments`: for signet-load, which gets `environment`."""
    environment = {}

    def watched(self):
        return []

    def supports(self, algorithm):
        return True

    def close(self):
        pass


class InProcess(Peer):
    def __init__(self, token):
        self.token = token
        self.environment = token.environment

    def load_arguments(self, algorithm):
        return ["--module", self.token.module, "--token", TOKEN, "--pin", self.token.store.pin_file, "--key", algorithm]


def end(process):
    """SIGTERM to a process that we started, and its end."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(timeout=30)


def wait_for_socket(path, process, seconds=10):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                return probe.connect(str(path))
            except OSError:
                time.sleep(0.02)
    raise RuntimeError(f"{process.args[0]} does not listen on {path}.")


class P11Kit(Peer):
    """p11-kit server, which forks for each connection; each client is a process with p11-kit-client.so."""

    def __init__(self, directory, token):
        directory.mkdir()
        self.token, path = token, directory / "p11kit.sock"
        self.process = subprocess.Popen(["p11-kit", "server", "-f", "-n", path, "-p", token.module, "pkcs11:"],
                                        env={**os.environ, **token.environment}, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        wait_for_socket(path, self.process)
        self.environment = {"P11_KIT_SERVER_ADDRESS": f"unix:path={path}"}

    def watched(self):
        return [self.process.pid]

    def supports(self, algorithm):
        return algorithm != "ed25519"  # CKM_EDDSA gives CKR_MECHANISM_INVALID

    def load_arguments(self, algorithm):
        return ["--module", P11_KIT_CLIENT, "--processes", "--token", TOKEN, "--pin", self.token.store.pin_file,
                "--key", algorithm]

    def close(self):
        end(self.process)


class SshAgent(Peer):
    """ssh-agent after "ssh-add -s": its helper loads the module, one for each module."""

    def __init__(self, directory, tokens):
        directory.mkdir()
        self.socket = directory / "agent.sock"
        ask = directory / "ask"
        ask.write_text(f"#!/bin/sh\necho {PIN}\n")
        ask.chmod(0o700)
        environment = {**os.environ, "SSH_AUTH_SOCK": str(self.socket), "SSH_ASKPASS": str(ask),
                       "SSH_ASKPASS_REQUIRE": "force"}
        for token in tokens:
            environment |= token.environment  # the helper's, which it inherits
        self.process = subprocess.Popen(["ssh-agent", "-D", "-a", self.socket, "-P", "/*"], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait_for_socket(self.socket, self.process)
        for module in dict.fromkeys(os.path.realpath(token.module) for token in tokens):
            subprocess.run(["ssh-add", "-s", module], env=environment, stdin=subprocess.DEVNULL, check=True,
                           capture_output=True)

    def watched(self):
        return [self.process.pid]

    def supports(self, algorithm):
        return algorithm != "ed25519"  # its PKCS#11 helper knows RSA and ECDSA

    def load_arguments(self, algorithm):
        return ["--ssh-agent", self.socket, "--key", algorithm]

    def close(self):
        end(self.process)


class Signet(Peer):
    """signetd with its defaults, or with `settings`, lines for [agent]."""

    def __init__(self, directory, modules, settings=""):
        self.agent = Agent(directory, f"[agent]\ndiscover-modules = false\n{settings}\n" + "".join(modules))
        self.agent.start()

    def enrol(self, token, names):
        """Enrols keys of a token that another agent made."""
        with self.agent.connect() as client:
            for name in names:
                client.call("EnrolKey", uri=f"pkcs11:token={token};object={name}", name=name, uses=["message"])

    def watched(self):
        return [self.agent.process.pid]

    def load_arguments(self, algorithm):
        return ["--agent", self.agent.socket, "--key", algorithm]

    def close(self):
        self.agent.stop()
