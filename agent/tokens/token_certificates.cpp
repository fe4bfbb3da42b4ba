#include "agent/tokens/token_certificates.h"

#include <array>
#include <utility>

#include "agent/tokens/admin_process.h"
#include "agent/tokens/certificate_fault.h"
#include "agent/tokens/officer_task.h"
#include "agent/tokens/token_pins.h"
#include "agent/tokens/token_uri.h"

namespace signet {

namespace asio = boost::asio;

namespace {

Error invalid_parameter(std::string_view parameter, std::string message) {
  boost::json::object parameters;
  parameters["parameter"] = parameter;
  return Error(ErrorName::InvalidParameter, std::move(message), std::move(parameters));
}

struct Place {
  TokenRegistry::Found found;
  TokenUri uri;
};

asio::awaitable<Result<Place>> find_place(std::shared_ptr<TokenRegistry> registry, std::string uri) {
  auto parsed = parse_token_uri(uri);
  if (!parsed) co_return parsed.error();
  TokenUri token_part = *parsed;
  auto found = co_await registry->resolve(std::move(token_part));
  if (!found) co_return found.error();
  if (auto usable = check_not_blank(found->token); !usable) co_return usable.error();
  co_return Place{std::move(*found), std::move(*parsed)};
}

std::vector<Bytes> ders_of(host::ListCertificatesReply reply) {
  std::vector<Bytes> ders;
  for (host::CertificateObject& object : reply.certificates) ders.push_back(std::move(object.der));
  return ders;
}

// --- reading ---

asio::awaitable<Result<std::vector<Bytes>>> ask_running_host(std::shared_ptr<HostedToken> hosted) {
  const host::Request request{host::ListCertificatesRequest()};
  FaultContext about = hosted->context();
  const CallLimit limit = login_limit(hosted->config().deadlines);
  auto reply = co_await hosted->perform(request, limit, std::move(about));
  if (!reply) co_return reply.error();
  co_return ders_of(std::move(std::get<host::ListCertificatesReply>(*reply)));
}

// By a token host of its own, which logs in nowhere and ends with the answer.
asio::awaitable<Result<std::vector<Bytes>>> ask_new_host(AdminTask task) {
  task.launch.mode = host::Mode::Token;
  task.launch.about = "certificate reader of \"" + task.login.about.token + "\"";
  auto started = co_await start_admin(task);
  if (!started) co_return started.error();
  AdminHost reader = std::move(*started);
  const auto slot = co_await open_token(reader, task);
  if (!slot) co_return slot.error();
  const host::Request request{host::ListCertificatesRequest()};
  auto reply = co_await ask<host::ListCertificatesReply>(reader, request, task.login.limit, task.login.about);
  if (!reply) co_return reply.error();
  reader.finish();
  co_return ders_of(std::move(*reply));
}

}  // namespace

asio::awaitable<Result<std::vector<Bytes>>> read_token_certificates(std::shared_ptr<TokenRegistry> registry,
                                                                    std::shared_ptr<CoroutineMutex> turns,
                                                                    std::string uri) {
  const TokenRegistry::Operation operation(registry);
  const auto place = co_await find_place(registry, std::move(uri));
  if (!place) co_return place.error();
  const TokenRegistry::Found& found = place->found;
  const auto hosted = found.module->hosted(found.token);
  // Where somebody is logged in, another process must not end that: ykcs11 resets the card when it goes
  // (measured), and the PIN would be sent again.
  if (hosted->unlocked()) {
    auto read = co_await ask_running_host(hosted);
    if (read || read.error().name != ErrorName::PinRequired) co_return read;
  }
  const CoroutineMutex::Guard turn = co_await turns->lock();
  AdminTask task = found.module->admin_task(found.token);
  auto read = co_await ask_new_host(std::move(task));
  // OpenSC goes on telling the label and serial number that a card had before ykman wrote to it.
  if (!read && read.error().name == ErrorName::TokenAbsent)
    found.module->scout().restart("it lists a token that is not there");
  co_return read;
}

namespace {

// --- writing ---

// Who writes: the user or the security officer with their PIN, or nobody, if both are empty.
struct Writer {
  Secret pin, so_pin;
  PinGiver giver = PinGiver::Person;
  bool pad = false;  // the PIN is typed at the reader

  bool as_user() const { return pad || !pin.empty(); }
  bool as_officer() const { return !so_pin.empty(); }
};

asio::awaitable<Result<void>> log_user_in(AdminHost& admin, const AdminTask& task, Writer& writer) {
  LoginContext login = task.login;
  login.giver = writer.giver;
  LoginResult result =
      co_await log_in(admin.process(), admin.connection(), std::move(login), writer.pin.copy());
  if (auto* failed = std::get_if<LoginFailed>(&result)) co_return std::move(failed->error);
  co_return Result<void>();
}

asio::awaitable<Result<StoredCertificate>> write_as_user(AdminHost& admin, const AdminTask& task,
                                                         const host::Request& request) {
  const HostAnswer answer = co_await admin.process().call(admin.connection(), request, task.login.limit);
  if (const auto* reply = std::get_if<host::Reply>(&answer))
    co_return StoredCertificate{std::get<host::StoreCertificateReply>(*reply).replaced};
  co_return store_fault_error(answer, task.login.about);
}

asio::awaitable<Result<StoredCertificate>> write_as_officer(AdminHost& admin, const AdminTask& task,
                                                            const host::SlotDescription& slot,
                                                            const host::Request& request) {
  Secret so_pin = std::get<host::StoreCertificateRequest>(request).so_pin.copy();
  const auto answer =
      co_await ask_as_officer(admin, task, slot, request, std::move(so_pin), task.login.limit);
  if (!answer) co_return answer.error();
  const auto* reply = std::get_if<host::Reply>(&*answer);
  if (reply == nullptr) co_return store_fault_error(*answer, task.login.about);
  co_return StoredCertificate{std::get<host::StoreCertificateReply>(*reply).replaced};
}

asio::awaitable<Result<StoredCertificate>> write_certificate(AdminTask task,
                                                             host::StoreCertificateRequest frame,
                                                             Writer& writer) {
  auto started = co_await start_admin(task);
  if (!started) co_return started.error();
  AdminHost admin = std::move(*started);
  const auto slot = co_await open_token(admin, task);
  if (!slot) co_return slot.error();
  if (writer.as_user() && slot->login_required) {
    const auto in = co_await log_user_in(admin, task, writer);
    if (!in) co_return in.error();
  }
  const host::Request request(std::move(frame));
  Result<StoredCertificate> stored = StoredCertificate();
  if (writer.as_officer())
    stored = co_await write_as_officer(admin, task, *slot, request);
  else
    stored = co_await write_as_user(admin, task, request);
  // Also after a fault: the host resets the card that it logged in to, which must not come later than the
  // next login.
  admin.finish();
  co_await admin.process().gone();
  co_return stored;
}

host::StoreCertificateRequest store_frame(const TokenUri& key, const StoreCertificateRequest& request,
                                          const Writer& writer) {
  host::StoreCertificateRequest frame;
  frame.der = request.der;
  frame.id = key.id.value_or(Bytes());
  frame.label = key.object.value_or(std::string());
  frame.replace = request.replace;
  frame.so_pin = writer.so_pin.copy();
  return frame;
}

// While nobody uses the token.
asio::awaitable<Result<StoredCertificate>> write_alone(const Place& place,
                                                       const StoreCertificateRequest& request,
                                                       Writer writer) {
  const TokenRegistry::Found& found = place.found;
  const auto hosted = found.module->hosted(found.token);
  const auto drained = co_await hosted->drained();
  if (writer.as_officer()) {
    const auto locked = co_await lock_for_officer(found, hosted, "a certificate was written");
    if (!locked) co_return locked.error();
  }
  AdminTask task = found.module->admin_task(found.token);
  task.login.about.key = request.key;
  host::StoreCertificateRequest frame = store_frame(place.uri, request, writer);
  auto stored = co_await write_certificate(std::move(task), std::move(frame), writer);
  // A pad's PIN is not known here, and where nobody logged in nothing is lost.
  if (stored && !writer.pin.empty()) co_await hosted->replace_host(drained, std::move(writer.pin));
  co_return stored;
}

Result<void> check_request(const StoreCertificateRequest& request, const TokenUri& key) {
  if (request.pin && request.so_pin)
    return invalid_parameter("soPin", "Give the PIN or the SO PIN, not both.");
  for (const auto& [name, given] : {std::pair{"pin", &request.pin}, {"soPin", &request.so_pin}}) {
    if (!*given) continue;
    if (auto sound = check_pin(name, **given); !sound) return sound;
  }
  if (request.der.size() > host::kMaxCertificate)
    return invalid_parameter("certificate", "The certificate has " + std::to_string(request.der.size()) +
                                                " bytes; one on a token has at most " +
                                                std::to_string(host::kMaxCertificate) + ".");
  if (key.id && !key.id->empty()) return {};
  return invalid_parameter("key", "The key " + request.key +
                                      " has no CKA_ID on its token, by which a certificate is found beside "
                                      "it. Give it one with the token's own tool, and enrol it again.");
}

}  // namespace

asio::awaitable<Result<StoredCertificate>> store_token_certificate(std::shared_ptr<TokenRegistry> registry,
                                                                   StoreCertificateRequest request) {
  const TokenRegistry::Operation operation(registry);
  const auto key = parse_token_uri(request.uri);
  if (!key) co_return key.error();
  if (auto sound = check_request(request, *key); !sound) co_return sound.error();
  const auto place = co_await find_place(registry, request.uri);
  if (!place) co_return place.error();
  const TokenDescription& told = place->found.token.description;
  if (!request.so_pin && is_ykcs11(told)) co_return only_officer_writes(told.name);
  Writer writer;
  if (request.pin) writer.pin = request.pin->copy();
  if (request.so_pin) writer.so_pin = request.so_pin->copy();
  const bool given = request.pin || request.so_pin;
  auto stored = co_await write_alone(*place, request, std::move(writer));
  if (given || stored || stored.error().name != ErrorName::PinRequired) co_return stored;
  // Many tokens let anybody write certificates; this one wants its user.
  Writer user;
  user.giver = PinGiver::Source;
  user.pad = place->found.token.protected_path;
  if (!user.pad) {
    const auto hosted = place->found.module->hosted(place->found.token);
    auto from_source = co_await hosted->pin_from_source();
    if (!from_source) co_return from_source.error();
    user.pin = std::move(*from_source);
  }
  co_return co_await write_alone(*place, request, std::move(user));
}

}  // namespace signet
