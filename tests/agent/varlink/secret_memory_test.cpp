// A PIN passes through the agent without a trace: every block of memory that the server's thread frees is
// searched for it first. (This program replaces operator delete.)
#include <malloc.h>

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "protocol/secret_json.h"
#include "protocol/varlink_message.h"
#include "server_fixture.h"
#include "tests/support/result_printing.h"

namespace {

constexpr std::string_view kPin = "PIN-739214-canary";  // longer than what a string keeps in itself

thread_local bool watching = false;
std::atomic<int> traces{0}, searched{0};

void search_and_free(void* block) {
  if (block == nullptr) return;
  const std::size_t size = ::malloc_usable_size(block);
  if (watching) {
    ++searched;
    if (::memmem(block, size, kPin.data(), kPin.size()) != nullptr) ++traces;
  }
  // What the test itself leaves must not be found in a block that is used again.
  signet::wipe_memory(block, size);
  std::free(block);
}

struct Watch {
  Watch() {
    traces = searched = 0;
    watching = true;
  }
  ~Watch() { watching = false; }
};

}  // namespace

void* operator new(std::size_t size) {
  if (void* block = std::malloc(size == 0 ? 1 : size)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  const auto step = static_cast<std::size_t>(alignment);
  if (void* block = std::aligned_alloc(step, (size + step - 1) / step * step)) return block;
  throw std::bad_alloc();
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return std::malloc(size == 0 ? 1 : size);
}
void* operator new[](std::size_t size) {
  return operator new(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  return operator new(size, std::nothrow);
}
void operator delete[](void* block) noexcept {
  search_and_free(block);
}
void operator delete[](void* block, std::size_t) noexcept {
  search_and_free(block);
}
void operator delete(void* block, const std::nothrow_t&) noexcept {
  search_and_free(block);
}
void operator delete(void* block) noexcept {
  search_and_free(block);
}
void operator delete(void* block, std::size_t) noexcept {
  search_and_free(block);
}
void operator delete(void* block, std::align_val_t) noexcept {
  search_and_free(block);
}
void operator delete(void* block, std::size_t, std::align_val_t) noexcept {
  search_and_free(block);
}

namespace {

using signet::test::call_json;
using signet::test::RawClient;
using signet::test::ServerFixture;
namespace json = boost::json;

std::string unlock_call() {
  return call_json("org.signet.Agent.Unlock", {{"token", "t"}, {"pin", std::string(kPin)}});
}

}  // namespace

TEST_CASE("the search finds what is not wiped") {
  const Watch watch;
  { const std::string careless(kPin); }
  CHECK(traces == 1);
  { const json::value careless{std::string_view(kPin)}; }
  CHECK(traces > 1);
}

TEST_CASE("parsing leaves no trace, whatever the string goes through") {
  // Escapes are undone in another buffer; a long neighbour makes tables and strings grow.
  const std::string escaped = [] {
    std::string text = unlock_call();
    return text.replace(text.find("PIN-"), 4, "\\u0050IN-");
  }();
  const std::string grown =
      call_json("a.B", {{"pin", std::string(3000, 'x') + std::string(kPin)},
                        {"b", 1},
                        {"list", {std::string(kPin), std::string(kPin), 3, 4, 5, 6, 7, 8, 9}}});
  const std::string frame = GENERATE_COPY(unlock_call(), escaped, grown);
  const Watch watch;
  {
    auto call = signet::parse_call(frame);
    REQUIRE(call);
    auto pin = signet::secret_member(call->parameters, "pin");
    REQUIRE(pin);
    CHECK(pin->has_value());
    const signet::WipedBuffer written = signet::encode_call(*call);
    CHECK(written.size() > kPin.size());
  }
  CHECK(searched > 0);
  CHECK(traces == 0);
}

TEST_CASE("a frame that is refused leaves no trace either") {
  const std::string frame =
      GENERATE(unlock_call().substr(0, unlock_call().size() - 1), unlock_call() + "x",
               R"({"method":"a.B","parameters":{"pin":"PIN-739214-canary","pin":"PIN-739214-canary"}})");
  const Watch watch;
  CHECK(signet::parse_call(frame).has_error());
  CHECK(searched > 0);
  CHECK(traces == 0);
}

TEST_CASE("a call through the server leaves no trace, whole or in pieces") {
  ServerFixture server;
  server.on_loop([] {
    watching = true;
    traces = searched = 0;
  });
  RawClient client = server.connect();
  const std::string frame = unlock_call() + '\0';
  REQUIRE(client.send(frame));
  CHECK_FALSE(client.reply().contains("error"));
  for (const char c : frame) REQUIRE(client.send(std::string_view(&c, 1)));
  CHECK_FALSE(client.reply().contains("error"));
  // The PIN first, then enough to make the read buffer grow and move.
  const std::string large = frame.substr(0, frame.size() - 2) + std::string(100'000, ' ') + "}" + '\0';
  REQUIRE(client.send(large));
  CHECK_FALSE(client.reply().contains("error"));
  // Several in one read: what is taken out of the buffer must not stay in it.
  REQUIRE(client.send(frame + frame + frame));
  for (int i = 0; i < 3; ++i) CHECK_FALSE(client.reply().contains("error"));
  // Cut off in the middle; and refused.
  RawClient leaver = server.connect();
  REQUIRE(leaver.send(frame.substr(0, frame.size() - 3)));
  leaver.close();
  REQUIRE(client.send_frame(call_json("org.signet.Agent.Unlock", {{"pin", std::string(kPin)}})));
  CHECK(client.reply().contains("error"));
  client.close();
  server.await_connections(0);
  server.on_loop([] { watching = false; });
  CHECK(searched > 100);
  CHECK(traces == 0);
}
