// A frame's JSON: what of a secret stays on the stack. Its rules are in varlink_message_test.cpp.
#include "protocol/frame_json.h"

#include <alloca.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <string>

#include "protocol/secret_json.h"
#include "protocol/varlink_message.h"

// Sanitizers keep frames elsewhere, and forbid to look.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if !defined(__has_feature)
#define SIGNET_MAY_LOOK 1
#elif !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer)
#define SIGNET_MAY_LOOK 1
#endif
#endif

using namespace signet;

#ifdef SIGNET_MAY_LOOK
namespace {

constexpr std::size_t kLook = 60 * 1024;
const char* const kPin = "80351774";  // in no stack frame

[[gnu::noinline]] void paint() {
  std::memset(::alloca(kLook), 0, kLook);
  asm volatile("" ::: "memory");
}

// How often it stands in what functions that have returned left there.
[[gnu::noinline]] int count_below() {
  const auto top = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) - 256;
  int found = 0;
  for (std::uintptr_t at = top - kLook + 512; at < top; ++at) {
    const volatile char* const text = reinterpret_cast<const volatile char*>(at);
    bool same = true;
    for (int i = 0; i < 8 && same; ++i) same = text[i] == kPin[i];
    found += same ? 1 : 0;
  }
  return found;
}

int left_on_stack(const std::string& text, const boost::json::storage_ptr& storage) {
  paint();
  const bool parsed = parse_frame_json(text, storage).has_value();
  const int found = count_below();
  REQUIRE(parsed);
  return found;
}

std::string frame(std::size_t depth, const std::string& pin) {
  std::string text = "{\"pin\":\"" + pin + "\"}";
  for (std::size_t level = 1; level < depth; ++level) text = "{\"a\":" + text + "}";
  return text;
}

}  // namespace

TEST_CASE("parsing a frame leaves no secret on the stack") {
  const std::string pin = kPin;
  std::string escaped;  // so that the parser has to write it out
  for (const char digit : pin) escaped += "\\u00" + std::to_string(30 + (digit - '0'));
  int left_unwiped = 0;
  for (const std::string& word :
       {pin, escaped, pin + std::string(40, 'x'), escaped + std::string(5000, 'x')}) {
    for (const std::size_t depth : {std::size_t{1}, std::size_t{2}, kMaxFrameDepth}) {
      const std::string text = frame(depth, word);
      CAPTURE(text.substr(0, 60), depth);
      CHECK(left_on_stack(text, make_secret_storage()) == 0);
      left_unwiped += left_on_stack(text, {});
    }
  }
  CHECK(left_unwiped > 0);  // else this test looks in the wrong place
}
#endif
