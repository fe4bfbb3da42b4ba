#include "agent/config/owned_path.h"

#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "scratch.h"
#include "tests/support/result_printing.h"

using signet::check_root_owned;
namespace fs = std::filesystem;

TEST_CASE("a file of the system is root's") {
  CHECK(check_root_owned("/usr/bin/env", "env"));
  CHECK(check_root_owned("/bin/sh", "sh"));  // a link, in a linked directory
}

TEST_CASE("a missing file is told") {
  const auto owned = check_root_owned("/usr/lib/no-such-module.so", "the module x");
  REQUIRE(owned.has_error());
  CHECK_THAT(owned.error().message,
             Catch::Contains("the module x") && Catch::Contains("/usr/lib/no-such-module.so"));
}

TEST_CASE("each part of the way to a file counts") {
  // Below a directory of root's that only root can write to, when the tests run as root; else in $HOME with
  // our own uid.
  std::string base =
      (fs::path(::geteuid() == 0 ? "/root" : ::getenv("HOME")) / "signet-test-XXXXXX").string();
  REQUIRE(::mkdtemp(base.data()) != nullptr);
  const fs::path root = base;
  const uid_t own = ::geteuid();
  fs::create_directories(root / "dir");
  std::ofstream(root / "dir/file") << "x";
  ::chmod((root / "dir/file").c_str(), 0644);
  ::chmod((root / "dir").c_str(), 0755);
  if (check_root_owned(root, "base", own)) {
    CHECK(check_root_owned(root / "dir/file", "file", own));
    CHECK(check_root_owned(root / "dir/../dir/./file", "file", own));
    fs::create_symlink(root / "dir/file", root / "link");
    CHECK(check_root_owned(root / "link", "link", own));

    ::chmod((root / "dir/file").c_str(), 0664);
    CHECK_FALSE(check_root_owned(root / "dir/file", "file", own));
    ::chmod((root / "dir/file").c_str(), 0644);
    ::chmod((root / "dir").c_str(), 0757);
    CHECK_FALSE(check_root_owned(root / "dir/file", "file", own));
    CHECK_FALSE(check_root_owned(root / "link", "link", own));  // the target's directory counts
    ::chmod((root / "dir").c_str(), 01757);                     // sticky is not enough
    CHECK_FALSE(check_root_owned(root / "dir/file", "file", own));
    ::chmod((root / "dir").c_str(), 0755);
    fs::create_symlink("loop", root / "loop");
    CHECK_FALSE(check_root_owned(root / "loop", "loop", own));
    if (own == 0) {
      REQUIRE(::lchown((root / "dir/file").c_str(), 12345, 12345) == 0);
      const auto owned = check_root_owned(root / "dir/file", "file");
      REQUIRE(owned.has_error());
      CHECK_THAT(owned.error().message, Catch::Contains("chown root"));
    }
  } else {
    WARN("the home directory can be written by others: nothing to test against");
  }
  fs::remove_all(root);
}
