// What signetd and signet-checkpoint-signer say to each other over their socket pair: texts of lines, each
// after its length (4 bytes, big-endian). Private to one build. Pure, thread safe.
//
//   signer, once, at its start      greeting      "ready\n" VKEY "\n" (newest checkpoint's text, if there is
//   one) signetd                         request       "sign\n" (a hash in base64 "\n")* "\n" checkpoint's
//   text signer                          answer        "signed\n" signed note       or "refused\n" WHY "\n"
//   sentence
//
// The hashes are the consistency proof (RFC 6962) from the newest checkpoint that was signed to this one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/checkpoint.h"
#include "protocol/result.h"

namespace signet {

inline constexpr int kSignerSocket = 3;  // the descriptor that the signer inherits
inline constexpr std::size_t kMaxSignerMessage = 64 * 1024;

struct SignerGreeting {
  std::string verifier_key;
  std::optional<Checkpoint> newest;  // that was ever signed; nothing: none was
};

struct SignerRequest {
  std::string text;  // of the checkpoint
  std::vector<MerkleHash> proof;
};

std::string format_greeting(const SignerGreeting& greeting);
std::string format_request(const SignerRequest& request);
std::string format_answer(const Result<std::string>& note);

// Each: Internal for what is not one.
Result<SignerGreeting> parse_greeting(std::string_view message);
Result<SignerRequest> parse_request(std::string_view message);
// The signed note; for a refusal LedgerUnavailable with its why.
Result<std::string> parse_answer(std::string_view message);

}  // namespace signet
