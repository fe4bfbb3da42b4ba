// signet ledger export, verify, proof, verify-proof: what outsiders check.
#include <memory>

#include "client/command/describe.h"
#include "client/command/ledger_verbs.h"
#include "client/command/proof_output.h"
#include "client/command/session.h"
#include "client/file_io.h"
#include "client/log/log_check.h"
#include "client/log/log_export.h"
#include "client/log/record_proof.h"
#include "protocol/metadata.h"

namespace signet::client {
namespace {

namespace json = boost::json;

struct LogArguments {
  std::string path, sequence;
  std::optional<std::string> against, key, output, metadata;
};

Result<std::optional<NoteKey>> read_key(const LogArguments& arguments) {
  if (!arguments.key) return std::optional<NoteKey>();
  auto key = NoteKey::parse(*arguments.key);
  if (!key) return key.error();
  return std::optional<NoteKey>(std::move(*key));
}

json::object checkpoint_json(const Checkpoint& checkpoint) {
  return {
      {"origin", checkpoint.origin}, {"size", checkpoint.size}, {"root", merkle_hash_text(checkpoint.root)}};
}

// --- export ---

Result<SignedCheckpointInfo> signed_checkpoint(Agent& agent) {
  auto info = agent.read_checkpoint();
  if (!info || info->checkpoint) return info;
  json::object parameters{{"why", "no-checkpoint"}};
  return Error{ErrorName::LedgerUnavailable,
               info->fault ? "The agent has signed no checkpoint: " + *info->fault
                           : "The agent has signed no checkpoint yet. Try again in a moment.",
               std::move(parameters)};
}

Result<Outcome> export_ledger(Session& session, const LogArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  const auto info = signed_checkpoint(**agent);
  if (!info) return info.error();
  const StatementSource source = [&](std::int64_t first,
                                     std::int64_t limit) -> Result<std::vector<std::string>> {
    auto records = (*agent)->read_ledger(first, limit);
    if (!records) return records.error();
    std::vector<std::string> statements;
    for (auto& record : *records) statements.push_back(std::move(record.statement));
    return statements;
  };
  TileDirectory directory(arguments.path);
  const auto report = export_log(directory, *info->checkpoint, source);
  if (!report) return report.error();
  std::string text = printable(arguments.path) + " has " + std::to_string(report->size) + " records of " +
                     printable(info->origin) + " (" + std::to_string(report->size - report->old_size) +
                     " new).\n";
  if (info->verifier_key)
    text += "Give out its verifier key once, by another way:\n  " + printable(*info->verifier_key) + "\n";
  json::object result{{"origin", info->origin},
                      {"size", report->size},
                      {"newRecords", report->size - report->old_size},
                      {"files", report->files},
                      {"verifierKey", nullptr}};
  if (info->verifier_key) result["verifierKey"] = *info->verifier_key;
  return Outcome(std::move(text), std::move(result));
}

// --- verify ---

std::string findings_text(const LogReport& report, const Paint& paint) {
  std::string text;
  for (const LogFinding& finding : report.findings)
    text += paint(finding.warning ? Color::Notice : Color::Bad, finding.name) + ": " +
            printable(finding.message) + "\n";
  return text;
}

json::object report_json(const LogReport& report) {
  json::array findings;
  for (const LogFinding& finding : report.findings)
    findings.push_back(json::object{{"name", finding.name},
                                    {"sequence", finding.sequence},
                                    {"warning", finding.warning},
                                    {"message", finding.message}});
  json::object result{{"verified", report.good()},
                      {"signatureChecked", report.signature_checked},
                      {"checkpoint", nullptr},
                      {"findings", std::move(findings)}};
  if (report.checkpoint) result["checkpoint"] = checkpoint_json(*report.checkpoint);
  return result;
}

Result<Outcome> verify(Session& session, const LogArguments& arguments) {
  auto key = read_key(arguments);
  if (!key) return key.error();
  LogCheckOptions options;
  options.key = std::move(*key);
  if (arguments.against) options.against = *arguments.against;
  const TileDirectory directory(arguments.path);
  const LogReport report = check_log(directory, options);
  std::string text = findings_text(report, session.paint());
  if (report.good())
    text += session.paint()(Color::Good, "Good") + ": " + std::to_string(report.checkpoint->size) +
            " records of " + printable(report.checkpoint->origin) +
            (arguments.against ? ", which go on from the older log.\n" : ".\n");
  else
    text += session.paint()(Color::Bad, "NOT good") + ": " + printable(arguments.path) +
            " is not the log that was signed, or not whole.\n";
  Outcome outcome(std::move(text), report_json(report));
  outcome.exit_code = report.good() ? ExitCode::Ok : ExitCode::NotVerified;
  return outcome;
}

// --- proofs ---

Result<std::int64_t> sequence_of(const std::string& text) {
  std::int64_t number = 0;
  const bool digits =
      !text.empty() && text.size() <= 15 && text.find_first_not_of("0123456789") == std::string::npos;
  if (digits) number = std::stoll(text);
  if (number >= 1) return number;
  return Error{ErrorName::InvalidParameter,
               "\"" + text + "\" is no record's number: they count from 1.",
               {{"parameter", "SEQUENCE"}}};
}

Result<Outcome> proof(Session& session, const LogArguments& arguments) {
  const auto sequence = sequence_of(arguments.sequence);
  if (!sequence) return sequence.error();
  const std::string file = arguments.output.value_or("-");
  auto written = write_proof(session, *sequence, file);
  if (!written) return written.error();
  json::object result{{"sequence", *sequence}, {"proof", *written}};
  if (file == "-") return Outcome(*written, std::move(result));
  return Outcome("The proof of record " + std::to_string(*sequence) + " is in " + printable(file) + ".\n",
                 std::move(result));
}

Result<std::optional<std::string>> metadata_digest(const LogArguments& arguments) {
  if (!arguments.metadata) return std::optional<std::string>();
  const auto content = read_whole_file(*arguments.metadata, kMaxMetadataSize);
  if (!content) return content.error();
  const auto parsed = parse_metadata_file(*content);
  if (!parsed) return parsed.error();
  return std::optional<std::string>(sha256_hex(as_bytes(parsed->canonical)));
}

Result<Outcome> verify_proof(Session& session, const LogArguments& arguments) {
  const auto key = read_key(arguments);
  if (!key) return key.error();
  const auto digest = metadata_digest(arguments);
  if (!digest) return digest.error();
  const auto text = read_whole_file(arguments.path, kMaxProofSize);
  if (!text) return text.error();
  const auto verdict = check_proof_file(*text, *key, *digest);
  if (!verdict) return verdict.error();
  const CheckedProof& checked = verdict->checked;
  const bool good = verdict->why_not.empty();
  json::object result{{"verified", good},
                      {"why", nullptr},
                      {"signatureChecked", checked.signature_checked},
                      {"checkpoint", checkpoint_json(checked.checkpoint)},
                      {"sequence", checked.statement.sequence},
                      {"statement", checked.proof.entry}};
  if (!good) result["why"] = verdict->why_not;
  std::string said =
      good ? session.paint()(Color::Good, "Good") + ": record " + std::to_string(checked.statement.sequence) +
                 " (" + printable(checked.statement.kind) + ") of " + printable(checked.checkpoint.origin) +
                 (checked.signature_checked ? ", in a checkpoint signed by its key.\n"
                                            : "; whether its checkpoint is signed was not checked (--key).\n")
           : session.paint()(Color::Bad, "NOT good") + ": " + verdict->why_not + ".\n";
  said += printable(checked.proof.entry) + "\n";
  Outcome outcome(std::move(said), std::move(result));
  outcome.exit_code = good ? ExitCode::Ok : ExitCode::NotVerified;
  return outcome;
}

constexpr const char* kExportText =
    "Writes the ledger's public statements as a transparency log that other people's tools\n"
    "read (C2SP tlog-tiles): tile/entries/…, tile/0/…, and the signed checkpoint. A directory\n"
    "that has an older export gets what is new. The checkpoint is written last: whatever\n"
    "happens, the directory has a whole log. It can be served by any web server.\n"
    "\n"
    "Examples:\n"
    "  signet ledger export /srv/log\n"
    "  signet ledger verify /srv/log --key \"$(cat release-log.vkey)\"\n";

constexpr const char* kVerifyText =
    "Checks an exported log without the agent: every record against the tree, the tree against\n"
    "the checkpoint, the checkpoint's signature, the records' form and order. --against also\n"
    "checks that nothing was changed, dropped or cut off since an older export, or since a\n"
    "checkpoint that somebody kept. Every finding has a name (docs/ledger.md). Exit code 7\n"
    "means that something is wrong.\n"
    "\n"
    "Examples:\n"
    "  signet ledger verify /srv/log --key 'example.com/log+1a2b3c4d+AbC…'\n"
    "  signet ledger verify /srv/log --against /backup/log-last-month\n"
    "  signet ledger verify /srv/log --against noted.checkpoint --json\n";

constexpr const char* kProofText =
    "Writes a file (C2SP tlog-proof) that shows a record to be in the ledger: the statement,\n"
    "the hashes up to the root, and a signed checkpoint. \"tuf sign --proof\" and \"sign --proof\"\n"
    "write the one of their own signature. Waits a moment for the next checkpoint.\n"
    "\n"
    "Example:\n"
    "  signet ledger proof 42 --output 42.tlog-proof\n";

constexpr const char* kVerifyProofText =
    "Checks a proof file without the agent, and prints the statement that it proves.\n"
    "\n"
    "Example:\n"
    "  signet ledger verify-proof 7.targets.tlog-proof --key 'example.com/log+1a2b3c4d+AbC…' \\\n"
    "      --metadata 7.targets.json\n";

constexpr const char* kKeyHelp =
    "The log's verifier key (NAME+HASH+KEY). Without it no signature is checked.";

}  // namespace

void add_log_verbs(Verb& group) {
  auto arguments = std::make_shared<LogArguments>();
  Verb verb = group.verb("export", "Write the ledger as a log that others can check.", kExportText);
  verb.positional("DIR", &arguments->path, "Where to; made if it is not there.");
  verb.run([arguments](Session& session) { return export_ledger(session, *arguments); });

  verb = group.verb("verify", "Check an exported log, offline.", kVerifyText);
  verb.positional("DIR", &arguments->path, "The exported log.");
  verb.option("--against", "OLD", &arguments->against,
              "An older export, or the file of an older checkpoint.");
  verb.option("--key", "VKEY", &arguments->key, kKeyHelp);
  verb.run([arguments](Session& session) { return verify(session, *arguments); });

  verb = group.verb("proof", "Write the proof that a record is in the ledger.", kProofText);
  verb.positional("SEQUENCE", &arguments->sequence, "The record's number.");
  verb.option("--output,-o", "FILE", &arguments->output, "Where to; without it: to standard output.");
  verb.run([arguments](Session& session) { return proof(session, *arguments); });

  verb = group.verb("verify-proof", "Check a proof, offline.", kVerifyProofText);
  verb.positional("FILE", &arguments->path, "The proof.");
  verb.option("--key", "VKEY", &arguments->key, kKeyHelp);
  verb.option("--metadata", "FILE", &arguments->metadata, "The record must be about this metadata.");
  verb.run([arguments](Session& session) { return verify_proof(session, *arguments); });
}

}  // namespace signet::client
