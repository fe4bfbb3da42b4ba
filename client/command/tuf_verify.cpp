// signet tuf verify.
#include <algorithm>
#include <filesystem>
#include <memory>

#include "client/command/session.h"
#include "client/command/tuf_verbs.h"
#include "client/file_io.h"
#include "client/tuf/directory_source.h"
#include "client/tuf/file_check.h"
#include "client/tuf/repository_check.h"

namespace signet::client {
namespace {

namespace fs = std::filesystem;

struct VerifyArguments {
  std::vector<std::string> files;
  std::string root;
  std::optional<std::string> targets;
  bool allow_expired = false;
};

constexpr const char* kText =
    "Nothing is asked of the agent: this checks what any client of the repository would see.\n"
    "\n"
    "A DIR is a repository: DIR/metadata and DIR/targets, or DIR with the metadata and\n"
    "\"targets\" beside it. Its roots are walked from ROOT (N+1 signed by N and by itself), then\n"
    "timestamp, snapshot, targets and every delegation: signatures, versions, lengths, hashes,\n"
    "expiry, and the target files that are there.\n"
    "\n"
    "FILEs are checked one by one: roots continue the chain from ROOT, the others are judged by\n"
    "the newest root, delegations by the FILE that delegates to them. Versions and hashes that\n"
    "a snapshot lists are checked for a DIR only.\n"
    "\n"
    "ROOT is where the trust begins: get it another way than the rest.\n"
    "Exit code 7: something does not verify.\n"
    "\n"
    "Examples:\n"
    "  signet tuf verify repository --root root.json\n"
    "  signet tuf verify 2.root.json 3.root.json targets.json --root 1.root.json\n";

std::string_view word(Finding finding) {
  return finding == Finding::Good ? "ok" : finding == Finding::Warning ? "note" : "BAD";
}

std::string report_text(const CheckReport& report, const Paint& paint) {
  std::string text;
  for (const auto& step : report.steps) {
    const Color color = step.finding == Finding::Good      ? Color::Good
                        : step.finding == Finding::Warning ? Color::Notice
                                                           : Color::Bad;
    const std::string_view finding = word(step.finding);
    text += paint(color, finding) + std::string(6 - finding.size(), ' ') + printable(step.file);
    if (!step.role.empty())
      text +=
          " (" + printable(step.role) + (step.version > 0 ? " " + std::to_string(step.version) : "") + ")";
    text += ": " + printable(step.message) + "\n";
  }
  return text + (report.good() ? paint(Color::Good, "Verified.") : paint(Color::Bad, "NOT verified.")) + "\n";
}

boost::json::object report_json(const CheckReport& report) {
  static constexpr std::string_view kFindings[] = {"good", "warning", "bad"};
  boost::json::array steps;
  for (const auto& step : report.steps) {
    const std::string_view finding = kFindings[static_cast<int>(step.finding)];
    boost::json::object json;
    json["finding"] = boost::json::string_view(finding.data(), finding.size());
    json["file"] = step.file;
    json["role"] = step.role;
    json["version"] = step.version;
    json["message"] = step.message;
    steps.push_back(std::move(json));
  }
  boost::json::object json;
  json["verified"] = report.good();
  json["steps"] = std::move(steps);
  return json;
}

Result<CheckReport> verify_files(const VerifyArguments& arguments, std::string root,
                                 const CheckOptions& options) {
  auto anchor = load_metadata(arguments.root, std::move(root));
  if (!anchor) return anchor.error();
  std::vector<LoadedFile> files;
  for (const auto& name : arguments.files) {
    auto text = read_whole_file(name, kMaxMetadataSize);
    if (!text) return text.error();
    auto file = load_metadata(name, std::move(*text));
    if (!file) return file.error();
    files.push_back(std::move(*file));
  }
  return check_files(std::move(*anchor), std::move(files), options);
}

Result<CheckReport> check(const VerifyArguments& arguments) {
  auto root = read_whole_file(arguments.root, kMaxMetadataSize);
  if (!root) return root.error();
  CheckOptions options;
  options.now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  options.allow_expired = arguments.allow_expired;
  const auto is_folder = [](const std::string& file) {
    std::error_code ignored;
    return fs::is_directory(file, ignored);
  };
  if (std::none_of(arguments.files.begin(), arguments.files.end(), is_folder))
    return verify_files(arguments, std::move(*root), options);
  if (arguments.files.size() != 1)
    return Error(ErrorName::InvalidParameter, "Name either one folder or metadata files, not both.",
                 {{"parameter", "FILE"}});
  DirectorySource source(find_folders(arguments.files.front(), arguments.targets));
  return check_repository(arguments.root, std::move(*root), source, options);
}

// What cannot be read as metadata does not verify; that a file is missing, or cannot be read at all, is
// another matter.
Result<Outcome> verify(Session& session, const VerifyArguments& arguments) {
  auto report = check(arguments);
  if (!report && report.error().name == ErrorName::MetadataInvalid) {
    CheckReport failed;
    failed.add(Finding::Bad, arguments.root, "", 0, report.error().message);
    report = std::move(failed);
  }
  if (!report) return report.error();
  Outcome outcome(report_text(*report, session.paint()), report_json(*report));
  outcome.exit_code = report->good() ? ExitCode::Ok : ExitCode::NotVerified;
  return outcome;
}

}  // namespace

void add_tuf_verify(Verb& group) {
  auto arguments = std::make_shared<VerifyArguments>();
  Verb verb =
      group.verb("verify", "Verify metadata files, or a whole repository, from a trusted root.", kText);
  verb.positional("FILE|DIR", &arguments->files, "Metadata files, or the folder of a repository.");
  verb.option("--root", "ROOT", &arguments->root, "The root that is trusted.", Need::Required);
  verb.option("--targets", "DIR", &arguments->targets, "Where a repository's target files are.");
  verb.flag("--allow-expired", &arguments->allow_expired, "Expired metadata is noted, not held against it.");
  verb.run([arguments](Session& session) { return verify(session, *arguments); });
}

}  // namespace signet::client
