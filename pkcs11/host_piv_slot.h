// PIV's slots as CKA_ID names them, the same in ykcs11 2.2.0 and OpenSC 0.23.0 (measured): 01 to 04 are 9a,
// 9c, 9d and 9e, 05 to 18 the retired 82 to 95.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "protocol/bytes.h"

namespace signet::host {

// Nothing for any other CKA_ID: ykcs11 makes a key for 19, too, in the place of the attestation key (f9), and
// of a longer one it reads the first byte (both measured).
constexpr std::optional<std::uint8_t> piv_slot(BytesView id) {
  constexpr std::array<std::uint8_t, 4> kNamed = {0x9A, 0x9C, 0x9D, 0x9E};
  constexpr unsigned kFirstRetired = 0x82, kLastRetired = 0x95, kFirstRetiredId = 5;
  if (id.size() != 1 || id[0] == 0) return std::nullopt;
  if (id[0] <= kNamed.size()) return kNamed[id[0] - 1U];
  const unsigned slot = kFirstRetired + id[0] - kFirstRetiredId;
  if (slot > kLastRetired) return std::nullopt;
  return static_cast<std::uint8_t>(slot);
}

}  // namespace signet::host
