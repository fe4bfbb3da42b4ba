#include "agent/tokens/token_service.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "agent/tokens/card_policies.h"
#include "agent/tokens/found_key.h"
#include "agent/tokens/key_use.h"
#include "agent/tokens/pin_budget.h"
#include "agent/tokens/sign_batch.h"
#include "agent/tokens/sign_request.h"
#include "agent/tokens/token_certificates.h"
#include "agent/tokens/token_generation.h"
#include "agent/tokens/token_pins.h"
#include "agent/tokens/token_registry.h"
#include "agent/tokens/token_service_factory.h"

namespace signet {

namespace asio = boost::asio;

namespace {

constexpr std::size_t kMaxLabel = 32;  // CK_TOKEN_INFO.label

Error stopping_error() {
  boost::json::object parameters;
  parameters["retryAfterMs"] = 1000;
  return Error(ErrorName::Busy, "The agent is stopping. Try again when it runs.", std::move(parameters));
}

// Whether the token serves the key again. The search goes to the token whatever its session has cached.
asio::awaitable<Result<void>> probe_place(std::shared_ptr<TokenRegistry> registry, KeyHint hint,
                                          KeyPlace place, Bytes spki) {
  if (registry->draining()) co_return stopping_error();
  const auto hosted = co_await registry->locate(place.token_label, place.token_serial);
  if (!hosted) co_return hosted.error();
  HostedToken& token = **hosted;
  const CallLimit limit = login_limit(token.config().deadlines);
  host::FindObjectsRequest search;
  search.id = hint.id;
  search.label = hint.label;
  host::FindKeyRequest find;
  find.spki = std::move(spki);
  find.id = std::move(hint.id);
  find.label = std::move(hint.label);
  const std::array<host::Request, 2> requests{host::Request(std::move(search)),
                                              host::Request(std::move(find))};
  for (const host::Request& request : requests) {
    FaultContext about = token.context();
    HostedToken::Gate open;
    const auto reply = co_await token.perform(request, limit, std::move(about), std::move(open));
    if (!reply) co_return reply.error();
  }
  co_return Result<void>();
}

// What the scout lists, a host that begins now does not find: OpenSC goes on telling the label and serial
// number that a card had before ykman wrote to it.
void look_anew(TokenModule& module, const Error& error) {
  if (error.name == ErrorName::TokenAbsent) module.scout().restart("it lists a token that is not there");
}

class HostTokenService : public ReloadableTokenService {
 public:
  HostTokenService(const asio::any_io_executor& executor, std::shared_ptr<TokenRegistry> registry)
      : registry_(std::move(registry)),
        health_(std::make_shared<PlaceHealth>(executor,
                                              [this](KeyPlace place, Bytes spki) {
                                                const KeyHint& hint = hints_.of(place.uri);
                                                return probe_place(registry_, hint, std::move(place),
                                                                   std::move(spki));
                                              })),
        reading_(std::make_shared<CoroutineMutex>(executor)) {}
  ~HostTokenService() override { health_->close(); }

  asio::awaitable<std::vector<ModuleDescription>> modules() override;
  asio::awaitable<std::vector<TokenDescription>> list() override;
  using TokenService::unlock;
  asio::awaitable<Result<TokenDescription>> unlock(std::string token, std::optional<Secret> pin,
                                                   PinCache cache) override;
  asio::awaitable<Result<TokenDescription>> unlock_by_prompt(std::string token, PinCache cache) override;
  asio::awaitable<Result<TokenDescription>> lock(std::string token) override;
  asio::awaitable<Result<TokenDescription>> init(InitTokenRequest request) override;
  asio::awaitable<Result<TokenDescription>> change_pin(std::string token, Secret old_pin,
                                                       Secret new_pin) override;
  asio::awaitable<Result<TokenDescription>> unblock_pin(std::string token, Secret officer,
                                                        Secret new_pin) override;
  asio::awaitable<Result<void>> can_generate(const GenerateRequest& request) override;
  asio::awaitable<Result<FoundKey>> generate(GenerateRequest request) override;
  asio::awaitable<Result<FoundKey>> find(std::string uri) override;
  asio::awaitable<std::optional<KeyPolicies>> policies(FoundKey key) override {
    const auto registry = registry_;
    if (registry->draining()) co_return std::nullopt;
    co_return co_await card_policies(registry, std::move(key));
  }
  asio::awaitable<Result<std::vector<Bytes>>> read_certificates(std::string uri) override;
  asio::awaitable<Result<StoredCertificate>> store_certificate(StoreCertificateRequest request) override;
  using TokenService::sign;
  asio::awaitable<Result<TokenSignature>> sign(KeyLocation key, TokenMechanism mechanism, Bytes input,
                                               Waiting waiting) override;
  asio::awaitable<void> sign_many(KeyLocation key, TokenMechanism mechanism, std::vector<Bytes> inputs,
                                  Waiting waiting, ManyWatch watch) override;
  void distrust(const KeyLocation& key, std::size_t place) override;
  std::optional<std::string> fault_of(const KeyPlace& place, const Bytes& spki) const override {
    return health_->fault(place, spki);
  }
  asio::awaitable<std::uint64_t> changed(std::uint64_t seen, std::chrono::milliseconds at_most) override {
    return registry_->changed(seen, WaitList::Clock::now() + at_most);
  }
  asio::awaitable<Result<TokenDescription>> reset_pin_budget(std::string token) override;
  asio::awaitable<Result<TokenDescription>> describe(std::string token) override;
  std::optional<TokenDescription> used_before(const std::string& token) const override {
    const auto known = registry_->known_as(token);
    return known ? std::optional(known->listed().description) : std::nullopt;
  }
  asio::awaitable<void> drain(std::chrono::milliseconds deadline) override;
  void reload(std::vector<ModuleConfig> modules) override { registry_->reload(std::move(modules)); }
  void ask_through(PinPrompt prompt) override { *registry_->pin_prompt() = std::move(prompt); }

 private:
  // Each coroutine takes its own share before it first suspends, and does not touch the service afterwards.
  std::shared_ptr<TokenRegistry> registry_;
  std::shared_ptr<PlaceHealth> health_;
  std::shared_ptr<CoroutineMutex> reading_;
  KeyHints hints_;
};

asio::awaitable<std::vector<ModuleDescription>> HostTokenService::modules() {
  const auto registry = registry_;
  if (!registry->draining()) co_await registry->scan();
  co_return registry->modules();
}

asio::awaitable<std::vector<TokenDescription>> HostTokenService::list() {
  const auto registry = registry_;
  std::vector<TokenDescription> told;
  if (registry->draining()) co_return told;
  auto tokens = co_await registry->scan();
  co_await count_tries(registry, tokens);
  for (const ListedToken& token : tokens) told.push_back(token.description);
  co_return told;
}

asio::awaitable<Result<TokenDescription>> HostTokenService::unlock(std::string token,
                                                                   std::optional<Secret> pin,
                                                                   PinCache cache) {
  const auto registry = registry_;
  const auto health = health_;
  if (registry->draining()) co_return stopping_error();
  const TokenRegistry::Operation operation(registry);
  if (pin) {
    if (auto sound = check_pin("pin", *pin); !sound) co_return sound.error();
  }
  const auto found = co_await registry->resolve(token);
  if (!found) co_return found.error();
  if (auto usable = check_not_blank(found->token); !usable) co_return usable.error();
  const auto hosted = found->module->hosted(found->token);
  const auto done = co_await hosted->unlock(std::move(pin), cache);
  if (!done) {
    look_anew(*found->module, done.error());
    co_return done.error();
  }
  health->look_now();
  registry->keep_looking();
  const TokenDescription& told = found->token.description;
  co_return co_await registry->describe(told.module, told.label, told.serial);
}

asio::awaitable<Result<TokenDescription>> HostTokenService::unlock_by_prompt(std::string token,
                                                                             PinCache cache) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await unlock_token_by_prompt(registry, std::move(token), cache);
}

asio::awaitable<Result<TokenDescription>> HostTokenService::lock(std::string token) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await lock_token(registry, std::move(token));
}

Result<void> check_init(const InitTokenRequest& request) {
  if (auto sound = check_label("label", request.label, kMaxLabel); !sound) return sound;
  if (auto sound = check_pin("soPin", request.so_pin); !sound) return sound;
  return check_pin("pin", request.pin);
}

asio::awaitable<Result<TokenDescription>> HostTokenService::init(InitTokenRequest request) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  const TokenRegistry::Operation operation(registry);
  if (auto sound = check_init(request); !sound) co_return sound.error();
  const auto found = co_await registry->resolve(request.token);
  if (!found) co_return found.error();
  const auto module = found->module;
  const TokenDescription& told = found->token.description;

  std::optional<HostedToken::Drained> drained;
  if (const auto hosted = found->token.initialised ? module->known(told.label, told.serial) : nullptr) {
    auto quiet = co_await hosted->drained();
    drained.emplace(std::move(quiet));
    const auto process = hosted->lock("the token is initialised anew");
    if (process) co_await process->gone();
  }
  AdminTask task = module->admin_task(found->token);
  const auto budget = task.login.budget;
  const auto slot = co_await initialise_token(std::move(task), request.label, std::move(request.so_pin),
                                              std::move(request.pin));
  if (!slot) co_return slot.error();
  const std::string budget_id = pin_budget_id(slot->manufacturer, slot->token.serial, slot->token.label);
  const auto cleared = co_await budget->clear(budget_id);
  if (!cleared) co_return cleared.error();
  module->scout().restart("a token was initialised");  // it may not see that by itself
  co_return co_await registry->describe(told.module, slot->token.label, slot->token.serial);
}

asio::awaitable<Result<TokenDescription>> HostTokenService::change_pin(std::string token, Secret old_pin,
                                                                       Secret new_pin) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await change_token_pin(registry, std::move(token), std::move(old_pin), std::move(new_pin));
}

asio::awaitable<Result<TokenDescription>> HostTokenService::unblock_pin(std::string token, Secret officer,
                                                                        Secret new_pin) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await unblock_token_pin(registry, std::move(token), std::move(officer), std::move(new_pin));
}

asio::awaitable<Result<void>> HostTokenService::can_generate(const GenerateRequest& request) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await can_generate_token_key(registry, request);
}

asio::awaitable<Result<FoundKey>> HostTokenService::generate(GenerateRequest request) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await generate_token_key(registry, std::move(request));
}

asio::awaitable<Result<FoundKey>> HostTokenService::find(std::string uri) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  const TokenRegistry::Operation operation(registry);
  const auto parsed = parse_token_uri(uri);
  if (!parsed) co_return parsed.error();
  TokenUri token_part = *parsed;
  const auto found = co_await registry->resolve(std::move(token_part));
  if (!found) co_return found.error();
  if (auto usable = check_not_blank(found->token); !usable) co_return usable.error();
  const auto hosted = found->module->hosted(found->token);
  host::FindObjectsRequest search;
  search.id = parsed->id.value_or(Bytes());
  search.label = parsed->object.value_or(std::string());
  const host::Request request(std::move(search));
  FaultContext about = hosted->context();
  about.key = uri;
  const CallLimit limit = login_limit(hosted->config().deadlines);
  const auto reply = co_await hosted->perform(request, limit, std::move(about));
  if (!reply) {
    look_anew(*found->module, reply.error());
    co_return reply.error();
  }
  co_return the_one_key(std::get<host::FindObjectsReply>(*reply), found->token.description, uri);
}

asio::awaitable<Result<std::vector<Bytes>>> HostTokenService::read_certificates(std::string uri) {
  const auto registry = registry_;
  const auto turns = reading_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await read_token_certificates(registry, turns, std::move(uri));
}

asio::awaitable<Result<StoredCertificate>> HostTokenService::store_certificate(
    StoreCertificateRequest request) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  co_return co_await store_token_certificate(registry, std::move(request));
}

asio::awaitable<Result<TokenSignature>> HostTokenService::sign(KeyLocation key, TokenMechanism mechanism,
                                                               Bytes input, Waiting waiting) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  const TokenRegistry::Operation operation(registry);
  if (auto sound = check_sign(key, mechanism, input); !sound) co_return sound.error();
  std::vector<host::Request> others;
  for (const KeyPlace& place : key.also)
    others.push_back(sign_request(key, hints_.of(place.uri), mechanism, input));
  host::Request request = sign_request(key, hints_.of(key.uri), mechanism, std::move(input));
  KeyUse use(registry, health_, std::move(key), std::move(request), std::move(waiting));
  use.others = std::move(others);
  use.mechanism = mechanism_name(mechanism);
  auto made = co_await sign_on_token(use);
  if (!made) co_return made.error();
  TokenSignature signature;
  signature.signature = std::move(made->reply.signature);
  signature.fresh_handle = made->reply.fresh_handle;
  signature.removable = made->removable;
  signature.place = made->place;
  co_return signature;
}

asio::awaitable<void> HostTokenService::sign_many(KeyLocation key, TokenMechanism mechanism,
                                                  std::vector<Bytes> inputs, Waiting waiting,
                                                  ManyWatch watch) {
  const auto registry = registry_;
  if (registry->draining()) {
    watch.begun();
    for (std::size_t index = 0; index < inputs.size(); ++index) watch.ended(index, stopping_error());
    co_return;
  }
  const TokenRegistry::Operation operation(registry);
  std::vector<KeyHint> hints;
  for (std::size_t place = 0; place < key.places(); ++place) hints.push_back(hints_.of(key.place(place).uri));
  const auto batch = std::make_shared<SignBatch>(registry, health_, std::move(key), mechanism,
                                                 std::move(inputs), std::move(waiting), std::move(watch));
  batch->hints = std::move(hints);
  co_await sign_batch(batch);
}

asio::awaitable<Result<TokenDescription>> HostTokenService::reset_pin_budget(std::string token) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  const TokenRegistry::Operation operation(registry);
  const auto found = co_await registry->resolve(token);
  if (!found) co_return found.error();
  const AdminTask task = found->module->admin_task(found->token);
  for (const char* of : {"", "/so", "/puk"}) {
    const auto cleared = co_await task.login.budget->clear(task.login.budget_id + of);
    if (!cleared) co_return cleared.error();
  }
  co_return found->token.description;
}

asio::awaitable<Result<TokenDescription>> HostTokenService::describe(std::string token) {
  const auto registry = registry_;
  if (registry->draining()) co_return stopping_error();
  const TokenRegistry::Operation operation(registry);
  const auto found = co_await registry->resolve(std::move(token));
  if (!found) co_return found.error();
  co_return found->token.description;
}

void HostTokenService::distrust(const KeyLocation& key, std::size_t place) {
  const KeyPlace& where = key.place(place);
  registry_->distrust(where.token_label, where.token_serial);
  if (!key.also.empty())
    health_->distrusted(
        where, key.spki,
        "Another card answered in its place: its signature was not by the key " + key.name + ".");
}

asio::awaitable<void> HostTokenService::drain(std::chrono::milliseconds deadline) {
  const auto registry = registry_;
  health_->close();
  co_await registry->drain(deadline);
}

}  // namespace

std::filesystem::path default_host_path() {
  std::array<char, 4096> buffer{};
  const ssize_t size = ::readlink("/proc/self/exe", buffer.data(), buffer.size());
  if (size <= 0) return "signet-token-host";
  return std::filesystem::path(std::string(buffer.data(), static_cast<std::size_t>(size))).parent_path() /
         "signet-token-host";
}

std::unique_ptr<ReloadableTokenService> make_token_service(asio::any_io_executor executor,
                                                           std::vector<ModuleConfig> modules,
                                                           std::shared_ptr<PinBudget> budget,
                                                           std::filesystem::path host_path) {
  if (host_path.empty()) host_path = default_host_path();
  auto registry =
      std::make_shared<TokenRegistry>(executor, std::move(modules), std::move(host_path), std::move(budget));
  registry->listen(DeviceMonitor::open(executor));
  return std::make_unique<HostTokenService>(executor, std::move(registry));
}

}  // namespace signet
