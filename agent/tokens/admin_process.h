// Internal to what changes tokens: an admin host for one task, and what it is asked.
#pragma once

#include <memory>
#include <utility>

#include "agent/tokens/admin_host.h"

namespace signet {

// An admin host and a connection to it; ended with its owner.
class AdminHost {
 public:
  AdminHost(std::shared_ptr<HostProcess> process, std::unique_ptr<HostConnection> connection)
      : process_(std::move(process)), connection_(std::move(connection)) {}
  ~AdminHost() {
    if (process_) process_->abandon("the task of the " + process_->launch().about + " failed");
  }
  AdminHost(AdminHost&&) noexcept = default;
  AdminHost& operator=(AdminHost&&) = delete;
  AdminHost(const AdminHost&) = delete;
  AdminHost& operator=(const AdminHost&) = delete;

  // The task is done: the host may log out in peace.
  void finish() { process_->stop("the task of the " + process_->launch().about + " is done"); }
  HostProcess& process() { return *process_; }
  HostConnection& connection() { return *connection_; }

 private:
  std::shared_ptr<HostProcess> process_;
  std::unique_ptr<HostConnection> connection_;
};

boost::asio::awaitable<Result<AdminHost>> start_admin(const AdminTask& task);

Error answer_error(const HostAnswer& answer, const FaultContext& about);

// One request whose reply is of type R.
template <typename R>
boost::asio::awaitable<Result<R>> ask(AdminHost& admin, const host::Request& request, CallLimit limit,
                                      const FaultContext& about) {
  HostAnswer answer = co_await admin.process().call(admin.connection(), request, limit);
  if (auto* reply = std::get_if<host::Reply>(&answer)) co_return std::move(std::get<R>(*reply));
  co_return answer_error(answer, about);
}

// Binds the admin host to the task's token: its slot as it is now.
boost::asio::awaitable<Result<host::SlotDescription>> open_token(AdminHost& admin, const AdminTask& task);

}  // namespace signet
