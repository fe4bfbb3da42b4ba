#include "agent/tokens/token_generation.h"

#include "agent/tokens/card_host.h"
#include "agent/tokens/found_key.h"
#include "agent/tokens/officer_task.h"
#include "agent/tokens/slot_key.h"
#include "agent/tokens/token_pins.h"
#include "pkcs11/host_piv_slot.h"

namespace signet {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxKeyLabel = 255;

Result<void> check_request(const GenerateRequest& request, const ListedToken& token) {
  if (auto usable = check_not_blank(token); !usable) return usable;
  for (const auto& [name, given] : {std::pair{"pin", &request.pin}, {"soPin", &request.so_pin}}) {
    if (!*given) continue;
    if (auto sound = check_pin(name, **given); !sound) return sound;
  }
  return check_slot_request(token.description, request);
}

host::GenerateRequest frame_of(const GenerateRequest& request) {
  host::GenerateRequest frame;
  frame.algorithm = to_host(request.algorithm);
  frame.label = request.label;
  frame.id = request.id;
  if (request.so_pin) frame.so_pin = request.so_pin->copy();
  return frame;
}

// Nothing if the key needs none.
asio::awaitable<Result<Secret>> users_pin(const ListedToken& token, std::shared_ptr<HostedToken> hosted,
                                          GenerateRequest& request) {
  if (request.pin) co_return std::move(*request.pin);
  if (request.so_pin || !token.login_required || token.protected_path) co_return Secret();
  co_return co_await hosted->pin_from_source();
}

}  // namespace

asio::awaitable<Result<void>> can_generate_token_key(std::shared_ptr<TokenRegistry> registry,
                                                     const GenerateRequest& request) {
  const TokenRegistry::Operation operation(registry);
  const auto found = co_await registry->resolve(request.token);
  if (!found) co_return found.error();
  const ListedToken& token = found->token;
  if (auto sound = check_request(request, token); !sound) co_return sound.error();
  if (is_ykcs11(token.description)) {
    FaultContext about;
    about.token = token.description.name;
    const auto told = co_await card_slot(found->module->card_access(), token.reader,
                                         host::piv_slot(request.id).value(), std::move(about));
    if (!told) co_return told.error();
    if (auto able = judge_slot(token.description, request, *told); !able) co_return able.error();
  }
  co_return check_officer(token.description, request);
}

asio::awaitable<Result<FoundKey>> generate_token_key(std::shared_ptr<TokenRegistry> registry,
                                                     GenerateRequest request) {
  const TokenRegistry::Operation operation(registry);
  if (auto sound = check_label("label", request.label, kMaxKeyLabel); !sound) co_return sound.error();
  const auto found = co_await registry->resolve(request.token);
  if (!found) co_return found.error();
  const ListedToken& token = found->token;
  if (auto sound = check_request(request, token); !sound) co_return sound.error();
  if (auto given = check_officer(token.description, request); !given) co_return given.error();
  const auto hosted = found->module->hosted(token);
  auto pin = co_await users_pin(token, hosted, request);
  if (!pin) co_return pin.error();
  const auto drained = co_await hosted->drained();
  if (request.so_pin) {
    const auto locked = co_await lock_for_officer(*found, hosted, "a key was made");
    if (!locked) co_return locked.error();
  }
  AdminTask task = found->module->admin_task(token);
  host::GenerateRequest frame = frame_of(request);
  Secret for_task = pin->copy();
  const auto made = co_await generate_on_token(std::move(task), std::move(frame), std::move(for_task));
  if (!made) co_return made.error();
  if (!request.so_pin) co_await hosted->replace_host(drained, std::move(*pin));
  co_return to_found_key(made->key, token.description);
}

}  // namespace signet
