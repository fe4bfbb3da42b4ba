#include "pkcs11/connection.h"

#include <unistd.h>

#include <utility>

#include "pkcs11/card.h"
#include "pkcs11/certificate_store.h"
#include "pkcs11/frame_stream.h"
#include "pkcs11/key_generator.h"
#include "pkcs11/slots.h"
#include "pkcs11/token_admin.h"

namespace signet::host {

namespace {

bool is_for_card(const Request& request) {
  return std::holds_alternative<ResetCardRequest>(request) ||
         std::holds_alternative<CardTriesRequest>(request) ||
         std::holds_alternative<UnblockCardRequest>(request) ||
         std::holds_alternative<CardKeyRequest>(request) ||
         std::holds_alternative<CardSlotRequest>(request) ||
         std::holds_alternative<HeldCardsRequest>(request);
}

// Which requests which mode serves: a scout logs in nowhere, a token host changes nothing, an admin host
// signs nothing, a card host loads no module.
bool allowed(Mode mode, const Request& request) {
  if (std::holds_alternative<HelloRequest>(request)) return true;
  if (mode == Mode::Card || is_for_card(request)) return mode == Mode::Card && is_for_card(request);
  if (std::holds_alternative<ListTokensRequest>(request)) return true;
  if (mode == Mode::Scout) return false;
  const bool changes = std::holds_alternative<GenerateRequest>(request) ||
                       std::holds_alternative<DestroyKeyRequest>(request) ||
                       std::holds_alternative<InitTokenRequest>(request) ||
                       std::holds_alternative<InitPinRequest>(request) ||
                       std::holds_alternative<SetPinRequest>(request) ||
                       std::holds_alternative<StoreCertificateRequest>(request);
  if (std::holds_alternative<SignRequest>(request)) return mode == Mode::Token;
  return !changes || mode == Mode::Admin;
}

bool needs_token(const Request& request) {
  return std::holds_alternative<LoginRequest>(request) || std::holds_alternative<FindKeyRequest>(request) ||
         std::holds_alternative<FindObjectsRequest>(request) ||
         std::holds_alternative<ListCertificatesRequest>(request) ||
         std::holds_alternative<SignRequest>(request) || std::holds_alternative<GenerateRequest>(request) ||
         std::holds_alternative<DestroyKeyRequest>(request) ||
         std::holds_alternative<SetPinRequest>(request) || std::holds_alternative<LogoutRequest>(request) ||
         std::holds_alternative<StoreCertificateRequest>(request);
}

template <typename T>
HostResult<Reply> as_reply(HostResult<T> result) {
  if (!result) return result.error();
  return Reply(std::move(*result));
}

}  // namespace

HostResult<HelloReply> HostProcess::hello(const HelloRequest& request) {
  const std::lock_guard lock(mutex_);
  if (info_) return *info_;
  if (mode_ == Mode::Card) {
    HelloReply reply;
    reply.pid = static_cast<std::uint32_t>(::getpid());
    reply.mode = mode_;
    return reply;
  }
  if (!module_) {
    auto loaded = Module::load(path_);
    if (!loaded) return loaded.error();
    module_ = std::move(*loaded);
    loaded_ = module_.get();
  }
  if (!tokens_) {
    const auto initialised = module_->initialise(request.init_args);
    if (!initialised) return initialised.error();
    tokens_ = std::make_unique<TokenTable>(*module_, mode_ == Mode::Admin);
  }
  auto described = describe();
  if (!described) return described;
  info_ = *described;
  ready_ = true;
  return described;
}

HostResult<HelloReply> HostProcess::describe() {
  CK_INFO info{};
  const auto asked = module_->call("C_GetInfo", &CK_FUNCTION_LIST::C_GetInfo, &info);
  if (!asked) return asked.error();
  HelloReply reply;
  reply.pid = static_cast<std::uint32_t>(::getpid());
  reply.mode = mode_;
  reply.cryptoki_major = info.cryptokiVersion.major;
  reply.cryptoki_minor = info.cryptokiVersion.minor;
  reply.library_major = info.libraryVersion.major;
  reply.library_minor = info.libraryVersion.minor;
  reply.manufacturer = trimmed(info.manufacturerID);
  reply.description = trimmed(info.libraryDescription);
  reply.single_session = module_->single_session();
  return reply;
}

void HostProcess::finalise(std::chrono::steady_clock::time_point deadline) {
  // Without the mutex: a Hello that hangs in C_Initialize holds it. The module is then not there yet, or has
  // a call in flight that finalise() waits for in vain.
  if (Module* module = loaded_) module->finalise(deadline);
  if (ready_) tokens_->reset_cards();
}

HostResult<Reply> Connection::handle(Request request) {
  if (!allowed(process_.mode(), request))
    return make_fault(FaultKind::Protocol, "This host's mode does not serve this request.");
  const bool first = std::holds_alternative<HelloRequest>(request) || is_for_card(request);
  if (!first && !process_.ready()) return make_fault(FaultKind::Protocol, "The first request must be Hello.");
  if (needs_token(request) && !signer_)
    return make_fault(FaultKind::Protocol, "This request must come after Open.");
  if (needs_token(request)) {
    const auto same = signer_->token().expect_same_card();
    if (!same) return same.error();
  }
  return std::visit([this](auto& message) { return on(message); }, request);
}

HostResult<Reply> Connection::on(const HelloRequest& request) {
  return as_reply(process_.hello(request));
}

HostResult<Reply> Connection::on(const ListTokensRequest&) {
  auto slots = list_slots(process_.module());
  if (!slots) return slots.error();
  return Reply(ListTokensReply{std::move(*slots)});
}

HostResult<Reply> Connection::open_once(const TokenIdentity& identity) {
  auto token = process_.tokens().open(identity);
  if (!token) return token.error();
  Signer signer(std::move(*token));
  const auto session = signer.session();
  if (!session) return session.error();
  signer_.emplace(std::move(signer));
  return Reply(OpenReply{signer_->token().slot()});
}

HostResult<Reply> Connection::on(const OpenRequest& request) {
  signer_.reset();
  auto opened = open_once(request.token);
  if (opened || opened.error().kind != FaultKind::Cryptoki) return opened;
  const CkrClass klass = opened.error().klass;
  if (klass != CkrClass::Retry && klass != CkrClass::ReopenSession) return opened;
  return open_once(request.token);
}

HostResult<Reply> Connection::on(LoginRequest& request) {
  return as_reply(signer_->token().login(std::move(request.pin)));
}

HostResult<Reply> Connection::on(const FindKeyRequest& request) {
  return as_reply(signer_->find(request));
}

HostResult<Reply> Connection::on(const FindObjectsRequest& request) {
  return as_reply(signer_->list(request));
}

HostResult<Reply> Connection::on(const ListCertificatesRequest&) {
  return as_reply(signer_->certificates());
}

HostResult<Reply> Connection::on(const SignRequest& request) {
  return as_reply(signer_->sign(request));
}

HostResult<Reply> Connection::on(const GenerateRequest& request) {
  const auto session = signer_->session();
  if (!session) return session.error();
  return as_reply(generate_key(signer_->token(), **session, request));
}

HostResult<Reply> Connection::on(const DestroyKeyRequest& request) {
  const auto session = signer_->session();
  if (!session) return session.error();
  return as_reply(destroy_key(**session, request));
}

HostResult<Reply> Connection::on(const StoreCertificateRequest& request) {
  const auto session = signer_->session();
  if (!session) return session.error();
  return as_reply(store_certificate(signer_->token(), **session, request));
}

HostResult<Reply> Connection::on(const InitTokenRequest& request) {
  return as_reply(init_token(process_.module(), request));
}

HostResult<Reply> Connection::on(const InitPinRequest& request) {
  return as_reply(init_pin(process_.module(), request));
}

HostResult<Reply> Connection::on(const SetPinRequest& request) {
  const auto session = signer_->session();
  if (!session) return session.error();
  return as_reply(set_pin(**session, request));
}

HostResult<Reply> Connection::on(const LogoutRequest&) {
  signer_->token().forget_login();
  return Reply(LogoutReply{});
}

HostResult<Reply> Connection::on(const ResetCardRequest& request) {
  return as_reply(reset_card(request));
}

HostResult<Reply> Connection::on(const CardTriesRequest& request) {
  return as_reply(card_tries(request));
}

HostResult<Reply> Connection::on(const UnblockCardRequest& request) {
  return as_reply(unblock_card(request));
}

HostResult<Reply> Connection::on(const CardKeyRequest& request) {
  return as_reply(card_key(request));
}

HostResult<Reply> Connection::on(const CardSlotRequest& request) {
  return as_reply(card_slot(request));
}

HostResult<Reply> Connection::on(const HeldCardsRequest&) {
  return as_reply(held_cards());
}

namespace {

WipedBytes encode_outcome(std::uint32_t id, const HostResult<Reply>& outcome) {
  if (!outcome) return encode_fault(id, outcome.error());
  auto frame = encode_reply(id, *outcome);
  if (frame) return std::move(*frame);
  return encode_fault(
      id, make_fault(FaultKind::Protocol, "The reply cannot be sent: " + frame.error().why + "."));
}

}  // namespace

void serve(HostProcess& process, int socket) {
  FrameStream stream(socket);
  Connection connection(process);
  for (;;) {
    auto frame = stream.read();
    if (!frame) {
      log_line("closed a connection: " + frame.error().why);
      return;
    }
    if (!*frame) return;
    const FrameHeader header = (*frame)->header;
    auto request = decode_request(header, (*frame)->body);
    if (!request) {
      log_line("closed a connection after a bad " + std::string(frame_type_name(header.type)) + ": " +
               request.error().why);
      stream.write(encode_fault(header.id, make_fault(FaultKind::Protocol, request.error().why)));
      return;
    }
    frame->reset();  // the body may have held a PIN
    if (!stream.write(encode_outcome(header.id, connection.handle(std::move(*request))))) return;
  }
}

}  // namespace signet::host
