// signet init, signet status.
#include "client/command/describe.h"
#include "client/command/session.h"
#include "client/command/verbs.h"

namespace signet::client {
namespace {

Result<Outcome> init(Session& session) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto ledger = (*agent)->create_ledger();
  if (!ledger) return ledger.error();
  std::string text = "The agent has a ledger now. Its id is " + printable(ledger->id) +
                     ".\n"
                     "Next: \"signet token list\" shows the tokens, \"signet key generate\" makes a key,\n"
                     "\"signet repository create\" or \"adopt\" names what it signs for.\n";
  return Outcome(std::move(text), one_member("ledger", to_json(*ledger)));
}

std::string ledger_line(const AgentStatus& status, const Paint& paint) {
  if (status.ledger)
    return "  ledger   " + printable(status.ledger->id) + ", " +
           count_of(static_cast<std::size_t>(status.ledger->records), "record", "records") + "\n";
  if (status.ledger_fault)
    return "  ledger   " + paint(Color::Bad, "cannot be used: " + printable(*status.ledger_fault)) + "\n";
  return "  ledger   " + paint(Color::Notice, "none yet, so nothing is signed: run \"signet init\"") + "\n";
}

// What is signed of the ledger, and what stands in the way of signing.
std::string checkpoint_lines(const AgentStatus& status, const Paint& paint) {
  std::string text;
  if (status.checkpoint) {
    text += "  log      " + printable(status.checkpoint->origin) + ", checkpoint of " +
            count_of(static_cast<std::size_t>(status.checkpoint->size), "record", "records") + "\n";
    if (status.checkpoint->fault)
      text += "           " +
              paint(Color::Bad, "no checkpoint is signed: " + printable(*status.checkpoint->fault)) + "\n";
    if (status.checkpoint->failed_writes > 0)
      text += "           " +
              paint(Color::Bad, std::to_string(status.checkpoint->failed_writes) +
                                    " writes to anchors or sinks failed; see the agent's log") +
              "\n";
  }
  if (status.quarantine)
    text += "  " +
            paint(Color::Bad, "QUARANTINE since " + printable(status.quarantine->since) + " (" +
                                  printable(status.quarantine->why) + ": " +
                                  printable(status.quarantine->anchor) +
                                  "). Each role signs again after \"signet repository observe\".") +
            "\n";
  return text;
}

std::string sink_lines(const AgentStatus& status, const Paint& paint) {
  std::string lines;
  for (const SinkInfo& sink : status.sinks) {
    lines += "  sink     " + printable(sink.name) + " (" + printable(sink.kind) + ") ";
    lines += sink.state == "working" ? "is working" : paint(Color::Bad, "is failing");
    if (sink.lag > 0)
      lines += ", " + count_of(static_cast<std::size_t>(sink.lag), "record", "records") + " behind";
    if (sink.failures > 0)
      lines += ", failed " + count_of(static_cast<std::size_t>(sink.failures), "time", "times");
    if (sink.state != "working" && sink.last_error) lines += ": " + printable(*sink.last_error);
    lines += "\n";
  }
  return lines;
}

std::string status_text(const AgentStatus& status, const Paint& paint) {
  std::string text = "The agent runs: signetd " + printable(status.version) + ", process " +
                     std::to_string(status.pid) + ", since " + printable(status.started) + ".\n" +
                     "  socket   " + printable(status.socket) + "\n  state    " + printable(status.state) +
                     "\n" + ledger_line(status, paint) + checkpoint_lines(status, paint) + "  clients  " +
                     std::to_string(status.connections) + " connected\n";
  text += sink_lines(status, paint);
  if (status.modules.empty())
    return text +
           "It knows no PKCS#11 module: install one (e.g. softhsm2, opensc, ykcs11) or configure it.\n";
  text += "\n";
  std::vector<std::vector<std::string>> rows;
  for (const auto& module : status.modules)
    rows.push_back({module.name, module.state, module.path, module.why.value_or("")});
  return text + table({"MODULE", "STATE", "PATH", "WHY"}, rows);
}

Result<Outcome> status(Session& session) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto status = (*agent)->status();
  if (!status) return status.error();
  return Outcome(status_text(*status, session.paint()), to_json(*status));
}

}  // namespace

void add_agent_verbs(Verb& root) {
  root.verb("init", "Create the agent's ledger: once, before anything is signed.",
            "The ledger is where the agent remembers its keys, repositories and everything it\n"
            "signed. It is made in the agent's state directory (see \"signet status\") and never\n"
            "again: a second \"init\" is refused.\n"
            "\n"
            "Example:\n"
            "  signetd & signet init\n")
      .run(init);
  root.verb("status", "Show the agent, its ledger and its PKCS#11 modules.",
            "Exit code 3 means that no agent answers.\n"
            "\n"
            "Examples:\n"
            "  signet status\n"
            "  signet --json status | jq -r .ledger.id\n")
      .run(status);
}

}  // namespace signet::client
