#include "client/command/tuf_signing.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <utility>

#include "client/command/describe.h"
#include "client/command/proof_output.h"
#include "client/command/tuf_results.h"
#include "client/file_io.h"
#include "client/tuf/merge_signatures.h"
#include "client/tuf/role_name.h"
#include "protocol/canonical_json.h"

namespace signet::client {
namespace {

struct Task {
  std::string file, text;  // as it was read
  SignableFile signable;
  SignMetadataCall call;
};

// --repository, else $SIGNET_REPOSITORY, else the only one of this format that the agent knows.
Result<std::string> choose_repository(Session& session, const TufSignArguments& arguments,
                                      std::string_view format) {
  if (arguments.repository) return *arguments.repository;
  if (const char* named = std::getenv("SIGNET_REPOSITORY"); named != nullptr && *named != '\0')
    return std::string(named);
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto known = (*agent)->list_repositories();
  if (!known) return known.error();
  std::vector<std::string> names;
  for (const auto& one : *known)
    if (one.format == format) names.push_back(one.name);
  if (names.size() == 1) return names.front();
  const std::string which = names.empty() ? "The agent knows none of format " + std::string(format) +
                                                ": see \"signet repository create\" and \"adopt\"."
                                          : "The agent knows " + join_words(names) + ".";
  return Error(ErrorName::InvalidParameter, "Say with --repository what is signed for. " + which,
               {{"parameter", "--repository"}});
}

Result<Task> prepare(Session& session, const TufSignArguments& arguments, const std::string& file) {
  Task task;
  task.file = file;
  auto text = read_whole_file(file, kMaxMetadataSize);
  if (!text) return text.error();
  task.text = std::move(*text);
  auto signable = parse_signable(task.text);
  if (!signable)
    return Error(signable.error().name, file + ": " + signable.error().message, signable.error().parameters);
  task.signable = std::move(*signable);
  const Signed& content = task.signable.metadata.content;
  auto role = arguments.role ? Result<std::string>(*arguments.role) : role_of_file(file, content);
  if (!role) return role.error();
  task.call.role = std::move(*role);
  task.call.format = to_string(content.format);
  auto repository = choose_repository(session, arguments, task.call.format);
  if (!repository) return repository.error();
  task.call.repository = std::move(*repository);
  task.call.signed_bytes = task.signable.metadata.canonical;
  if (!arguments.keys.empty()) task.call.keys = arguments.keys;
  task.call.dry_run = arguments.dry_run;
  task.call.supersede = arguments.supersede;
  task.call.accept_lower_threshold = arguments.accept_lower_threshold;
  return task;
}

bool wants_pin(const SignatureInfo& result) {
  return result.status == "failed" && result.fault && result.fault->name == ErrorName::PinRequired;
}

// Unlocks every token that a key of these results waits for; the key ids that are worth another try.
std::vector<std::string> unlock_for_results(Session& session, const std::vector<SignatureInfo>& results) {
  std::vector<std::string> keyids;
  std::set<std::string> tried;
  for (const auto& result : results) {
    if (!wants_pin(result)) continue;
    const auto* token = result.fault->parameters.if_contains("token");
    const bool first =
        token != nullptr && token->is_string() && tried.insert(std::string(token->get_string())).second;
    if (first)
      if (auto unlocked = session.unlock_for(*result.fault); !unlocked)
        session.note(Color::Bad, unlocked.error().message);
    keyids.push_back(result.keyid);
  }
  return keyids;
}

void take_results(SignedMetadata& all, SignedMetadata more) {
  all.record = more.record;
  for (auto& result : more.results) {
    const auto old = std::find_if(all.results.begin(), all.results.end(),
                                  [&](const SignatureInfo& one) { return one.keyid == result.keyid; });
    if (old != all.results.end() && wants_pin(*old)) *old = std::move(result);
  }
}

// One call, and for keys whose token wants a PIN a second one after a person typed it.
Result<SignedMetadata> have_signed(Session& session, const TufSignArguments& arguments,
                                   SignMetadataCall call) {
  const Waiting waiting = arguments.wait      ? Waiting::Yes
                          : arguments.no_wait ? Waiting::No
                                              : Waiting::IfInteractive;
  auto agent = session.agent();
  if (!agent) return agent.error();
  const auto sign = [&] { return (*agent)->sign_metadata(call, session.events(waiting)); };
  auto result = session.with_pin(sign);
  if (!result || !session.interactive()) return result;
  auto keyids = unlock_for_results(session, result->results);
  if (keyids.empty()) return result;
  call.keys = std::move(keyids);
  if (auto more = sign()) take_results(*result, std::move(*more));
  return result;
}

// The agent remembers signatures of these bytes from before: they count as much as fresh ones, which come
// last and win.
std::vector<boost::json::object> signatures_of(const SignedMetadata& result) {
  std::vector<boost::json::object> signatures = result.earlier;
  for (const auto& one : result.results)
    if (one.signature) signatures.push_back(*one.signature);
  return signatures;
}

// What was released stands in the error; it is the way out of a conflict for whoever lost the file.
Error with_released(Session& session, const TufSignArguments& arguments, const Task& task, Error error) {
  const auto* payload = error.parameters.if_contains("payload");
  const auto* signatures = error.parameters.if_contains("signatures");
  if (error.name != ErrorName::VersionConflict || !arguments.save_released) return error;
  if (payload == nullptr || !payload->is_string() || signatures == nullptr || !signatures->is_array()) {
    session.note(Color::Notice, "The ledger does not keep the released bytes any more: nothing was saved.");
    return error;
  }
  const std::string text(payload->get_string());
  auto released = parse_strict_json(text, kMaxMetadataSize);
  if (!released || !released->is_object()) return error;
  auto saved = write_file(*arguments.save_released,
                          write_metadata_file(released->get_object(), signatures->get_array(),
                                              task.signable.metadata.content.format),
                          Existing::Refuse);
  session.note(
      saved ? Color::Notice : Color::Bad,
      saved ? "What was released is in " + *arguments.save_released + " now." : saved.error().message);
  return error;
}

// The agent judges whether the file is complete; that it is not yet is no failure.
Result<std::optional<Observation>> observe(Session& session, const Task& task, const std::string& text) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto observation = (*agent)->observe_metadata(task.call.repository, task.call.role, text);
  if (observation) return std::optional<Observation>(std::move(*observation));
  const Error error = observation.error();  // error() gives a copy: a pointer into it needs this one to live
  const auto* why = error.parameters.if_contains("why");
  if (error.name == ErrorName::MetadataInvalid && why != nullptr && *why == "threshold")
    return std::optional<Observation>();
  return error;
}

}  // namespace

Result<Outcome> sign_file(Session& session, const TufSignArguments& arguments, const std::string& file) {
  auto task = prepare(session, arguments, file);
  if (!task) return task.error();
  auto result = have_signed(session, arguments, task->call);
  if (!result) return with_released(session, arguments, *task, result.error());

  SigningReport report;
  report.file = file;
  report.call = &task->call;
  report.result = &*result;
  report.merged = merge_signatures(task->signable, signatures_of(*result));
  const MetadataFile& metadata = task->signable.metadata;
  const std::string text =
      write_metadata_file(metadata.signed_object, report.merged.signatures, metadata.content.format);
  if (!arguments.dry_run) {
    if (auto written = replace_file(file, task->text, text); !written) return written.error();
    report.written = true;
    if (arguments.proof)
      if (auto proved = write_signature_proof(session, result->record, *arguments.proof); !proved)
        return proved.error();
  }
  auto after = parse_metadata_file(text);
  if (after) report.after = std::move(*after);
  if (arguments.observe && report.written) {
    auto observation = observe(session, *task, text);
    if (!observation) {
      session.note(Color::None, file + " is signed and written; the agent has not observed it.");
      return observation.error();
    }
    report.observed = std::move(*observation);
    report.observe_tried = true;
  }
  return report.outcome(session.paint());
}

}  // namespace signet::client
