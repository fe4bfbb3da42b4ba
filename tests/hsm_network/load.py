"""Clients that sign without end, and hold every answer against what must be: a signature that verifies, or a typed error;
in time; never two payloads for one version."""
import base64
import collections
import random
import threading
import time
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding

from made_metadata import digest_of, metadata
from varlink_client import VarlinkError

# Answers that say nothing of the HSM: another client was there first. That is what clients of one role ask for here.
CONTENTION = {"VersionConflict", "Busy"}
# What a client may be told while the HSM fails. Anything else is a finding.
HSM_FAULTS = {"TokenFault", "TokenAbsent"}


@dataclass
class Call:
    begun: float
    ended: float
    outcome: str  # "signed", or an error's name; of a TokenFault with its ckr

    @property
    def seconds(self):
        return self.ended - self.begun

    @property
    def fault(self):
        return self.outcome.split()[0] in HSM_FAULTS


def outcome_of(error):
    return f"TokenFault {error.parameters['ckr']}" if error.short == "TokenFault" else error.short


def verify(pem, message, signature):
    key = serialization.load_pem_public_key(pem.encode())
    if isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, message, ec.ECDSA(hashes.SHA256()))
    else:
        key.verify(signature, message, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256())


class Load:
    """`roles`: the repository's roles to sign for; `keys`: message keys; both names of enrolled keys. patience: how long a
    call may take before it counts as lost."""

    def __init__(self, agent, repository, roles, keys, clients=32, pause=0.05, patience=60.0, seed=20261128):
        self.agent, self.repository, self.roles, self.pause, self.patience = agent, repository, list(roles), pause, patience
        self.lock = threading.Lock()
        self.calls, self.findings = [], []
        self.asking = {}  # client -> since when it waits for an answer
        self.newest = dict.fromkeys(self.roles, 0)
        self.digests = collections.defaultdict(set)  # (role, version) -> digests that a signature was received for
        with agent.connect() as connection:
            self.pems = {name: connection.call("ShowKey", key=name)["pem"] for name in [*self.roles, *keys]}
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._client, args=(number, keys, random.Random(seed + number)), daemon=True)
                        for number in range(clients)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(self.patience + 10)
        self.findings += [f"client {number} never came back from a call"
                          for number, thread in enumerate(self.threads) if thread.is_alive()]

    def find(self, finding):
        with self.lock:
            self.findings.append(finding)

    def _client(self, number, keys, chance):
        try:
            with self.agent.connect(timeout=self.patience) as connection:
                turn = 0
                while not self.stopping.is_set():
                    turn += 1
                    if number % 2 == 0 or not self.roles:
                        message = f"client {number}, message {turn}".encode()
                        self._note(number, self._sign_message, connection, chance.choice(keys), message)
                    else:
                        self._note(number, self._sign_metadata, connection, chance)
                    self.stopping.wait(self.pause * chance.uniform(0.5, 1.5))
        except TimeoutError:
            self.find(f"client {number} had no answer for {self.patience} s")
        except (ConnectionError, OSError) as broken:
            self.find(f"client {number} lost its connection to the agent: {broken}")

    def _note(self, number, sign, *arguments):
        begun, outcome = time.monotonic(), "signed"
        with self.lock:
            self.asking[number] = begun
        try:
            sign(*arguments)
        except VarlinkError as error:
            outcome = outcome_of(error)
            if error.short not in HSM_FAULTS | CONTENTION:
                self.find(f"a client was told {error}")
        except InvalidSignature:
            self.find("a signature does not verify")
        with self.lock:
            del self.asking[number]
            self.calls.append(Call(begun, time.monotonic(), outcome))

    def _sign_message(self, connection, key, message):
        reply = connection.call("SignMessage", key=key, message=base64.b64encode(message).decode())
        verify(self.pems[key], message, base64.b64decode(reply["signature"]))

    def _sign_metadata(self, connection, chance):
        role = chance.choice(self.roles)
        version = max(1, self.newest[role] + chance.choice((0, 1, 1)))
        text = metadata(role, version, chance.randrange(3))
        reply = connection.call("SignMetadata", repository=self.repository, role=role, format="tuf", signed=text)
        (entry,) = reply["result"]["results"]
        verify(self.pems[role], text.encode(), bytes.fromhex(entry["signature"]["sig"]))
        if reply["result"]["digest"] != digest_of(text):
            self.find("a reply is for other bytes than were asked for")
        with self.lock:
            self.newest[role] = max(self.newest[role], version)
            self.digests[role, version].add(digest_of(text))

    def since(self, moment):
        with self.lock:
            return [call for call in self.calls if call.ended >= moment]

    def longest_wait(self):
        """Seconds that the client has waited which waits longest now."""
        with self.lock:
            return time.monotonic() - min(self.asking.values(), default=time.monotonic())

    def check_ledger(self, statements):
        """One payload for each version, in what clients received and in what the ledger recorded."""
        recorded = collections.defaultdict(set)
        intents = {s["sequence"] for s in statements if s["kind"] == "sign.intent"}
        for statement in statements:
            if statement["kind"] != "sign.outcome":
                continue
            intents.discard(statement["body"]["intent"])
            if statement["body"]["result"] == "released":
                recorded[statement["body"]["role"], statement["body"]["version"]].add(statement["body"]["digest"])
        if intents:
            self.find(f"{len(intents)} signatures were begun and have no outcome in the ledger")
        for version, digests in [*recorded.items(), *self.digests.items()]:
            if len(digests) != 1:
                self.find(f"{version} was released with {len(digests)} payloads")
        for version, digests in self.digests.items():
            if digests != recorded[version]:
                self.find(f"{version} was received and is not what the ledger recorded")
