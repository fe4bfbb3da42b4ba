// Whatever parse_strict_json accepts has one canonical form; parse_canonical_json reads exactly that form
// back.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "protocol/canonical_json.h"

namespace {

constexpr std::size_t kMaxSize = 1 << 16;

void check(bool holds) {
  if (!holds) std::abort();
}

// A refusal names a place inside the text and a reason.
void check_refusal(const signet::Error& error, std::string_view text) {
  const std::string_view where = error.parameters.at("where").as_string();
  check(where.starts_with('@'));
  check(std::strtoull(where.data() + 1, nullptr, 10) <= text.size());
  check(!error.parameters.at("why").as_string().empty());
  check(error.message.ends_with('.'));
}

void check_round_trip(const boost::json::value& value) {
  const auto canonical = signet::canonical_json(value);
  check(canonical.has_value());
  const auto again = signet::parse_canonical_json(*canonical, 2 * kMaxSize);
  check(again.has_value());
  check(*again == value);
  check(*signet::canonical_json(*again) == *canonical);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto value = signet::parse_strict_json(text, kMaxSize))
    check_round_trip(*value);
  else
    check_refusal(value.error(), text);

  if (const auto value = signet::parse_canonical_json(text, kMaxSize))
    check(*signet::canonical_json(*value) == text);
  else
    check_refusal(value.error(), text);
  return 0;
}
