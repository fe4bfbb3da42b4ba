// Clients of signetd, as libsignet makes them.
#include <cstring>

#include "client/signet.h"
#include "tests/bench/load/signer.h"

namespace signet::bench {

Bytes make_message(int client, std::uint64_t number) {
  Bytes message(kMessageSize);
  std::memcpy(message.data(), &number, sizeof number);
  std::memcpy(message.data() + sizeof number, &client, sizeof client);
  return message;
}

namespace {

class AgentSigner : public Signer {
 public:
  AgentSigner(client::Agent agent, const AgentTarget& target, int client)
      : agent_(std::move(agent)), client_(client) {
    call_.key = target.key;
  }

  Result<void> sign(std::uint64_t number) override {
    call_.message = make_message(client_, number);
    const auto signature = agent_.sign_message(call_);
    if (!signature) return signature.error();
    return {};
  }

 private:
  client::Agent agent_;
  client::SignMessageCall call_;
  int client_;
};

// Lists of messages, one call for each.
class BatchSigner : public Signer {
 public:
  BatchSigner(client::Agent agent, const AgentTarget& target, int client)
      : agent_(std::move(agent)), size_(target.batch), client_(client) {
    call_.key = target.key;
  }

  Result<void> sign(std::uint64_t number) override {
    call_.messages.clear();
    for (std::uint64_t next = number; next < number + size_; ++next)
      call_.messages.push_back(make_message(client_, next));
    const auto made = agent_.sign_messages(call_);
    if (!made) return made.error();
    for (const client::BatchedSignature& one : made->results)
      if (!one.signature) return *one.fault;
    return {};
  }
  std::uint64_t batch() const override { return size_; }

 private:
  client::Agent agent_;
  client::SignMessagesCall call_;
  std::uint64_t size_;
  int client_;
};

}  // namespace

SignerMaker agent_signers(AgentTarget target) {
  return [target = std::move(target)](int client) -> Result<std::unique_ptr<Signer>> {
    client::ConnectOptions where;
    where.socket = target.socket;
    auto agent = client::Agent::connect(where);
    if (!agent) return agent.error();
    if (target.batch > 1)
      return std::unique_ptr<Signer>(std::make_unique<BatchSigner>(std::move(*agent), target, client));
    return std::unique_ptr<Signer>(std::make_unique<AgentSigner>(std::move(*agent), target, client));
  };
}

}  // namespace signet::bench
