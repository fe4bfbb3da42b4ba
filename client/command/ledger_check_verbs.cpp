// signet ledger check, clear-quarantine: what the agent itself is asked about its ledger.
#include <memory>

#include "client/command/describe.h"
#include "client/command/ledger_verbs.h"
#include "client/command/session.h"

namespace signet::client {
namespace {

namespace json = boost::json;

Result<Outcome> check(Session& session) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  std::string text;
  json::array findings;
  bool good = true;
  for (std::optional<std::int64_t> next = 1; next;) {
    const auto step = (*agent)->check_ledger(*next);
    if (!step) return step.error();
    for (const LedgerFindingInfo& finding : step->findings) {
      good = good && finding.warning;
      text += session.paint()(finding.warning ? Color::Notice : Color::Bad, finding.name) + ": " +
              printable(finding.message) + "\n";
      findings.push_back(json::object{{"name", finding.name},
                                      {"sequence", finding.sequence},
                                      {"warning", finding.warning},
                                      {"message", finding.message}});
    }
    next = step->next;
  }
  if (good)
    text += session.paint()(Color::Good, "Good") + ": every record is the one that the ledger's tree has.\n";
  json::object result{{"verified", good}, {"findings", std::move(findings)}};
  Outcome outcome(std::move(text), std::move(result));
  outcome.exit_code = good ? ExitCode::Ok : ExitCode::NotVerified;
  return outcome;
}

struct ClearArguments {
  std::optional<std::string> repository, role;
  std::string reason;
};

Result<Outcome> clear_quarantine(Session& session, const ClearArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  const auto cleared = (*agent)->clear_quarantine(arguments.repository, arguments.role, arguments.reason);
  if (!cleared) return cleared.error();
  return Outcome(arguments.repository ? "The role signs again; the ledger records why.\n"
                                      : "The quarantine is over for all roles; the ledger records why.\n",
                 {});
}

}  // namespace

void add_ledger_check_verbs(Verb& group) {
  group
      .verb("check", "Let the agent check its ledger's records against their tree.",
            "The agent does this at every start too. It finds what somebody changed in the database\n"
            "with an editor, but for one who made all hashes and the checkpoint anew: that shows in\n"
            "an anchor, or in an export (\"ledger verify --against\"). Exit code 7: something is wrong.\n"
            "\n"
            "Example:\n"
            "  signet ledger check\n")
      .run(check);
  auto arguments = std::make_shared<ClearArguments>();
  Verb verb =
      group.verb("clear-quarantine", "Let a role sign again that has nothing to observe.",
                 "A ledger that was set back (\"signet status\" says so) lets no role sign before its\n"
                 "newest published metadata was observed. Where nothing is published, say so with this;\n"
                 "without --repository and --role it ends the quarantine for all roles. It is recorded.\n"
                 "\n"
                 "Example:\n"
                 "  signet ledger clear-quarantine --repository example.com/new --role targets \\\n"
                 "      --reason 'never published'\n");
  verb.option("--repository", "NAME", &arguments->repository, "The role's repository.");
  verb.option("--role", "ROLE", &arguments->role, "The role.");
  verb.option("--reason", "TEXT", &arguments->reason, "Why: for the record.", Need::Required);
  verb.run([arguments](Session& session) { return clear_quarantine(session, *arguments); });
}

}  // namespace signet::client
