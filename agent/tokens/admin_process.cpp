#include "agent/tokens/admin_process.h"

namespace signet {

namespace asio = boost::asio;

asio::awaitable<Result<AdminHost>> start_admin(const AdminTask& task) {
  auto process = HostProcess::start(task.executor, task.launch, task.load);
  if (!process) co_return process.error();
  HostProcess::Connected connected = co_await (*process)->connect(login_limit(task.launch.module.deadlines));
  if (auto* made = std::get_if<std::unique_ptr<HostConnection>>(&connected)) {
    co_return AdminHost(*process, std::move(*made));
  }
  (*process)->stop("it could not be set up");
  if (auto* fault = std::get_if<host::Fault>(&connected)) co_return to_error(*fault, task.login.about);
  co_return to_error(std::get<HostLost>(connected), task.login.about);
}

Error answer_error(const HostAnswer& answer, const FaultContext& about) {
  if (const auto* fault = std::get_if<host::Fault>(&answer)) return to_error(*fault, about);
  return to_error(std::get<HostLost>(answer), about);
}

asio::awaitable<Result<host::SlotDescription>> open_token(AdminHost& admin, const AdminTask& task) {
  host::OpenRequest open;
  open.token.label = task.login.about.label;
  open.token.serial = task.login.about.serial;
  const host::Request request(std::move(open));
  auto opened = co_await ask<host::OpenReply>(admin, request, task.login.limit, task.login.about);
  if (!opened) co_return opened.error();
  co_return std::move(opened->slot);
}

}  // namespace signet
