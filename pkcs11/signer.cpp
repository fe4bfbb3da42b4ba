#include "pkcs11/signer.h"

#include <time.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace signet::host {

namespace {

constexpr std::size_t kMaxSignature = 1024;  // RSA-4096: 512 bytes

// That this thread has had.
std::uint64_t processor_us() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(time.tv_nsec) / 1'000;
}

struct SignMechanism {
  CK_RSA_PKCS_PSS_PARAMS pss{CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM mechanism{};
};

void set_mechanism(Mechanism wanted, SignMechanism& out) {
  switch (wanted) {
    case Mechanism::Ecdsa:
      out.mechanism = {CKM_ECDSA, nullptr, 0};
      return;
    case Mechanism::RsaPkcs1:
      out.mechanism = {CKM_RSA_PKCS, nullptr, 0};
      return;
    case Mechanism::RsaPssSha256:
      out.mechanism = {CKM_RSA_PKCS_PSS, &out.pss, sizeof out.pss};
      return;
    case Mechanism::Eddsa:
      out.mechanism = {CKM_EDDSA, nullptr, 0};
      return;
  }
}

}  // namespace

HostResult<Session*> Signer::session() {
  if (!session_) {
    auto opened = token_->open_session();
    if (!opened) return opened.error();
    session_ = std::move(*opened);
  }
  return session_.get();
}

void Signer::close() {
  keys_.clear();
  session_.reset();
}

HostResult<void> Signer::keys_are_visible() {
  if (!token_->slot().login_required) return {};
  const auto logged_in = session_->user_logged_in();
  if (!logged_in) return logged_in.error();
  if (*logged_in) return {};
  Fault fault = cryptoki_fault("C_FindObjects", CKR_USER_NOT_LOGGED_IN, {});
  fault.detail = "No such private key is to be seen without a login: unlock the token.";
  return fault;
}

HostResult<Signer::Cached*> Signer::cached_key(BytesView spki, const Bytes& id, const std::string& label) {
  const auto open = session();
  if (!open) return open.error();
  const auto known = keys_.find(to_bytes(spki));
  if (known != keys_.end()) return &known->second;
  auto found = find_private_key(**open, spki, id, label);
  if (!found && found.error().kind == FaultKind::KeyAbsent) {
    const auto visible = keys_are_visible();
    if (!visible) return visible.error();
    // Another thread may have logged in since the search, which then saw no private key.
    found = find_private_key(**open, spki, id, label);
  }
  if (!found) return found.error();
  if (keys_.size() >= kMaxCachedKeys) keys_.clear();
  Cached cached{std::move(*found), true};
  return &keys_.insert_or_assign(to_bytes(spki), std::move(cached)).first->second;
}

HostResult<Bytes> Signer::run_operation(const FoundPrivateKey& key, Mechanism wanted, const Bytes& input) {
  std::shared_lock<std::shared_mutex> side_by_side;
  std::unique_lock<std::shared_mutex> alone;
  if (key.key.always_authenticate)
    alone = token_->alone();
  else
    side_by_side = token_->side_by_side();
  Module& module = session_->module();
  SignMechanism mechanism;
  set_mechanism(wanted, mechanism);
  const auto begun = module.call("C_SignInit", &CK_FUNCTION_LIST::C_SignInit, session_->handle(),
                                 &mechanism.mechanism, key.handle);
  if (!begun) return begun.error();
  if (key.key.always_authenticate) {
    const auto authenticated = token_->login_for_operation(*session_);
    if (!authenticated) return authenticated.error();
  }
  Bytes signature(kMaxSignature);
  CK_ULONG size = signature.size();
  const auto done =
      module.call("C_Sign", &CK_FUNCTION_LIST::C_Sign, session_->handle(),
                  const_cast<unsigned char*>(input.data()), CK_ULONG{input.size()}, signature.data(), &size);
  if (!done) return done.error();
  signature.resize(std::min<std::size_t>(size, signature.size()));
  return signature;
}

HostResult<SignReply> Signer::sign_once(const SignRequest& request) {
  const auto key = cached_key(request.spki, request.id, request.label);
  if (!key) return key.error();
  auto signature = run_operation((*key)->found, request.mechanism, request.input);
  if (!signature) return signature.error();
  SignReply reply;
  reply.signature = std::move(*signature);
  reply.fresh_handle = std::exchange((*key)->fresh, false);
  reply.logged_in_again = logged_in_again_;
  token_->signed_well();
  return reply;
}

// Whether it is worth another try, after doing what the fault's class asks for.
HostResult<bool> Signer::mend(const Fault& fault, std::uint64_t logins_seen, bool& retried,
                              bool& logged_in_again) {
  if (fault.kind != FaultKind::Cryptoki) return false;
  // A C_Login that failed is never repeated by itself: each one may cost a try.
  if (fault.call == "C_Login") return false;
  switch (fault.klass) {
    case CkrClass::Retry:
    case CkrClass::ReopenSession:
      return !std::exchange(retried, true);
    case CkrClass::LoginAgain:
      if (fault.elapsed_ms >= kTouchWait || std::exchange(logged_in_again, true)) return false;
      return token_->login_again(logins_seen);
    default:
      return false;
  }
}

template <typename Work>
auto Signer::persistently(Work work) -> decltype(work()) {
  bool retried = false;
  logged_in_again_ = false;
  for (;;) {
    const std::uint64_t logins_seen = token_->login_count();
    auto result = work();
    if (result) return result;
    if (result.error().kind == FaultKind::Cryptoki) close();
    const auto again = mend(result.error(), logins_seen, retried, logged_in_again_);
    if (!again) return again.error();
    if (!*again) return result;
  }
}

HostResult<SignReply> Signer::sign(const SignRequest& request) {
  if (request.further.size() > kMostFurtherInputs)
    return make_fault(FaultKind::Protocol, "A request has too many inputs.");
  const std::uint64_t begun = processor_us();
  auto reply = persistently([&] { return sign_once(request); });
  if (!reply) return reply;
  sign_further(request, *reply);
  reply->processor_us = static_cast<std::uint32_t>(processor_us() - begun);
  return reply;
}

// Without persistence: whoever asked asks again for what is missing, and has the fault mended then. Not for a
// key that takes the PIN each time: a PIN that is refused must be told of at once.
void Signer::sign_further(const SignRequest& request, SignReply& reply) {
  for (const Bytes& input : request.further) {
    const auto key = cached_key(request.spki, request.id, request.label);
    if (!key || (*key)->found.key.always_authenticate) return;
    auto signature = run_operation((*key)->found, request.mechanism, input);
    if (!signature) {
      close();  // OpenSC leaves a failed operation active
      return;
    }
    reply.further.push_back(std::move(*signature));
  }
}

HostResult<FindKeyReply> Signer::find(const FindKeyRequest& request) {
  return persistently([&]() -> HostResult<FindKeyReply> {
    const auto key = cached_key(request.spki, request.id, request.label);
    if (!key) return key.error();
    return FindKeyReply{(*key)->found.key};
  });
}

HostResult<FindObjectsReply> Signer::list(const FindObjectsRequest& request) {
  return persistently([&]() -> HostResult<FindObjectsReply> {
    const auto open = session();
    if (!open) return open.error();
    auto keys = list_private_keys(**open, request.id, request.label);
    if (!keys || !keys->keys.empty() || keys->skipped != 0) return keys;
    const auto visible = keys_are_visible();
    if (!visible) return visible.error();
    return list_private_keys(**open, request.id, request.label);  // somebody has logged in since, perhaps
  });
}

HostResult<ListCertificatesReply> Signer::certificates() {
  return persistently([&]() -> HostResult<ListCertificatesReply> {
    const auto open = session();
    if (!open) return open.error();
    return list_certificates(**open);
  });
}

}  // namespace signet::host
