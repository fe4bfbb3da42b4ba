#include "client/command/tuf_results.h"

#include <algorithm>
#include <sstream>
#include <vector>

#include "client/command/describe.h"
#include "client/command/exit_code.h"
#include "protocol/threshold.h"

namespace signet::client {
namespace {

std::string short_id(const std::string& keyid) {
  return printable(keyid.substr(0, 16));
}

std::string key_name(const SignatureInfo& one) {
  return one.key ? printable(*one.key) + " (" + short_id(one.keyid) + ")" : short_id(one.keyid);
}

// What is to be done about a key that did not sign.
std::string advice(const SignatureInfo& one) {
  std::string text;
  if (one.fault) text = printable(one.fault->message);
  if (one.hint) text += (text.empty() ? "" : " ") + printable(*one.hint);
  if (text.empty() && !one.key) text = "not enrolled with this agent: whoever holds it signs this file, too";
  return text;
}

std::string key_line(const SignatureInfo& one, const Paint& paint) {
  const bool good = one.status == "signed" || one.status == "would_sign";
  const Color color = good ? Color::Good : one.status == "missing" ? Color::Notice : Color::Bad;
  const std::string word = one.status == "would_sign" ? "would sign" : one.status;
  std::string line =
      "  " + paint(color, word) + std::string(word.size() < 10 ? 12 - word.size() : 2, ' ') + key_name(one);
  if (const std::string more = advice(one); !more.empty()) line += ": " + more;
  return line + "\n";
}

// A root holds its own keys, so how far it is can be told from itself; who else must sign it is for the agent
// to say.
std::string root_progress(const MetadataFile& file) {
  if (file.content.type != RoleType::Root) return {};
  auto keys = delegated_keys(file.content, "root");
  if (!keys) return {};
  const ThresholdReport count = count_signatures(file, *keys);
  const std::string have = count_of(count.valid.size(), "good signature", "good signatures") +
                           " of its own root keys, " + std::to_string(count.threshold) +
                           (count.threshold == 1 ? " is needed" : " are needed");
  return "  It has " + have + (count.met() ? ".\n" : ": others must sign it, too.\n");
}

// What the agent says that changes, a line for each.
std::string indented(const std::string& difference) {
  std::string text, line;
  std::istringstream lines(difference);
  while (std::getline(lines, line)) text += "    " + printable(line) + "\n";
  return text;
}

ExitCode exit_code_of(const SigningReport& report) {
  const auto is_bad = [&](const SignatureInfo& one) {
    return one.status == "failed" || (one.status == "missing" && report.call->keys);
  };
  const auto& results = report.result->results;
  const auto bad = std::find_if(results.begin(), results.end(), is_bad);
  if (bad == results.end()) return ExitCode::Ok;
  return bad->fault ? exit_code(*bad->fault) : ExitCode::TokenAbsent;
}

std::string report_text(const SigningReport& report, const Paint& paint) {
  const SignMetadataCall& call = *report.call;
  std::string text = printable(report.file) + ": " + printable(call.role) + " version " +
                     std::to_string(report.result->version) + " of " + printable(call.repository) +
                     ", sha256 " + printable(report.result->digest) + "\n";
  if (report.result->difference) text += indented(*report.result->difference);
  for (const auto& one : report.result->results) text += key_line(one, paint);
  for (const auto& keyid : report.merged.dropped)
    text += "  " + paint(Color::Notice, "dropped") + "     " + short_id(keyid) +
            ": its signature was of other bytes\n";
  for (const auto& warning : report.result->warnings)
    text += "  " + paint(Color::Notice, "warning") + "     " + printable(warning) + "\n";
  if (!report.written) return text + "  Nothing was signed or written: this was a dry run.\n";
  text +=
      "  The file has " + count_of(report.merged.signatures.size(), "signature", "signatures") + " now.\n";
  if (report.after) text += root_progress(*report.after);
  if (report.observed)
    text += "  The agent has observed it: version " + std::to_string(report.observed->version) +
            " is complete.\n";
  if (report.observe_tried && !report.observed) text += "  Not observed: it is not complete yet.\n";
  return text;
}

}  // namespace

Outcome SigningReport::outcome(const Paint& paint) const {
  boost::json::object json = to_json(*result);
  json["file"] = file;
  json["repository"] = call->repository;
  json["role"] = call->role;
  json["format"] = call->format;
  json["written"] = written;
  json["signatures"] = merged.signatures.size();
  json["added"] = to_json(merged.added);
  json["replaced"] = to_json(merged.replaced);
  json["dropped"] = to_json(merged.dropped);
  json["observed"] = observed.has_value();
  Outcome outcome(report_text(*this, paint), std::move(json));
  outcome.exit_code = exit_code_of(*this);
  return outcome;
}

}  // namespace signet::client
