// signet policy show | check | explain.
#include <charconv>
#include <memory>

#include "client/command/describe.h"
#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/file_io.h"

namespace signet::client {
namespace {

constexpr std::size_t kMaxPolicySize = 256 * 1024;

const std::vector<std::string> kActionNames = {"sign-metadata",
                                               "supersede",
                                               "sign-message",
                                               "issue-certificate",
                                               "store-certificate",
                                               "generate",
                                               "enrol",
                                               "retire",
                                               "adopt",
                                               "unlock",
                                               "approve",
                                               "read-ledger",
                                               "administer"};
const std::vector<std::string> kAlgorithms = {"ecdsa-p256", "ecdsa-p384", "rsa-2048",
                                              "rsa-3072",   "rsa-4096",   "ed25519"};

struct ExplainArguments {
  PolicyQuestion question;
  std::vector<std::string> claims, thresholds, changed_targets;
  bool delegations_changed = false;
};

Error invalid(const char* option, std::string message) {
  return {ErrorName::InvalidParameter, std::move(message), {{"parameter", option}}};
}

Result<Outcome> show(Session& session) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto policy = (*agent)->show_policy();
  if (!policy) return policy.error();
  session.note(Color::Faint, policy->source == "built-in"
                                 ? "This is the built-in policy; save it as a file to change it."
                                 : "From " + printable(policy->source) + ":");
  boost::json::object json{{"source", policy->source}, {"text", policy->text}};
  return Outcome(policy->text, std::move(json));
}

Result<Outcome> check(Session& session, const std::string& file) {
  auto text = read_whole_file(file, kMaxPolicySize);
  if (!text) return text.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto mistakes = (*agent)->check_policy(*text);
  if (!mistakes) return mistakes.error();
  Outcome outcome;
  boost::json::array all;
  for (const PolicyMistake& mistake : *mistakes) {
    outcome.text += printable(file) + ":" + std::to_string(mistake.line) + ": " +
                    (mistake.key.empty() ? "" : printable(mistake.key) + ": ") + printable(mistake.why) +
                    "\n";
    boost::json::object one{{"line", mistake.line}, {"key", mistake.key}, {"why", mistake.why}};
    all.push_back(std::move(one));
  }
  if (mistakes->empty())
    outcome.text =
        printable(file) + " is good. It is not in force by that: see \"signet policy check --help\".\n";
  else
    outcome.exit_code = ExitCode::Invalid;
  outcome.json = one_member("mistakes", std::move(all));
  outcome.json["file"] = file;
  return outcome;
}

// "NAME=VALUE", split at the first "=".
Result<std::pair<std::string, std::string>> split_pair(const char* option, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == 0 || equals == std::string::npos)
    return invalid(option, std::string(option) + " wants a name, \"=\" and a value; \"" + printable(text) +
                               "\" is none.");
  return std::pair(text.substr(0, equals), text.substr(equals + 1));
}

Result<boost::json::object> read_claims(const std::vector<std::string>& texts) {
  boost::json::object claims;
  for (const std::string& text : texts) {
    auto claim = split_pair("--claim", text);
    if (!claim) return claim.error();
    if (claims.contains(claim->first))
      return invalid("--claim",
                     "The claim \"" + printable(claim->first) + "\" is given twice. Give it once.");
    claims[claim->first] = claim->second;
  }
  return claims;
}

Result<std::map<std::string, std::int64_t>> read_thresholds(const std::vector<std::string>& texts) {
  std::map<std::string, std::int64_t> thresholds;
  for (const std::string& text : texts) {
    auto threshold = split_pair("--threshold", text);
    if (!threshold) return threshold.error();
    const std::string& digits = threshold->second;
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size() || number < 1)
      return invalid("--threshold",
                     "\"" + printable(digits) + "\" is no threshold. Give a number from 1 on.");
    thresholds[threshold->first] = number;
  }
  return thresholds;
}

Result<PolicyQuestion> question_of(const ExplainArguments& arguments) {
  PolicyQuestion question = arguments.question;
  if (!arguments.claims.empty()) {
    auto claims = read_claims(arguments.claims);
    if (!claims) return claims.error();
    question.claims = std::move(*claims);
  }
  if (!arguments.thresholds.empty()) {
    auto thresholds = read_thresholds(arguments.thresholds);
    if (!thresholds) return thresholds.error();
    question.thresholds = std::move(*thresholds);
  }
  if (!arguments.changed_targets.empty()) {
    question.changed_targets = arguments.changed_targets;
    question.delegations_changed = false;
  }
  if (arguments.delegations_changed) question.delegations_changed = true;
  return question;
}

boost::json::object explanation_json(const PolicyExplanation& explanation) {
  boost::json::object verdict{{"outcome", explanation.outcome},
                              {"rule", explanation.rule},
                              {"sentence", explanation.sentence},
                              {"broken", to_json(explanation.broken)},
                              {"unknown", to_json(explanation.unknown)},
                              {"approvals", explanation.approvals},
                              {"approvers", to_json(explanation.approvers)},
                              {"requesterMayApprove", explanation.requester_may_approve},
                              {"confirm", explanation.confirm},
                              {"confirmedByTouch", explanation.confirmed_by_touch},
                              {"pinCacheSeconds", nullptr},
                              {"sharedKey", explanation.shared_key}};
  if (explanation.pin_cache_seconds) verdict["pinCacheSeconds"] = *explanation.pin_cache_seconds;
  boost::json::array rules;
  for (const PolicyFinding& finding : explanation.rules) {
    boost::json::object one{
        {"rule", finding.rule}, {"line", finding.line}, {"outcome", finding.outcome}, {"why", finding.why}};
    rules.push_back(std::move(one));
  }
  boost::json::object json;
  json["verdict"] = std::move(verdict);
  json["rules"] = std::move(rules);
  return json;
}

std::string heading(const PolicyExplanation& explanation, const Paint& paint) {
  if (explanation.outcome == "allowed") return paint(Color::Good, "Allowed.");
  if (explanation.outcome == "refused") return paint(Color::Bad, "Refused.");
  return paint(Color::Notice, "It depends") +
         " on what is not known here: " + printable(join_words(explanation.unknown)) + ".";
}

std::string finding_line(const PolicyFinding& finding) {
  std::string text = "  " + printable(finding.rule) + " (line " + std::to_string(finding.line) + "): ";
  if (finding.outcome == "decided") return text + "decides\n";
  if (finding.outcome == "not_reached") return text + "not reached\n";
  return text + "does not match; " + printable(finding.why) + "\n";
}

Result<Outcome> explain(Session& session, const ExplainArguments& arguments) {
  auto question = question_of(arguments);
  if (!question) return question.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto explanation = (*agent)->explain_policy(*question);
  if (!explanation) return explanation.error();
  Outcome outcome;
  outcome.text = heading(*explanation, session.paint()) + " " + printable(explanation->sentence) + "\n";
  if (!explanation->rules.empty()) outcome.text += "\nThe rules, in their order:\n";
  for (const PolicyFinding& finding : explanation->rules) outcome.text += finding_line(finding);
  outcome.json = explanation_json(*explanation);
  if (explanation->outcome != "allowed") outcome.exit_code = ExitCode::Refused;
  return outcome;
}

void add_request_options(Verb& verb, PolicyQuestion& question) {
  verb.option("--as", "USER", &question.user, "Who asks: a user name or a uid; you, if it is not given.");
  verb.choice("--action", "ACTION", &question.action, kActionNames,
              "sign-metadata, supersede, sign-message, issue-certificate, store-certificate, generate, "
              "enrol, retire, "
              "adopt, unlock, approve, read-ledger or administer.",
              Need::Required);
  verb.option("--key", "KEY", &question.key, "The key: its name, fingerprint or key id.");
  verb.choice("--algorithm", "ALGORITHM", &question.algorithm, kAlgorithms,
              "Of a key that is to be generated or enrolled; ecdsa-p256, if it is not given.");
  verb.option("--use", "USE", &question.use, "What the key is used for: tuf, message, digest, …");
  verb.flag("--touch", &question.touch, "The key's token asks for a touch at each signature.");
  verb.option("--token", "TOKEN", &question.token, "The token's label or serial number.");
  verb.option("--repository", "NAME", &question.repository, "The repository.");
  verb.option("--role", "ROLE", &question.role, "The role.");
  verb.option("--at", "TIME", &question.at, "When, as 2026-11-22T08:00:00Z; now, if it is not given.");
}

void add_fact_options(Verb& verb, ExplainArguments& arguments) {
  PolicyQuestion& question = arguments.question;
  verb.option("--issuer", "NAME", &question.issuer,
              "A CI job asks, with a token of this issuer of the policy.");
  verb.option("--claim", "NAME=VALUE", &arguments.claims,
              "A claim of that token; may be given more than once.");
  verb.option("--expires", "TIME", &question.expires, "When what is to be signed expires.");
  verb.option("--threshold", "ROLE=N", &arguments.thresholds,
              "A threshold that the metadata sets; may be given more than once.");
  verb.option("--root-keys", "N", &question.root_keys, "How many keys the root has in the role root.");
  verb.option("--changed-target", "PATH", &arguments.changed_targets,
              "A target that the metadata adds, removes or changes; may be given more than once.");
  verb.flag("--delegations-changed", &arguments.delegations_changed, "The metadata changes delegations.");
  verb.option("--other-versions", "N", &question.other_versions_last_hour,
              "How many other versions of the role were signed in the last hour.");
}

}  // namespace

void add_policy_verbs(Verb& root) {
  Verb group = root.group("policy", "Show, check and explain who may do what.");
  group
      .verb("show", "Print the policy that is in force.",
            "The text goes to standard output as it is; where it comes from, to standard error.\n"
            "\n"
            "Example:\n"
            "  signet policy show > policy.toml\n")
      .run(show);

  auto file = std::make_shared<std::string>();
  Verb check_verb =
      group.verb("check", "Tell every mistake in a policy, with its line and key.",
                 "The agent reads the file as it would its own, and changes nothing. To put a policy\n"
                 "in force, save it where the agent looks (\"signet policy show\" says where), and\n"
                 "send signetd SIGHUP. Where no agent runs: \"signetd --check-policy FILE\".\n"
                 "\n"
                 "Example:\n"
                 "  signet policy check policy.toml && sudo cp policy.toml /etc/signet/\n");
  check_verb.positional("FILE", file.get(), "The policy; \"-\" is standard input.");
  check_verb.run([file](Session& session) { return check(session, *file); });

  auto arguments = std::make_shared<ExplainArguments>();
  Verb explain_verb =
      group.verb("explain", "Say which rule decides a request, and why the others do not.",
                 "Nothing is asked of a token, and nothing is recorded. Limits need facts: an expiry, the\n"
                 "targets that change. Those that are not given are said to be unknown. The exit code is 0\n"
                 "if it is allowed (once approved and confirmed), and 9 if not.\n"
                 "\n"
                 "Examples:\n"
                 "  signet policy explain --as alice --action sign-metadata --key root-a \\\n"
                 "      --repository registry.example.com/org/app --role root\n"
                 "  signet policy explain --as ci --action sign-metadata --key ci-app --role targets \\\n"
                 "      --repository registry.example.com/org/app --issuer github \\\n"
                 "      --claim repository=org/app --changed-target app/1.2\n");
  add_request_options(explain_verb, arguments->question);
  add_fact_options(explain_verb, *arguments);
  explain_verb.run([arguments](Session& session) { return explain(session, *arguments); });
}

}  // namespace signet::client
