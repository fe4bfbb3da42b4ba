// What the load generator measures: something that signs. One kind for each peer: the agent, a PKCS#11 module
// in process (p11-kit's client is one as well), an ssh-agent.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace signet::bench {

inline constexpr std::size_t kMessageSize = 32;

enum class Algorithm { EcdsaP256, Rsa2048, Ed25519 };

// One client. Not thread safe: one thread each.
class Signer {
 public:
  virtual ~Signer() = default;
  // Signs as many different messages as batch() says; the first bytes of a message are `number` and counting.
  virtual Result<void> sign(std::uint64_t number) = 0;
  virtual std::uint64_t batch() const { return 1; }
};

// Makes a client that is ready to sign: connected, logged in, its key found. Called by one thread at a time;
// in the thread or process that will sign.
using SignerMaker = std::function<Result<std::unique_ptr<Signer>>(int client)>;

// Messages differ, as a caller's would.
Bytes make_message(int client, std::uint64_t number);

struct AgentTarget {
  std::string socket, key;
  std::uint64_t batch = 1;  // payloads in one call
};
SignerMaker agent_signers(AgentTarget target);

struct ModuleTarget {
  std::string module, token, pin_file, key;
  Algorithm algorithm = Algorithm::EcdsaP256;
};
// A session each; the module is loaded once in a process, which logs in once.
SignerMaker module_signers(ModuleTarget target);

struct SshTarget {
  std::string socket, key;  // the key's comment, which is its label on the token
  Algorithm algorithm = Algorithm::EcdsaP256;
};
SignerMaker ssh_signers(SshTarget target);

}  // namespace signet::bench
