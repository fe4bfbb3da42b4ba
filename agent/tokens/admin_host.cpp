#include "agent/tokens/admin_host.h"

#include <algorithm>
#include <optional>

#include "agent/tokens/admin_process.h"
#include "agent/tokens/found_key.h"
#include "agent/tokens/officer_task.h"
#include "agent/tokens/slot_key.h"

namespace signet {

namespace asio = boost::asio;

namespace {

bool holds_secret(const host::KeyObject& key) {
  return key.sensitive && !key.extractable;
}

asio::awaitable<Error> destroy(AdminHost& admin, const AdminTask& task, const host::KeyObject& key) {
  boost::json::object parameters;
  parameters["key"] = key.label;
  parameters["why"] = key.extractable ? "extractable" : "not-sensitive";
  host::DestroyKeyRequest gone;
  gone.spki = key.spki;
  const host::Request request(std::move(gone));
  const auto done = co_await ask<host::DestroyKeyReply>(admin, request, task.login.limit, task.login.about);
  co_return Error(ErrorName::KeyRefused,
                  "Token \"" + task.login.about.token +
                      "\" made a key that can leave it, although asked not to. " +
                      (done ? "The key was destroyed."
                            : "It could not be destroyed: delete it with the token's own tool."),
                  std::move(parameters));
}

// How an attempt with the security officer's PIN ended.
PinOutcome so_outcome(const Result<host::InitTokenReply>& reply) {
  if (reply) return PinOutcome::Accepted;
  return reply.error().name == ErrorName::PinRefused ? PinOutcome::Refused : PinOutcome::Unknown;
}

asio::awaitable<Result<GeneratedKey>> make_as_officer(AdminHost& admin, const AdminTask& task,
                                                      const host::SlotDescription& slot,
                                                      host::GenerateRequest generate) {
  const Bytes id = generate.id;
  Secret so_pin = generate.so_pin.copy();
  const host::Request request(std::move(generate));
  const CallLimit limit = generate_limit(task.launch.module.deadlines);
  auto answer = co_await ask_as_officer(admin, task, slot, request, std::move(so_pin), limit);
  // Also after a fault: the host resets the card that it logged in to, which must not come later than the
  // next login.
  admin.finish();
  co_await admin.process().gone();
  if (!answer) co_return answer.error();
  auto* reply = std::get_if<host::Reply>(&*answer);
  if (reply == nullptr) co_return slot_key_error(*answer, task.login.about, id);
  co_return GeneratedKey{std::move(std::get<host::GenerateReply>(*reply).key)};
}

}  // namespace

asio::awaitable<Result<GeneratedKey>> generate_on_token(AdminTask task, host::GenerateRequest generate,
                                                        Secret pin) {
  FaultContext& about = task.login.about;
  about.key = generate.label;
  about.mechanism = to_string(from_host(generate.algorithm));
  auto started = co_await start_admin(task);
  if (!started) co_return started.error();
  AdminHost admin = std::move(*started);
  const auto slot = co_await open_token(admin, task);
  if (!slot) co_return slot.error();
  if (!generate.so_pin.empty()) co_return co_await make_as_officer(admin, task, *slot, std::move(generate));
  if (slot->login_required) {
    const LoginContext login = task.login;
    LoginResult result = co_await log_in(admin.process(), admin.connection(), login, std::move(pin));
    if (auto* failed = std::get_if<LoginFailed>(&result)) co_return std::move(failed->error);
  }
  const host::Request request(std::move(generate));
  const CallLimit limit = generate_limit(task.launch.module.deadlines);
  auto reply = co_await ask<host::GenerateReply>(admin, request, limit, about);
  if (!reply) co_return reply.error();
  if (!holds_secret(reply->key)) co_return co_await destroy(admin, task, reply->key);
  admin.finish();
  co_return GeneratedKey{std::move(reply->key)};
}

namespace {

// The slot that holds the token in this process: slot numbers of another process mean nothing. A blank token
// has no identity but its slot.
std::optional<host::SlotDescription> find_slot(const std::vector<host::SlotDescription>& slots,
                                               const ListedToken& token) {
  const auto found = std::ranges::find_if(slots, [&](const host::SlotDescription& slot) {
    if (!slot.present || slot.ckr != 0 || slot.initialised != token.initialised) return false;
    if (!token.initialised) return slot.slot == token.slot;
    return slot.token.label == token.description.label && slot.token.serial == token.description.serial;
  });
  if (found == slots.end()) return std::nullopt;
  return *found;
}

asio::awaitable<Result<host::InitTokenReply>> erase(AdminHost& admin, const AdminTask& task,
                                                    const host::SlotDescription& slot,
                                                    const std::string& label, const Secret& so_pin) {
  host::InitTokenRequest erase;
  erase.slot = slot.slot;
  erase.expected = slot.token;
  erase.so_pin = so_pin.copy();
  erase.label = label;
  const host::Request request(std::move(erase));
  const CallLimit limit = generate_limit(task.launch.module.deadlines);
  co_return co_await ask<host::InitTokenReply>(admin, request, limit, task.login.about);
}

// A blank token takes the security officer's PIN as new; another one compares it, and may lock.
asio::awaitable<Result<host::InitTokenReply>> erase_within_budget(AdminHost& admin, const AdminTask& task,
                                                                  const host::SlotDescription& slot,
                                                                  const std::string& label,
                                                                  const Secret& so_pin) {
  if (!slot.initialised) co_return co_await erase(admin, task, slot, label, so_pin);
  const std::string budget_id = task.login.budget_id + "/so";
  Secret counted = so_pin.copy();
  const auto begun =
      co_await task.login.budget->begin(budget_id, std::move(counted), so_told(slot), PinGiver::Person);
  if (!begun) co_return begun.error();
  auto reply = co_await erase(admin, task, slot, label, so_pin);
  const auto ended = co_await task.login.budget->end(budget_id, so_outcome(reply));
  if (reply && !ended) co_return ended.error();
  co_return reply;
}

}  // namespace

asio::awaitable<Result<host::SlotDescription>> initialise_token(AdminTask task, std::string label,
                                                                Secret so_pin, Secret pin) {
  const FaultContext& about = task.login.about;
  auto started = co_await start_admin(task);
  if (!started) co_return started.error();
  AdminHost admin = std::move(*started);

  const host::Request list{host::ListTokensRequest()};
  const auto listed = co_await ask<host::ListTokensReply>(admin, list, task.login.limit, about);
  if (!listed) co_return listed.error();
  const auto slot = find_slot(listed->slots, task.token);
  if (!slot) co_return token_absent_error(about);
  const auto erased = co_await erase_within_budget(admin, task, *slot, label, so_pin);
  if (!erased) co_return erased.error();

  host::InitPinRequest set;
  set.slot = erased->slot.slot;
  set.expected = erased->slot.token;
  set.so_pin = std::move(so_pin);
  set.pin = std::move(pin);
  const host::Request request(std::move(set));
  auto done = co_await ask<host::InitPinReply>(admin, request, task.login.limit, about);
  if (!done) co_return done.error();
  admin.finish();
  co_return std::move(done->slot);
}

}  // namespace signet
