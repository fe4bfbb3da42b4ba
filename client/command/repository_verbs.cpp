// signet repository create | adopt | observe | list.
#include <memory>

#include "client/command/describe.h"
#include "client/command/session.h"
#include "client/command/verbs.h"
#include "client/file_io.h"
#include "client/tuf/role_name.h"
#include "protocol/metadata.h"
#include "protocol/public_key.h"

namespace signet::client {
namespace {

struct RepositoryArguments {
  std::string name, file;
  std::string format = "tuf";
  std::vector<std::string> files;
  std::optional<std::string> role, digest;
};

const std::vector<std::string> kFormats = {"tuf", "notary"};

Result<Outcome> create(Session& session, const RepositoryArguments& arguments) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto repository = (*agent)->create_repository(arguments.name, arguments.format);
  if (!repository) return repository.error();
  return Outcome("Repository " + in_quotes(repository->name) + " (" + printable(repository->format) +
                     ") is created: its root, version 1, is still to be signed and observed.\n",
                 one_member("repository", to_json(*repository)));
}

// A root is trusted because its digest was compared with one from elsewhere: --digest does that.
Result<void> check_digest(const MetadataFile& root, const RepositoryArguments& arguments,
                          const std::string& digest) {
  if (root.content.type != RoleType::Root)
    return Error(ErrorName::MetadataInvalid,
                 arguments.file + " is no root but of type \"" + std::string(to_string(root.content.type)) +
                     "\". Adopt the repository's root.json.",
                 {{"where", "/signed/_type"}, {"why", "type"}});
  if (!arguments.digest || *arguments.digest == digest) return {};
  return Error(ErrorName::MetadataInvalid,
               "The root in " + arguments.file + " has the SHA-256 " + digest +
                   ", not the one that was given with --digest. " +
                   "Do not trust it: get the root from where the digest came from.",
               {{"where", "/signed"}, {"why", "digest"}});
}

Result<Outcome> adopt(Session& session, const RepositoryArguments& arguments) {
  auto text = read_whole_file(arguments.file, kMaxMetadataSize);
  if (!text) return text.error();
  auto root = parse_metadata_file(*text);
  if (!root) return root.error();
  const std::string digest = sha256_hex(as_bytes(root->canonical));
  if (auto pinned = check_digest(*root, arguments, digest); !pinned) return pinned.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto repository = (*agent)->adopt_repository(arguments.name, to_string(root->content.format), *text);
  if (!repository) return repository.error();
  std::string report = "Repository " + in_quotes(repository->name) + " is adopted with root version " +
                       std::to_string(repository->root_version.value_or(0)) + ", sha256 " +
                       printable(repository->root_digest.value_or(digest)) + ".\n";
  if (!arguments.digest)
    report += "Compare this digest with one that reached you another way (\"--digest\" does it for you).\n";
  return Outcome(std::move(report), one_member("repository", to_json(*repository)));
}

Result<Observation> observe_file(Session& session, const RepositoryArguments& arguments,
                                 const std::string& file) {
  auto text = read_whole_file(file, kMaxMetadataSize);
  if (!text) return text.error();
  auto metadata = parse_metadata_file(*text);
  if (!metadata) return metadata.error();
  auto role = arguments.role ? Result<std::string>(*arguments.role) : role_of_file(file, metadata->content);
  if (!role) return role.error();
  auto agent = session.agent();
  if (!agent) return agent.error();
  return (*agent)->observe_metadata(arguments.name, *role, *text);
}

Result<Outcome> observe(Session& session, const RepositoryArguments& arguments) {
  Outcome outcome;
  boost::json::array observations;
  for (const auto& file : arguments.files) {
    auto observation = observe_file(session, arguments, file);
    if (!observation) {
      // What was observed before stays so: say it, then why it stopped here.
      session.note(Color::None, outcome.text.empty() ? "Nothing was observed."
                                                     : "The files before " + file + " were observed.");
      return observation.error();
    }
    outcome.text += printable(file) + ": version " + std::to_string(observation->version) +
                    " is observed, sha256 " + printable(observation->digest) + ".\n";
    for (const auto& warning : observation->warnings)
      outcome.text += "  " + session.paint()(Color::Notice, "warning: ") + printable(warning) + "\n";
    auto json = to_json(*observation);
    json["file"] = file;
    observations.push_back(std::move(json));
  }
  outcome.json = one_member("observations", std::move(observations));
  return outcome;
}

std::string versions_text(const RepositoryInfo& repository) {
  std::string text;
  for (const auto& [role, version] : repository.versions)
    text += (text.empty() ? "" : ", ") + role + " " + std::to_string(version);
  return text;
}

Result<Outcome> list(Session& session) {
  auto agent = session.agent();
  if (!agent) return agent.error();
  auto repositories = (*agent)->list_repositories();
  if (!repositories) return repositories.error();
  std::vector<std::vector<std::string>> rows;
  for (const auto& one : *repositories)
    rows.push_back({one.name, one.format, one.root_version ? std::to_string(*one.root_version) : "none yet",
                    one.root_expires.value_or(""), versions_text(one)});
  std::string text =
      rows.empty()
          ? "The agent knows no repository: \"signet repository create\" starts a new one, \"adopt\" "
            "takes one that exists.\n"
          : table({"REPOSITORY", "FORMAT", "ROOT", "ROOT EXPIRES", "NEWEST VERSIONS"}, rows);
  return Outcome(std::move(text), one_member("repositories", to_json(*repositories)));
}

void add_starting(Verb& group) {
  auto created = std::make_shared<RepositoryArguments>();
  Verb create_verb = group.verb("create", "Start a new repository: its first root will be signed here.",
                                "Example:\n"
                                "  signet repository create example.com/app\n");
  create_verb.positional("NAME", &created->name,
                         "Its name (for Notary the GUN), e.g. registry.example.com/org/app.");
  create_verb.choice("--format", "FORMAT", &created->format, kFormats, "tuf (the default) or notary.");
  create_verb.run([created](Session& session) { return create(session, *created); });

  auto adopted = std::make_shared<RepositoryArguments>();
  Verb adopt_verb =
      group.verb("adopt", "Trust the root of a repository that exists.",
                 "The root must be signed by its own keys at threshold; that it is the right one is for\n"
                 "you to know: give its digest, as it was told to you another way.\n"
                 "\n"
                 "Examples:\n"
                 "  signet repository adopt example.com/app root.json\n"
                 "  signet repository adopt example.com/app 7.root.json --digest 9f86d08188…\n");
  adopt_verb.positional("NAME", &adopted->name, "The repository's name.");
  adopt_verb.positional("ROOT", &adopted->file, "Its root metadata file.");
  adopt_verb.option("--digest", "SHA256", &adopted->digest,
                    "Refuse the root unless its \"signed\" has this SHA-256 (hex).");
  adopt_verb.run([adopted](Session& session) { return adopt(session, *adopted); });
}

}  // namespace

void add_repository_verbs(Verb& root) {
  Verb group = root.group("repository", "Name the repositories whose metadata the agent signs.");
  add_starting(group);
  auto observed = std::make_shared<RepositoryArguments>();
  Verb observe_verb =
      group.verb("observe", "Show the agent metadata that is complete or published.",
                 "The agent verifies each file at full threshold and remembers its version: older ones are\n"
                 "not signed any more. Roots are given in order, N + 1 after N.\n"
                 "\n"
                 "Examples:\n"
                 "  signet repository observe example.com/app metadata/2.root.json metadata/3.root.json\n"
                 "  signet repository observe example.com/app release.json --role releases\n");
  observe_verb.positional("NAME", &observed->name, "The repository's name.");
  observe_verb.positional("FILE", &observed->files, "Metadata files, in order.");
  observe_verb.option("--role", "ROLE", &observed->role,
                      "The files' role, where their names do not tell it.");
  observe_verb.run([observed](Session& session) { return observe(session, *observed); });
  group.verb("list", "List the repositories.", "Example:\n  signet repository list\n").run(list);
}

}  // namespace signet::client
