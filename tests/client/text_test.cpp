// What people see: tables, times, names from elsewhere, role names from file names.
#include <catch2/catch.hpp>

#include "client/command/console.h"
#include "client/command/error_text.h"
#include "client/command/exit_code.h"
#include "client/command/help_format.h"
#include "client/command/message_input.h"
#include "client/tuf/role_name.h"

using namespace signet;
using namespace signet::client;
using namespace std::chrono_literals;

TEST_CASE("what came from elsewhere cannot act on the terminal") {
  CHECK(printable("plain, ünïcode, 鍵") == "plain, ünïcode, 鍵");
  CHECK(printable("\033[31mred\n") == "\\x1b[31mred\\x0a");
  CHECK(printable("a\x7f") == "a\\x7f");
  CHECK(printable("\xc2\x9b"
                  "31m") == "\\xc2\\x9b31m");                                        // C1: CSI
  CHECK(printable("exe.\u202egpj") == "exe.\\xe2\\x80\\xaegpj");                     // right-to-left override
  CHECK(printable("\xff\xc0\xaf\xed\xa0\x80") == "\\xff\\xc0\\xaf\\xed\\xa0\\x80");  // no UTF-8
  CHECK(printable("\xe9\x8d") == "\\xe9\\x8d");                                      // cut off
  CHECK(printable("\xf4\x90\x80\x80") == "\\xf4\\x90\\x80\\x80");                    // beyond U+10FFFF
}

TEST_CASE("tables are aligned by characters, not bytes, and end without blanks") {
  CHECK(table({"NAME", "X"}, {{"schlüssel", "1"}, {"b", ""}}) == "NAME       X\nschlüssel  1\nb\n");
}

TEST_CASE("times, counts and lists in words") {
  const std::chrono::sys_seconds now{1'000'000s};
  CHECK(relative_time(now + 49h, now) == "in 2 days");
  CHECK(relative_time(now + 1h, now) == "in 1 hour");
  CHECK(relative_time(now, now) == "in 0 seconds");
  CHECK(relative_time(now - 61s, now) == "1 minute ago");
  CHECK(count_of(1, "key", "keys") == "1 key");
  CHECK(count_of(0, "key", "keys") == "0 keys");
  CHECK(join_words({}) == "");
  CHECK(join_words({"a", "b", "c"}) == "a, b and c");
}

TEST_CASE("colour only where it is wanted") {
  CHECK(Paint(false)(Color::Bad, "x") == "x");
  CHECK(Paint(true)(Color::Bad, "x") == "\033[31mx\033[0m");
  CHECK(Paint(true)(Color::None, "x") == "x");
}

TEST_CASE("help is wrapped at column 80") {
  const std::string text = wrap_paragraphs(std::string(30, 'a') + " " + std::string(30, 'b') + "\n" +
                                           std::string(30, 'c') + "\n\n  kept   as it is\n");
  CHECK(text == std::string(30, 'a') + " " + std::string(30, 'b') + "\n" + std::string(30, 'c') +
                    "\n\n  kept   as it is\n");
  CHECK(help_entry("--x", "what") == "  --x                   what\n");
}

TEST_CASE("each kind of error has its exit code") {
  const auto code = [](ErrorName name) { return static_cast<int>(exit_code(Error(name, "m"))); };
  CHECK(code(ErrorName::ConnectionFailed) == 3);
  CHECK(code(ErrorName::PinRequired) == 4);
  CHECK(code(ErrorName::PinRefused) == 4);
  CHECK(code(ErrorName::TokenAbsent) == 5);
  CHECK(code(ErrorName::VersionConflict) == 6);
  CHECK(code(ErrorName::Busy) == 8);
  CHECK(code(ErrorName::TouchTimeout) == 8);
  CHECK(code(ErrorName::PolicyDenied) == 9);
  CHECK(code(ErrorName::KeyRefused) == 9);
  CHECK(code(ErrorName::IdentityRefused) == 9);
  CHECK(code(ErrorName::MetadataInvalid) == 10);
  CHECK(code(ErrorName::LimitExceeded) == 10);
  CHECK(code(ErrorName::NotInitialised) == 11);
  CHECK(code(ErrorName::Internal) == 1);
  CHECK(code(ErrorName::FileFault) == 1);
  CHECK(static_cast<int>(exit_code(Error(ErrorName::PinRequired, "m", {{"interrupted", true}}))) == 130);
}

TEST_CASE("a version conflict says what was released and what can be done") {
  const Error error(ErrorName::VersionConflict, "No.",
                    {{"repository", "r"},
                     {"role", "targets"},
                     {"version", 4},
                     {"reason", "other_bytes"},
                     {"digest", "d1"},
                     {"payload", "{}"},
                     {"signatures", boost::json::array()}});
  const std::string text = error_text(error, Paint(false));
  CHECK(text.starts_with("signet: No.\n"));
  CHECK(text.find("targets version 4 of r, sha256 d1") != std::string::npos);
  CHECK(text.find("--save-released") != std::string::npos);
  CHECK(text.find("--supersede") != std::string::npos);
  Error older = error;
  older.parameters["reason"] = "older";
  older.parameters["payload"] = nullptr;
  const std::string other = error_text(older, Paint(false));
  CHECK(other.find("--save-released") == std::string::npos);
  CHECK(other.find("--supersede") == std::string::npos);
}

TEST_CASE("a file's name tells its role") {
  Signed content;
  content.type = RoleType::Targets;
  content.version = 2;
  const auto role = [&](const char* file) {
    auto name = role_of_file(file, content);
    return name ? *name : "refused";
  };
  CHECK(role("metadata/targets.json") == "targets");
  CHECK(role("2.targets.json") == "targets");
  CHECK(role("3.targets.json") == "3.targets");  // a role of that name: the version is another
  CHECK(role("a/releases.json") == "releases");
  CHECK(role("2.releases%2Fv1.json") == "releases/v1");
  CHECK(role("100%.json") == "100%");
  CHECK(role("bin-0f.json") == "bin-0f");
  CHECK(role("..json") == "refused");
  CHECK(role("%2e%2e.json") == "refused");
  content.type = RoleType::Timestamp;
  CHECK(role("whatever") == "timestamp");
  content.type = RoleType::Targets;
  content.format = MetadataFormat::Notary;
  CHECK(role("x/targets/releases.json") == "targets/releases");
  CHECK(role("x/targets/a/b.json") == "targets/a/b");
  CHECK(role("x/targets.json") == "targets");
  CHECK(role("x/releases.json") == "refused");
  CHECK(file_of_role("releases/v1 ü") == "releases%2Fv1%20%C3%BC.json");
  CHECK(file_of_role("a-b_c.d~e") == "a-b_c.d~e.json");
}

TEST_CASE("a signature file is base64 or the bytes") {
  CHECK(signature_bytes("AAEC\n") == Bytes{0, 1, 2});
  CHECK(signature_bytes("AAEC\r\n") == Bytes{0, 1, 2});
  CHECK(signature_bytes(std::string_view("\x30\x02\x00\n", 4)) == Bytes{0x30, 2, 0, '\n'});
  CHECK(signature_bytes("").empty());
}
