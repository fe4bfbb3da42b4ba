#include "protocol/socket_path.h"

#include <stdlib.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "tests/agent/config/scratch.h"
#include "tests/support/result_printing.h"

namespace {

void set(const char* name, const std::string& value) {
  if (value.empty())
    ::unsetenv(name);
  else
    ::setenv(name, value.c_str(), 1);
}

}  // namespace

TEST_CASE("SIGNET_SOCKET goes before all, then the run directory") {
  set("SIGNET_SOCKET", "/somewhere/else.sock");
  set("XDG_RUNTIME_DIR", "/run/user/7");
  CHECK(signet::personal_socket_path().value() == "/somewhere/else.sock");
  CHECK(signet::client_socket_path().value() == "/somewhere/else.sock");
  set("SIGNET_SOCKET", "");
  CHECK(signet::personal_socket_path().value() == "/run/user/7/signet/agent.sock");
}

TEST_CASE("without a run directory the message says what to set") {
  set("SIGNET_SOCKET", "");
  set("XDG_RUNTIME_DIR", "");
  const auto path = signet::personal_socket_path();
  const std::filesystem::path usual = "/run/user/" + std::to_string(::getuid());
  if (std::filesystem::exists(usual)) {
    CHECK(path.value() == usual / "signet/agent.sock");
  } else {
    REQUIRE(path.has_error());
    CHECK_THAT(path.error().message, Catch::Contains("XDG_RUNTIME_DIR") && Catch::Contains("SIGNET_SOCKET"));
  }
}

TEST_CASE("a client takes the personal agent if there is one") {
  const signet::test::Scratch scratch;
  set("SIGNET_SOCKET", "");
  set("XDG_RUNTIME_DIR", scratch.path().string());
  const auto socket = scratch.write("signet/agent.sock", "");
  CHECK(signet::client_socket_path().value() == socket);
}
