// The host's side of the protocol: what each request does, and the loop that serves one connection.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "pkcs11/fault.h"
#include "pkcs11/module.h"
#include "pkcs11/signer.h"
#include "pkcs11/token.h"

namespace signet::host {

// What all connections of this process share: its mode, and the module once it is loaded. Thread safe.
class HostProcess {
 public:
  HostProcess(Mode mode, std::string module_path) : mode_(mode), path_(std::move(module_path)) {}

  Mode mode() const { return mode_; }
  // Loads and initialises the module, unless an earlier call did. Tried anew after a failure.
  HostResult<HelloReply> hello(const HelloRequest& request);
  // Before the process ends; see Module::finalise. Then the cards that it logged in to are reset.
  void finalise(std::chrono::steady_clock::time_point deadline);

  // Whether hello() has succeeded. Afterwards module() and tokens() are there for good; not before.
  bool ready() const { return ready_; }
  Module& module() { return *module_; }
  TokenTable& tokens() { return *tokens_; }

 private:
  HostResult<HelloReply> describe();

  const Mode mode_;
  const std::string path_;
  std::mutex mutex_;  // over the members below until ready_ is set
  std::unique_ptr<Module> module_;
  std::unique_ptr<TokenTable> tokens_;
  std::optional<HelloReply> info_;
  std::atomic<Module*> loaded_ = nullptr;
  std::atomic<bool> ready_ = false;
};

// One connection: its own session and key handles. One thread.
class Connection {
 public:
  explicit Connection(HostProcess& process) : process_(process) {}

  // Refuses (FaultKind::Protocol) what the mode or the state does not allow.
  HostResult<Reply> handle(Request request);

 private:
  HostResult<Reply> on(const HelloRequest& request);
  HostResult<Reply> on(const ListTokensRequest& request);
  HostResult<Reply> on(const OpenRequest& request);
  HostResult<Reply> on(LoginRequest& request);
  HostResult<Reply> on(const FindKeyRequest& request);
  HostResult<Reply> on(const FindObjectsRequest& request);
  HostResult<Reply> on(const ListCertificatesRequest& request);
  HostResult<Reply> on(const SignRequest& request);
  HostResult<Reply> on(const GenerateRequest& request);
  HostResult<Reply> on(const DestroyKeyRequest& request);
  HostResult<Reply> on(const StoreCertificateRequest& request);
  HostResult<Reply> on(const InitTokenRequest& request);
  HostResult<Reply> on(const InitPinRequest& request);
  HostResult<Reply> on(const SetPinRequest& request);
  HostResult<Reply> on(const LogoutRequest& request);
  HostResult<Reply> on(const ResetCardRequest& request);
  HostResult<Reply> on(const CardTriesRequest& request);
  HostResult<Reply> on(const UnblockCardRequest& request);
  HostResult<Reply> on(const CardKeyRequest& request);
  HostResult<Reply> on(const CardSlotRequest& request);
  HostResult<Reply> on(const HeldCardsRequest& request);

  HostResult<Reply> open_once(const TokenIdentity& identity);

  HostProcess& process_;
  std::optional<Signer> signer_;  // once Open has succeeded
};

// Serves frames from `socket` (which it owns) until its peer goes or sends what is no frame.
void serve(HostProcess& process, int socket);

}  // namespace signet::host
