#include "agent/service/repository_view.h"

#include <boost/json/object.hpp>
#include <deque>
#include <map>
#include <set>

#include "protocol/threshold.h"

namespace signet {
namespace {

using boost::asio::awaitable;

bool delegates_to(const Signed& metadata, const std::string& role) {
  return delegated_keys(metadata, role).has_value();
}

// The roles below this metadata that were observed themselves: where the search goes on.
void queue_children(const Signed& metadata, const std::set<std::string>& observed,
                    std::set<std::string>& seen, std::deque<std::string>& queue) {
  for (const DelegatedRole& child : metadata.delegations)
    if (observed.contains(child.name) && seen.insert(child.name).second) queue.push_back(child.name);
}

}  // namespace

bool is_top_level(std::string_view role) {
  return role == "root" || role == "targets" || role == "snapshot" || role == "timestamp";
}

awaitable<Result<RepositoryView>> load_repository(ServiceState& state, Ledger& ledger, std::string name) {
  const Result<std::string> normal = normalise_repository(name);
  if (!normal) co_return normal.error();
  const Result<LedgerRepository> row = co_await ledger.repository(*normal);
  if (!row) co_return row.error();
  RepositoryView view;
  view.row = *row;
  if (row->root) {
    auto root = co_await state.metadata.get(row->root->digest, row->root->metadata, row->format);
    if (!root) co_return root.error();
    view.root = std::move(*root);
  }
  co_return view;
}

awaitable<Result<std::shared_ptr<const MetadataFile>>> load_observed(ServiceState& state, Ledger& ledger,
                                                                     const RepositoryView& view,
                                                                     std::string role) {
  const auto observed = co_await ledger.observed(view.row.name, role);
  if (!observed) co_return observed.error();
  if (!observed->has_value()) co_return std::shared_ptr<const MetadataFile>();
  co_return co_await state.metadata.get((*observed)->digest, (*observed)->metadata, view.row.format);
}

awaitable<Result<Delegator>> find_delegator(ServiceState& state, Ledger& ledger, const RepositoryView& view,
                                            std::string role) {
  Delegator found;
  if (is_top_level(role)) {
    found.role = "root";
    found.file = view.root;
    co_return found;
  }
  const auto marks = co_await ledger.marks(view.row.name);
  if (!marks) co_return marks.error();
  std::set<std::string> known;
  for (const VersionMark& mark : *marks) known.insert(mark.role);
  std::set<std::string> seen{"targets"};
  std::deque<std::string> queue{"targets"};
  while (!queue.empty()) {
    const std::string name = queue.front();
    queue.pop_front();
    auto file = co_await load_observed(state, ledger, view, name);
    if (!file) co_return file.error();
    if (!*file) continue;
    if (delegates_to((*file)->content, role)) {
      found.role = name;
      found.file = std::move(*file);
      co_return found;
    }
    queue_children((*file)->content, known, seen, queue);
  }
  co_return found;
}

awaitable<Result<boost::json::object>> repository_json(ServiceState& state, Ledger& ledger,
                                                       std::string name) {
  const Result<RepositoryView> view = co_await load_repository(state, ledger, name);
  if (!view) co_return view.error();
  const auto marks = co_await ledger.marks(view->row.name);
  if (!marks) co_return marks.error();
  boost::json::object versions;
  for (const VersionMark& mark : *marks)
    if (mark.state != MarkState::Reserved) versions[mark.role] = mark.version;
  boost::json::object reply{{"name", view->row.name},
                            {"format", to_string(view->row.format)},
                            {"state", view->root ? "trusted" : "created"},
                            {"rootVersion", nullptr},
                            {"rootDigest", nullptr},
                            {"rootExpires", nullptr},
                            {"versions", std::move(versions)}};
  if (view->root) {
    reply["rootVersion"] = view->row.root->version;
    reply["rootDigest"] = view->row.root->digest;
    reply["rootExpires"] = view->root->content.expires;
  }
  co_return reply;
}

}  // namespace signet
