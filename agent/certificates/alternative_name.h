// A subject's further names (RFC 5280 section 4.2.1.6). Pure, thread safe.
#pragma once

#include <string>
#include <string_view>

#include "protocol/bytes.h"
#include "protocol/result.h"

namespace signet {

inline constexpr std::size_t kMaxAlternativeName = 253;

struct AlternativeName {
  enum class Kind { Dns, Email, Uri, Ip };
  Kind kind = Kind::Dns;
  std::string text;  // without its prefix
  Bytes address;     // of an IP: 4 or 16 bytes

  bool operator==(const AlternativeName&) const = default;
};

// "dns:example.com", "dns:*.example.com", "email:who@example.com", "uri:https://…", "ip:192.0.2.1",
// "ip:2001:db8::1". InvalidParameter(names).
Result<AlternativeName> parse_alternative_name(std::string_view text);
// The same the other way.
std::string to_string(const AlternativeName& name);

}  // namespace signet
