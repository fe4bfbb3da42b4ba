// A key's attestation in words. Pure.
#pragma once

#include <string>

#include "client/signet.h"

namespace signet::client {

// Lines of "signet key show" and of others that tell of a key; empty for a key without an attestation.
std::string attestation_lines(const KeyInfo& key);

// The README beside an exported attestation: what the files are, and the commands that check them.
// has_intermediates: there is a file intermediate.pem.
std::string attestation_readme(const KeyInfo& key, bool has_intermediates);

}  // namespace signet::client
