// What a token host is asked for a signature.
#pragma once

#include <string>
#include <unordered_map>

#include "agent/tokens/token_service.h"
#include "pkcs11/host_frame.h"

namespace signet {

// Where to look for a key first. A URI that cannot be read is no reason not to find the key by its public
// key.
struct KeyHint {
  Bytes id;
  std::string label;
};

// p11-kit takes 2 µs to read a URI, a fifth of what the agent spends on a signature: each is read once.
// Not thread safe.
class KeyHints {
 public:
  const KeyHint& of(const std::string& uri);

 private:
  static constexpr std::size_t kMost = 1024;
  std::unordered_map<std::string, KeyHint> hints_;
};

// MechanismUnsupported, InvalidParameter (input). Not left to the token: SoftHSM answers CKR_GENERAL_ERROR to
// a mechanism that does not fit the key, for which its host would be restarted and the PIN forgotten.
Result<void> check_sign(const KeyLocation& key, TokenMechanism mechanism, const Bytes& input);

host::Request sign_request(const KeyLocation& key, const KeyHint& hint, TokenMechanism mechanism,
                           Bytes input);

}  // namespace signet
