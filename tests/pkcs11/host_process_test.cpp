// The host as a process: how it starts, what it gives up, how it ends.
#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "pkcs11/host_socket.h"
#include "tests/build_paths.h"
#include "tests/pkcs11/host_client.h"
#include "tests/pkcs11/token_setup.h"
#include "tests/support/fault_shim.h"

namespace signet::test {
namespace {

using namespace signet::host;

constexpr double kSoon = 3;

std::string read_text(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::filesystem::path proc(const HostProgram& program, const char* name) {
  return std::filesystem::path("/proc") / std::to_string(program.pid()) / name;
}

// Waits until the host has made the call.
bool called(const FaultShim& shim, const char* call) {
  for (int i = 0; i < 5000 && shim.calls(call) == 0; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return shim.calls(call) != 0;
}

bool ended_well(HostProgram& program) {
  const auto status = program.wait(kSoon);
  return status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0;
}

TEST_CASE("The host ends when its control socket closes, whatever it is doing") {
  SoftHsm hsm;
  hsm.add_token("token");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  HostProgram program(Mode::Token, shim.module(), shim.environment());
  SECTION("before any connection") {
    program.close_control();
    CHECK(ended_well(program));
  }
  SECTION("idle, and the module is finalised") {
    HostConnection connection = open_token(program, identity_of(hsm, "token"));
    program.close_control();
    CHECK(ended_well(program));
    CHECK(shim.calls("C_Finalize") == 1);
    CHECK(connection.closed());
  }
  SECTION("in a call that hangs, and C_Finalize does not pull the module from under it") {
    HostConnection connection = program.connect();
    shim.set("C_GetSlotList 1 hang");
    connection.send(ListTokensRequest{});
    REQUIRE(called(shim, "C_GetSlotList"));
    program.close_control();
    CHECK(ended_well(program));
    CHECK(shim.calls("C_Finalize") == 0);
  }
  SECTION("in a C_Initialize that hangs") {
    shim.set("C_Initialize 1 hang");
    HostConnection connection = program.connect_raw();
    connection.send(HelloRequest{});
    REQUIRE(called(shim, "C_Initialize"));
    program.close_control();
    CHECK(ended_well(program));
  }
  SECTION("and when C_Finalize itself hangs") {
    HostConnection connection = program.connect();
    shim.set("C_Finalize 1 hang");
    program.close_control();
    CHECK(ended_well(program));
    CHECK(shim.calls("C_Finalize") == 1);
  }
}

TEST_CASE("A hanging session does not hold up another") {
  SoftHsm hsm;
  hsm.add_token("token");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  HostProgram program(Mode::Token, shim.module(), shim.environment());
  HostConnection stuck = program.connect();
  HostConnection free = program.connect();
  shim.set("C_GetSlotList 1 hang");
  stuck.send(ListTokensRequest{});
  REQUIRE(called(shim, "C_GetSlotList"));
  CHECK(free.get<ListTokensReply>(ListTokensRequest{}).slots.size() == 2);
  CHECK(free.get<HelloReply>(HelloRequest{}).pid == static_cast<std::uint32_t>(program.pid()));
}

TEST_CASE("A crash of the module is the end of the host, and of nothing else") {
  SoftHsm hsm;
  hsm.add_token("token");
  FaultShim shim(lib_dir(), SoftHsm::module(), hsm.environment());
  HostProgram program(Mode::Token, shim.module(), shim.environment());
  HostConnection connection = program.connect();
  shim.set("C_GetSlotList 1 crash");
  CHECK_THROWS(connection.ask(ListTokensRequest{}));
  const auto status = program.wait(kSoon);
  REQUIRE(status.has_value());
  CHECK(WIFSIGNALED(*status));
  HostProgram next(Mode::Token, shim.module(), shim.environment());
  CHECK(next.connect().get<ListTokensReply>(ListTokensRequest{}).slots.size() == 2);
}

TEST_CASE("The process gives up what it does not need") {
  SoftHsm hsm;
  // Descriptors that a careless parent leaves open.
  std::array<int, 2> leaked{};
  REQUIRE(::pipe(leaked.data()) == 0);
  HostProgram program(Mode::Scout, SoftHsm::module(), hsm.environment());
  HostConnection connection = program.connect();
  const std::string status = read_text(proc(program, "status"));
  CHECK(status.find("NoNewPrivs:\t1") != std::string::npos);
  CHECK(status.find("Umask:\t0077") != std::string::npos);
  const std::string limits = read_text(proc(program, "limits"));
  CHECK(limits.find("Max core file size        0                    0") != std::string::npos);
  CHECK(std::filesystem::read_symlink(proc(program, "fd/0")) == "/dev/null");
  std::size_t sockets = 0;
  for (const auto& entry : std::filesystem::directory_iterator(proc(program, "fd"))) {
    const std::string target = std::filesystem::read_symlink(entry.path()).string();
    const int number = std::stoi(entry.path().filename());
    CAPTURE(number, target);
    if (number <= STDERR_FILENO) continue;
    CHECK((target.starts_with("socket:") || target.find("softhsm") != std::string::npos));
    sockets += target.starts_with("socket:") ? 1 : 0;
  }
  CHECK(sockets == 2);  // the control socket and the one connection
  // Its life is its control socket: a signal to the whole group (Ctrl-C) is not meant for it.
  for (const int signal : {SIGINT, SIGHUP, SIGTERM, SIGPIPE}) ::kill(program.pid(), signal);
  CHECK(connection.get<ListTokensReply>(ListTokensRequest{}).slots.size() == 1);
  ::close(leaked[0]);
  ::close(leaked[1]);
}

TEST_CASE("What is no frame closes its connection, and no other") {
  SoftHsm hsm;
  HostProgram program(Mode::Scout, SoftHsm::module(), hsm.environment());
  HostConnection good = program.connect();
  const std::vector<Bytes> garbage = {
      Bytes(12, 0xff),                                   // a version of 255
      {0, 0, 0, 0, 1, 99, 0, 0, 0, 0, 0, 1},             // no such type
      {0xff, 0xff, 0xff, 0xff, 1, 1, 0, 0, 0, 0, 0, 1},  // far too long
      to_bytes(as_bytes("GET / HTTP/1.1\r\n\r\n")),
  };
  for (const Bytes& bytes : garbage) {
    HostConnection bad = program.connect_raw();
    REQUIRE(::send(bad.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    CHECK(bad.closed());
  }
  // A header that is right with a body that is not: the fault tells it, then the connection closes.
  HostConnection bad = program.connect_raw();
  const Bytes body_too_short = {0, 0, 0, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0};
  REQUIRE(::send(bad.fd(), body_too_short.data(), body_too_short.size(), MSG_NOSIGNAL) == 14);
  const Answer answer = bad.receive();
  CHECK(std::get<Fault>(answer).kind == FaultKind::Protocol);
  CHECK(bad.closed());
  CHECK(good.get<ListTokensReply>(ListTokensRequest{}).slots.size() == 1);
}

TEST_CASE("Frames arrive in pieces and in bunches") {
  SoftHsm hsm;
  HostProgram program(Mode::Scout, SoftHsm::module(), hsm.environment());
  HostConnection connection = program.connect_raw();
  const auto hello = encode_request(1, HelloRequest{std::string()}).value();
  for (const std::uint8_t byte : hello) {
    REQUIRE(::send(connection.fd(), &byte, 1, MSG_NOSIGNAL) == 1);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  Bytes all;
  for (int i = 0; i < 500; ++i) {
    const auto frame = encode_request(1, ListTokensRequest{}).value();
    all.insert(all.end(), frame.begin(), frame.end());
  }
  std::thread writer([&] {
    for (std::size_t sent = 0; sent < all.size();) {
      const ssize_t wrote = ::send(connection.fd(), all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (wrote <= 0) return;
      sent += static_cast<std::size_t>(wrote);
    }
  });
  // 501 replies, whole and in order.
  int replies = 0;
  for (; replies < 501; ++replies) {
    std::array<std::uint8_t, kHeaderSize> head{};
    if (::recv(connection.fd(), head.data(), head.size(), MSG_WAITALL) != static_cast<ssize_t>(head.size()))
      break;
    const auto header = decode_header(head);
    if (!header) break;
    Bytes body(header->length);
    if (::recv(connection.fd(), body.data(), body.size(), MSG_WAITALL) != static_cast<ssize_t>(body.size()))
      break;
    if (!decode_reply(*header, body)) break;
  }
  writer.join();
  CHECK(replies == 501);
}

TEST_CASE("Control messages that carry no connection end the host") {
  SoftHsm hsm;
  HostProgram program(Mode::Scout, SoftHsm::module(), hsm.environment());
  const std::uint8_t byte = GENERATE(std::uint8_t{1}, std::uint8_t{2});
  REQUIRE(::send(program.control(), &byte, 1, MSG_NOSIGNAL) == 1);
  const auto status = program.wait(kSoon);
  REQUIRE(status.has_value());
  CHECK(WEXITSTATUS(*status) == 1);
}

TEST_CASE("A module that cannot be loaded is told in words") {
  const auto module = GENERATE(as<std::string>(), "/no/such/module.so", source_dir() + "/CMakeLists.txt",
                               "/usr/lib/x86_64-linux-gnu/libcrypto.so.3");
  HostProgram program(Mode::Scout, module, {});
  const Fault fault = program.connect_raw().fault(HelloRequest{});
  CHECK(fault.kind == FaultKind::Module);
  CHECK((fault.call == "dlopen" || fault.call == "C_GetFunctionList"));
  CHECK(fault.detail.find(std::filesystem::path(module).filename().string()) != std::string::npos);
}

TEST_CASE("Wrong arguments are a usage error") {
  const std::vector<std::vector<std::string>> wrong = {{},
                                                       {"--token"},
                                                       {"--token", "--module"},
                                                       {"--token", "--module", "relative.so"},
                                                       {"--signer", "--module", "/m.so"},
                                                       {"--token", "--path", "/m.so"},
                                                       {"--token", "--module", "/m.so", "more"}};
  for (const auto& arguments : wrong) {
    HostProgram program(arguments, {});
    const auto status = program.wait(kSoon);
    REQUIRE(status.has_value());
    CHECK(WEXITSTATUS(*status) == 2);
  }
}

TEST_CASE("Reserved initialisation arguments reach the module") {
  // SoftHSM refuses any pReserved, which proves that it came.
  SoftHsm hsm;
  HostProgram program(Mode::Scout, SoftHsm::module(), hsm.environment());
  HostConnection connection = program.connect_raw();
  CHECK(ckr_name(connection.fault(HelloRequest{"configdir='/x'"}).ckr) == "CKR_ARGUMENTS_BAD");
  CHECK(connection.get<HelloReply>(HelloRequest{}).mode == Mode::Scout);
}

}  // namespace
}  // namespace signet::test
