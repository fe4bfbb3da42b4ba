// signet tuf show.
#include <memory>

#include "client/command/session.h"
#include "client/command/tuf_summary.h"
#include "client/command/tuf_verbs.h"
#include "client/file_io.h"
#include "client/tuf/merge_signatures.h"
#include "client/tuf/role_name.h"

namespace signet::client {
namespace {

struct ShowArguments {
  std::string file;
  std::optional<std::string> root, role;
};

Result<MetadataFile> read_metadata(const std::string& path) {
  auto text = read_whole_file(path, kMaxMetadataSize);
  if (!text) return text.error();
  auto file = parse_signable(*text);
  if (!file) return Error(file.error().name, path + ": " + file.error().message, file.error().parameters);
  return std::move(file->metadata);
}

Result<Outcome> show(Session& session, const ShowArguments& arguments) {
  auto file = read_metadata(arguments.file);
  if (!file) return file.error();
  std::optional<Signed> delegator;
  if (arguments.root) {
    auto root = read_metadata(*arguments.root);
    if (!root) return root.error();
    delegator = std::move(root->content);
  }
  auto named = role_of_file(arguments.file, file->content);
  const std::string role = arguments.role ? *arguments.role : named ? *named : std::string();
  const auto signatures = judge_signatures(*file, delegator, role);
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return Outcome(summary_text(*file, signatures, now, session.paint()), summary_json(*file, signatures));
}

}  // namespace

void add_tuf_show(Verb& group) {
  auto arguments = std::make_shared<ShowArguments>();
  Verb verb =
      group.verb("show", "Show what a metadata file says, and its signatures.",
                 "Signatures are judged where their keys are known: a root holds its own. This is for\n"
                 "reading; what may be relied on is for \"signet tuf verify\" to say.\n"
                 "\n"
                 "Examples:\n"
                 "  signet tuf show metadata/2.root.json\n"
                 "  signet tuf show metadata/targets.json --root metadata/2.root.json\n");
  verb.positional("FILE", &arguments->file, "A metadata file.");
  verb.option("--root", "ROOT", &arguments->root,
              "A root, or for a delegation its delegator, whose keys judge the signatures.");
  verb.option("--role", "ROLE", &arguments->role, "Its role, where the file's name does not tell it.");
  verb.run([arguments](Session& session) { return show(session, *arguments); });
}

}  // namespace signet::client
