"""signetd with an HSM across the network (network.py), ready to sign: one module, one token, its keys."""
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
from agent_fixture import PIN, SOFTHSM, Agent, SoftToken, TokenObject, hosts_of  # noqa: E402
from made_metadata import start_repository, statements  # noqa: E402

from hsm_network.network import CLIENT_MODULE, SHIM, Hsm, Link  # noqa: E402

REPOSITORY = "example.org/across"
ROLES = {"targets": "ecdsa-p256", "snapshot": "rsa-2048", "timestamp": "ecdsa-p256"}
MESSAGE_KEYS = {"message": "ecdsa-p256", "message-rsa": "rsa-2048"}
# What docs/operations.md advises for a network HSM.
SESSIONS = 16
DEADLINES = {"discovery": "2s", "login": "5s", "sign": "5s", "generate": "60s"}


def module_table(name, path, environment, pin_file, token, deadlines):
    variables = ", ".join(f'{key} = "{value}"' for key, value in environment.items())
    limits = "\n".join(f'{kind} = "{limit}"' for kind, limit in deadlines.items())
    return (f'[[module]]\nname = "{name}"\npath = "{path}"\nshared = true\nremovable = false\nsessions = {SESSIONS}\n'
            f"environment = {{ {variables} }}\n[module.deadlines]\n{limits}\n"
            f'[[module.pin]]\ntoken = "{token}"\nfile = "{pin_file}"\n')


class HsmAgent:
    """A context: the link, an HSM with the token "across", and an agent that is unlocked and has its repository.
    `module_shim`: the fault shim between the agent's host and p11-kit-client.so, too. `pair`: a second HSM beside it, with
    the token "across-too", which holds the same keys."""

    def __init__(self, scratch, delay_ms=5.0, deadlines=None, module_shim=False, pair=False):
        self.scratch, self.delay_ms, self.module_shim = Path(scratch), delay_ms, module_shim
        self.deadlines = {**DEADLINES, **(deadlines or {})}
        self.labels = ["across", "across-too"] if pair else ["across"]
        self.stores, self.hsms, self.agent = [], [], None

    def __enter__(self):
        self.link = Link(self.delay_ms)
        try:
            for number, label in enumerate(self.labels):
                store = SoftToken(self.scratch / f"store-{label}", label)
                store.module = SOFTHSM
                self.stores.append(store)
                self.hsms.append(Hsm(self.link, self.scratch / f"hsm-{number}", store, number))
            self.agent = Agent(self.scratch / "agent", self._configuration()).start()
            with self.agent.connect(timeout=120) as connection:
                self._make_keys(connection)
            self.token_objects = [TokenObject(store.directory) for store in self.stores]
        except BaseException:
            self.__exit__()
            raise
        return self

    @property
    def hsm(self):
        return self.hsms[0]

    def _make_keys(self, connection):
        def generate(name, algorithm, uses):
            connection.call("GenerateKey", token=self.labels[0], name=name, algorithm=algorithm, uses=uses)

        def replicate(name, algorithm, uses):
            self._import_everywhere(name, algorithm)
            uris = [f"pkcs11:token={label};object={name};type=private" for label in self.labels]
            connection.call("EnrolKey", uri=uris[0], name=name, uses=uses)
            connection.call("AddKeyLocation", key=name, uri=uris[1])

        make_key = replicate if len(self.labels) > 1 else generate
        start_repository(connection, self.labels[0], REPOSITORY, ROLES, make_key)
        for name, algorithm in MESSAGE_KEYS.items():
            make_key(name, algorithm, ["message"])

    def _import_everywhere(self, name, algorithm):
        """What an HSM's vendor calls replication: one private key, made outside, on every token."""
        pem = self.scratch / f"{name}.pem"
        how = (["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"] if algorithm == "ecdsa-p256"
               else ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        subprocess.run(["openssl", "genpkey", *how, "-out", str(pem)], check=True, capture_output=True)
        self.made_keys = getattr(self, "made_keys", 0) + 1
        for store in self.stores:
            subprocess.run(["softhsm2-util", "--import", str(pem), "--token", store.labels[0], "--label", name, "--id",
                            f"{self.made_keys:02x}", "--pin", PIN], check=True, capture_output=True,
                           env={**os.environ, "SOFTHSM2_CONF": str(store.conf)})
        # Processes that run do not see it.
        for hsm in self.hsms:
            hsm.reboot()

    def _configuration(self):
        text = "[agent]\ndiscover-modules = false\n"
        for hsm, store, label in zip(self.hsms, self.stores, self.labels):
            path, environment = CLIENT_MODULE, hsm.environment()
            if self.module_shim:
                path = SHIM
                environment.update(SIGNET_SHIM_MODULE=CLIENT_MODULE, SIGNET_SHIM_CONTROL=self.scratch / "module-rules",
                                   SIGNET_SHIM_COUNTERS=self.scratch / "module-counters",
                                   SIGNET_SHIM_LOG=self.scratch / "module-logins")
            text += module_table(f"hsm-{label}", path, environment, store.pin_file, label, self.deadlines)
        return text

    def misbehave(self, rules):
        """Of the module in the agent's host (module_shim)."""
        draft = self.scratch / "module-rules.new"
        draft.write_text(rules)
        draft.rename(self.scratch / "module-rules")

    def reboot(self, number=0, seconds=0.0):
        """The HSM restarts. SoftHSM that was killed amid a login has lost its token's file: that one comes back."""
        self.hsms[number].die()
        time.sleep(seconds)
        self.token_objects[number].mend()
        self.hsms[number].boot()

    def logins(self):
        """Of all HSMs."""
        return [login for hsm in self.hsms for login in hsm.logins()]

    def usage(self):
        """What the agent holds: its own memory in KiB, its hosts, its descriptors (None: it hides them from everybody but
        root)."""
        proc = Path(f"/proc/{self.agent.process.pid}")
        own = next(line for line in (proc / "status").read_text().splitlines() if line.startswith("RssAnon:"))
        return {"descriptors": len(os.listdir(proc / "fd")) if os.geteuid() == 0 else None,
                "hosts": len(hosts_of(self.agent.process)), "memory_kib": int(own.split()[1])}

    def records(self):
        with self.agent.connect(timeout=120) as connection:
            return statements(connection)

    def __exit__(self, *_):
        status = self.agent.stop() if self.agent else None
        for hsm in self.hsms:
            hsm.close()
        self.link.close()
        if status not in (0, None):
            raise RuntimeError(f"signetd ended with {status}; its log:\n{self.agent.log.read_text()}")
