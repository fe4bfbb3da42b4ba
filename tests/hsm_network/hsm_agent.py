"""signetd with an HSM across the network (network.py), ready to sign: one module, one token, its keys."""
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "integration"))
from agent_fixture import SOFTHSM, Agent, SoftToken, TokenObject, hosts_of  # noqa: E402
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
    `module_shim`: the fault shim between the agent's host and p11-kit-client.so, too."""

    def __init__(self, scratch, delay_ms=5.0, deadlines=None, module_shim=False):
        self.scratch, self.delay_ms, self.module_shim = Path(scratch), delay_ms, module_shim
        self.deadlines = {**DEADLINES, **(deadlines or {})}

    def __enter__(self):
        self.tokens = SoftToken(self.scratch / "softhsm", "across")
        self.tokens.module = SOFTHSM
        self.pin_file = self.tokens.pin_file
        self.link = Link(self.delay_ms)
        try:
            self.hsm = Hsm(self.link, self.scratch / "hsm", self.tokens)
            self.agent = Agent(self.scratch / "agent", self._configuration())
            self.agent.start()
            with self.agent.connect(timeout=120) as connection:
                start_repository(connection, "across", REPOSITORY, ROLES)
                for name, algorithm in MESSAGE_KEYS.items():
                    connection.call("GenerateKey", token="across", name=name, algorithm=algorithm, uses=["message"])
            self.token_object = TokenObject(self.tokens.directory)
        except BaseException:
            self.__exit__()
            raise
        return self

    def _configuration(self):
        path, environment = CLIENT_MODULE, self.hsm.environment()
        if self.module_shim:
            path = SHIM
            environment.update(SIGNET_SHIM_MODULE=CLIENT_MODULE, SIGNET_SHIM_CONTROL=self.scratch / "module-rules",
                               SIGNET_SHIM_COUNTERS=self.scratch / "module-counters",
                               SIGNET_SHIM_LOG=self.scratch / "module-logins")
        return "[agent]\ndiscover-modules = false\n" + module_table(
            "hsm", path, environment, self.pin_file, "across", self.deadlines)

    def misbehave(self, rules):
        """Of the module in the agent's host (module_shim)."""
        draft = self.scratch / "module-rules.new"
        draft.write_text(rules)
        draft.rename(self.scratch / "module-rules")

    def reboot(self, seconds=0.0):
        """The HSM restarts. SoftHSM that was killed amid a login has lost its token's file: that one comes back."""
        self.hsm.die()
        self.token_object.mend()
        self.hsm.reboot(seconds)

    def usage(self):
        """What the agent holds: descriptors, hosts, its own memory in KiB (PSS)."""
        proc = Path(f"/proc/{self.agent.process.pid}")
        pss = next(line for line in (proc / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
        return {"descriptors": len(os.listdir(proc / "fd")), "hosts": len(hosts_of(self.agent.process)),
                "memory_kib": int(pss.split()[1])}

    def records(self):
        with self.agent.connect(timeout=120) as connection:
            return statements(connection)

    def __exit__(self, *_):
        status = None
        if getattr(self, "agent", None) is not None:
            status = self.agent.stop()
        if getattr(self, "hsm", None) is not None:
            self.hsm.close()
        self.link.close()
        if status not in (0, None):
            raise RuntimeError(f"signetd ended with {status}; its log:\n{self.agent.log.read_text()}")
