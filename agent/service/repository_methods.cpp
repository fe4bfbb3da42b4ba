#include <boost/json/array.hpp>

#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"
#include "agent/service/repository_view.h"
#include "agent/signing/key_replacement.h"
#include "protocol/threshold.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;

struct NewRepository {
  std::string name;
  MetadataFormat format = MetadataFormat::Tuf;
};

Result<NewRepository> parse_new_repository(const boost::json::object& parameters) {
  const auto name = text_parameter(parameters, "name");
  if (!name) return name.error();
  auto normal = normalise_repository(*name);
  if (!normal) return normal.error();
  const auto format_name = text_parameter(parameters, "format");
  if (!format_name) return format_name.error();
  const auto format = parse_metadata_format(*format_name);
  if (!format) return invalid_parameter("format", "A repository's format is tuf or notary.");
  NewRepository repository;
  repository.name = std::move(*normal);
  repository.format = *format;
  return repository;
}

awaitable<Reply> reply_with_repository(ServiceState& state, Ledger& ledger, std::string name) {
  auto repository = co_await repository_json(state, ledger, std::move(name));
  if (!repository) co_return repository.error();
  boost::json::object reply{{"repository", std::move(*repository)}};
  co_return reply;
}

awaitable<Reply> create_repository(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto repository = parse_new_repository(call.parameters);
  if (!repository) co_return repository.error();
  const auto allowed = co_await authorise_repository(state, call.peer, Action::Adopt, repository->name,
                                                     "root", "Start a new repository?");
  if (!allowed) co_return allowed.error();
  const Requester who = requester(call.peer);
  const auto created = co_await (*ledger)->create_repository(repository->name, repository->format, who);
  if (!created) co_return created.error();
  co_return co_await reply_with_repository(state, **ledger, repository->name);
}

// A root that is signed by its own keys.
Result<TrustedRoot> read_first_root(const std::string& text, MetadataFormat format) {
  const auto file = parse_metadata_file(text, format);
  if (!file) return file.error();
  if (file->content.type != RoleType::Root)
    return Error{ErrorName::MetadataInvalid,
                 "A repository is adopted by its root metadata; this is of type " +
                     std::string(to_string(file->content.type)) + ".",
                 {{"where", "/signed/_type"}, {"why", "type"}}};
  const auto signatures = verify_threshold(*file, file->content, "root");
  if (!signatures) return signatures.error();
  TrustedRoot root;
  root.version = file->content.version;
  root.digest = sha256_hex(as_bytes(file->canonical));
  root.metadata = text;
  return root;
}

awaitable<Reply> adopt_repository(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto repository = parse_new_repository(call.parameters);
  if (!repository) co_return repository.error();
  const auto text = text_parameter(call.parameters, "root");
  if (!text) co_return text.error();
  const auto read = [&] { return read_first_root(*text, repository->format); };
  auto root = co_await state.bench.run(text->size(), read);
  if (!root) co_return root.error();
  const std::string question =
      "Trust root " + std::to_string(root->version) + ", SHA-256 " + root->digest + "?";
  const auto allowed =
      co_await authorise_repository(state, call.peer, Action::Adopt, repository->name, "root", question);
  if (!allowed) co_return allowed.error();
  const Requester who = requester(call.peer);
  const auto adopted =
      co_await (*ledger)->adopt_repository(repository->name, repository->format, std::move(*root), who);
  if (!adopted) co_return adopted.error();
  co_return co_await reply_with_repository(state, **ledger, repository->name);
}

// What an observation changes, once it is verified.
struct Observation {
  std::vector<std::string> restart_roles;
  std::vector<std::string> warnings;
  bool known = false;  // the trusted root itself, shown again: nothing to do
};

Result<Observation> verify_observed_root(const RepositoryView& view, const MetadataFile& file) {
  Observation observation;
  if (!view.root) {
    if (file.content.version != 1)
      return Error{ErrorName::MetadataInvalid,
                   "No root of " + view.row.name +
                       " is trusted yet, so the first one to observe is version 1; this is " +
                       std::to_string(file.content.version) + ".",
                   {{"where", "/signed/version"}, {"why", "root-version"}}};
    const auto signatures = verify_threshold(file, file.content, "root");
    if (!signatures) return signatures.error();
    return observation;
  }
  if (file.content.version == view.row.root->version && file.canonical == view.root->canonical) {
    observation.known = true;
    return observation;
  }
  if (const auto step = verify_root_step(view.root->content, file); !step) return step.error();
  observation.restart_roles = replaced_roles(view.root->content, file.content);
  return observation;
}

awaitable<Result<Observation>> verify_observed_role(ServiceState& state, Ledger& ledger,
                                                    const RepositoryView& view, const MetadataFile& file,
                                                    std::string role) {
  Observation observation;
  if (!view.root)
    co_return Error{ErrorName::MetadataInvalid,
                    "No root of " + view.row.name + " is trusted yet: observe root version 1 first.",
                    {{"where", ""}, {"why", "no-root"}}};
  const auto delegator = co_await find_delegator(state, ledger, view, role);
  if (!delegator) co_return delegator.error();
  if (!delegator->file)
    co_return Error{ErrorName::MetadataInvalid,
                    "No observed targets metadata of " + view.row.name + " delegates to " + role +
                        ": observe the metadata that does first.",
                    {{"where", ""}, {"why", "no-delegator"}}};
  const auto verify = [&] { return verify_threshold(file, delegator->file->content, role); };
  const auto signatures = co_await state.bench.run(file.canonical.size(), verify);
  if (!signatures) co_return signatures.error();
  if (file.content.type == RoleType::Targets) {
    const auto before = co_await load_observed(state, ledger, view, role);
    if (!before) co_return before.error();
    if (!*before) co_return observation;
    const auto replaced = [&] { return replaced_roles((*before)->content, file.content); };
    const std::size_t both = (*before)->canonical.size() + file.canonical.size();
    observation.restart_roles = co_await state.bench.run(both, replaced);
  }
  co_return observation;
}

awaitable<Result<Observation>> verify_observation(ServiceState& state, Ledger& ledger,
                                                  const RepositoryView& view, const MetadataFile& file,
                                                  std::string role) {
  if (file.content.type != role_type(role))
    co_return Error{ErrorName::MetadataInvalid,
                    "The role " + role + " takes metadata of type " +
                        std::string(to_string(role_type(role))) + "; this is of type " +
                        std::string(to_string(file.content.type)) + ".",
                    {{"where", "/signed/_type"}, {"why", "type"}}};
  if (role == "root") {
    const auto verify = [&] { return verify_observed_root(view, file); };
    const std::size_t both = file.canonical.size() + (view.root ? view.root->canonical.size() : 0);
    co_return co_await state.bench.run(both, verify);
  }
  co_return co_await verify_observed_role(state, ledger, view, file, role);
}

struct ObservedFile {
  MetadataFile file;
  std::string digest;  // SHA-256 of the canonical "signed", hex
};

Result<ObservedFile> read_observed(const std::string& text, MetadataFormat format) {
  auto file = parse_metadata_file(text, format);
  if (!file) return file.error();
  ObservedFile read;
  read.file = std::move(*file);
  read.digest = sha256_hex(as_bytes(read.file.canonical));
  return read;
}

awaitable<Reply> observe_metadata(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto name = text_parameter(call.parameters, "repository");
  if (!name) co_return name.error();
  const auto role = text_parameter(call.parameters, "role");
  if (!role) co_return role.error();
  const auto text = text_parameter(call.parameters, "metadata");
  if (!text) co_return text.error();
  const auto view = co_await load_repository(state, **ledger, *name);
  if (!view) co_return view.error();
  if (const auto named = check_role_name(*role, view->row.format); !named) co_return named.error();
  const auto read = [&] { return read_observed(*text, view->row.format); };
  const auto seen = co_await state.bench.run(text->size(), read);
  if (!seen) co_return seen.error();
  const Signed& content = seen->file.content;
  auto observation = co_await verify_observation(state, **ledger, *view, seen->file, *role);
  if (!observation) co_return observation.error();

  ObservedMetadata observed;
  observed.role = *role;
  observed.version = content.version;
  observed.digest = seen->digest;
  observed.metadata = *text;
  boost::json::array warnings(content.warnings.begin(), content.warnings.end());
  if (content.expires_at <= now_seconds()) {
    const std::string warning = "It expired at " + content.expires + ": clients refuse it.";
    warnings.emplace_back(warning);
  }
  if (!observation->known) {
    const std::string question = "Take note of " + *role + " " + std::to_string(observed.version) + "?";
    const auto allowed =
        co_await authorise_repository(state, call.peer, Action::Adopt, view->row.name, *role, question);
    if (!allowed) co_return allowed.error();
    const Requester who = requester(call.peer);
    const auto noted = co_await (*ledger)->observe(view->row.name, std::move(observed),
                                                   std::move(observation->restart_roles), who);
    if (!noted) co_return noted.error();
    for (const std::string& warning : *noted) warnings.emplace_back(warning);
  }
  auto repository = co_await repository_json(state, **ledger, view->row.name);
  if (!repository) co_return repository.error();
  boost::json::object reply{{"repository", std::move(*repository)},
                            {"version", content.version},
                            {"digest", seen->digest},
                            {"warnings", std::move(warnings)}};
  co_return reply;
}

awaitable<Reply> list_repositories(ServiceState& state) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto rows = co_await (*ledger)->repositories();
  if (!rows) co_return rows.error();
  boost::json::array repositories;
  for (const LedgerRepository& row : *rows) {
    auto repository = co_await repository_json(state, **ledger, row.name);
    if (!repository) co_return repository.error();
    repositories.push_back(std::move(*repository));
  }
  boost::json::object reply{{"repositories", std::move(repositories)}};
  co_return reply;
}

}  // namespace

void add_repository_methods(ServiceState& state, MethodTable& table) {
  table["CreateRepository"].handler = [&state](Call call) { return create_repository(state, call); };
  table["AdoptRepository"].handler = [&state](Call call) { return adopt_repository(state, call); };
  table["ObserveMetadata"].handler = [&state](Call call) { return observe_metadata(state, call); };
  table["ListRepositories"].handler = [&state](Call) { return list_repositories(state); };
}

}  // namespace signet
