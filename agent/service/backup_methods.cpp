// BackupLedger.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/ledger/ledger_backup.h"
#include "agent/service/authorisation.h"
#include "agent/service/methods.h"
#include "agent/service/parameters.h"

namespace signet {
namespace {

using boost::asio::awaitable;
using Reply = Result<boost::json::object>;
namespace fs = std::filesystem;

// On a thread of its own: a large ledger takes long to read, and others sign meanwhile.
awaitable<Result<BackupFacts>> copy_ledger(fs::path directory, fs::path file) {
  co_return back_up_ledger(directory, file);
}

awaitable<Reply> backup_ledger(ServiceState& state, Call call) {
  const auto ledger = require_ledger(state);
  if (!ledger) co_return ledger.error();
  const auto file = text_parameter(call.parameters, "file");
  if (!file) co_return file.error();
  const fs::path path(*file);
  if (!path.is_absolute() || !path.has_filename() || file->find('\0') != std::string::npos)
    co_return invalid_parameter("file", "\"file\" must be an absolute path, as the agent sees it.");
  const std::string question = "Back the ledger up to " + *file + "?";
  const auto allowed = co_await authorise(state, call.peer, Action::Administer, question);
  if (!allowed) co_return allowed.error();
  const auto thread = std::make_shared<boost::asio::thread_pool>(1);
  awaitable<Result<BackupFacts>> copying = copy_ledger(state.state_directory, path);
  const auto facts =
      co_await boost::asio::co_spawn(thread->get_executor(), std::move(copying), boost::asio::use_awaitable);
  if (!facts) co_return facts.error();
  boost::json::object statement{{"records", facts->records}};
  boost::json::object detail{{"file", *file}};
  const auto recorded = co_await (*ledger)->record("ledger.backup", std::move(statement), std::move(detail),
                                                   requester(call.peer));
  if (!recorded) co_return recorded.error();
  boost::json::object reply{
      {"file", *file}, {"ledger", facts->ledger}, {"records", facts->records}, {"bytes", facts->bytes}};
  co_return reply;
}

}  // namespace

void add_backup_methods(ServiceState& state, MethodTable& table) {
  table["BackupLedger"].handler = [&state](Call call) { return backup_ledger(state, call); };
}

}  // namespace signet
