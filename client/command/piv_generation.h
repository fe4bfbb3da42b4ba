// Keys in a PIV card's slots. The PKCS#11 modules make few of them: ykcs11 2.2.0 knows no touch and PIN
// policies and, with an AES management key, makes none; OpenSC makes no keys on PIV cards at all. ykman does,
// so this says with which commands, and where the key is found afterwards. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/signet.h"
#include "protocol/result.h"

namespace signet::client {

struct PivKey {
  std::string slot;  // 9a, 9c, 9d, 9e, 82 to 95
  std::string algorithm;
  std::string pin_policy = "default", touch_policy = "always";
  std::string name;  // of the key; its public half goes to the file NAME.pem
};

// "9a" … "95", as --slot takes them.
std::vector<std::string> piv_slots();

// A YubiKey, or another PIV card, as ykcs11 and OpenSC describe it: its keys are in slots.
bool is_piv(const TokenInfo& token);

// Why the token's module cannot make this key, whatever the card is like: a sentence. Nothing: it may, and
// the agent knows.
std::optional<std::string> why_by_ykman(const TokenInfo& token, const PivKey& key);

struct PivCommands {
  std::vector<std::string> lines;  // for a shell
  std::string public_key_file;
  // What a person should know of them; empty if nothing.
  std::vector<std::string> remarks;
};

// InvalidParameter (--algorithm): PIV has no such key, or the module cannot use it.
Result<PivCommands> piv_commands(const TokenInfo& token, const PivKey& key);

// CKA_ID of the key in a slot, in hexadecimal, as GenerateKey takes it.
std::string piv_key_id(std::string_view slot);

// RFC 7512, of the key in that slot of the token (CKA_ID is the same with both modules).
std::string piv_key_uri(const TokenInfo& token, std::string_view slot);

// For a shell: writes the certificate in `file` beside the key. Nothing for a token that is no PIV card, or a
// key that is in none of its slots.
std::optional<std::string> piv_import_command(const TokenInfo& token, std::string_view key_uri,
                                              const std::string& file);

// The token among those that are there now: it may be called another name than before, because OpenSC takes
// label and serial number from what ykman writes. Null if it cannot be told.
const TokenInfo* find_again(const std::vector<TokenInfo>& now, const TokenInfo& before);

}  // namespace signet::client
