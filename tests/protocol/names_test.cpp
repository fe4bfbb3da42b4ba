#include <catch2/catch.hpp>

#include "tests/protocol/test_documents.h"

using namespace signet;
using signet::test::verdict;

TEST_CASE("formats and role types have names") {
  for (const MetadataFormat format : {MetadataFormat::Tuf, MetadataFormat::Notary})
    CHECK(parse_metadata_format(to_string(format)).value() == format);
  CHECK(verdict(parse_metadata_format("TUF")) == "InvalidParameter");
  for (const RoleType type : {RoleType::Root, RoleType::Targets, RoleType::Snapshot, RoleType::Timestamp})
    CHECK(role_type(to_string(type)) == type);
  CHECK(role_type("targets/releases") == RoleType::Targets);
  CHECK(role_type("Root") == RoleType::Targets);
}

TEST_CASE("role names that cannot lead out of a folder are taken") {
  for (const char* role :
       {"root", "release", "a/b", "a b", "größe", "v1.2..3", ".hidden", "...", "bin-0f", "targets/qa"})
    CHECK(verdict(check_role_name(role, MetadataFormat::Tuf)) == "accepted");
  CHECK(verdict(check_role_name(std::string(255, 'a'), MetadataFormat::Tuf)) == "accepted");
}

TEST_CASE("role names that could are refused") {
  for (const char* role : {"", "/", "/a", "a/", "a//b", ".", "..", "a/..", "../a", "a/./b", "a\\b", "a\nb",
                           "a\x7f", "a\xc2\x85", "a\xff"}) {
    CAPTURE(role);
    CHECK(verdict(check_role_name(role, MetadataFormat::Tuf)) == "role-name ");
    CHECK(verdict(check_role_name(role, MetadataFormat::Notary)) == "role-name ");
  }
  CHECK(verdict(check_role_name(std::string(256, 'a'), MetadataFormat::Tuf)) == "role-name ");
  CHECK(verdict(check_role_name(std::string_view("a\0b", 3), MetadataFormat::Tuf)) == "role-name ");
}

TEST_CASE("a delegation of Notary is below targets/ and in lower case") {
  for (const char* role : {"root", "targets", "snapshot", "timestamp", "targets/releases", "targets/a/b-c_9"})
    CHECK(verdict(check_role_name(role, MetadataFormat::Notary)) == "accepted");
  for (const char* role : {"releases", "targets/", "targets/A", "targets/a.b", "targets/ä", "root/a",
                           "targetsx/a", "targets/a b"})
    CHECK(verdict(check_role_name(role, MetadataFormat::Notary)) == "role-name ");
}

TEST_CASE("a repository name is taken in its normal form only") {
  for (const char* name : {"registry.example.com/org/app", "app", "localhost:5000/App",
                           "docker.io/library/a_b-c.d~1", "a+b@c/d"})
    CHECK(normalise_repository(name).value() == name);
  CHECK(normalise_repository(std::string(255, 'a')));
}

TEST_CASE("another repository name is refused, with the normal form where there is one") {
  const std::pair<const char*, const char*> mended[] = {
      {"Registry.Example.com/org/App", "registry.example.com/org/App"},
      {"https://registry.example.com/org/app/", "registry.example.com/org/app"},
      {"registry.example.com//org/./app", "registry.example.com/org/app"},
      {"/app", "app"},
      {"./app", "app"}};
  for (const auto& [name, normal] : mended) {
    const auto result = normalise_repository(name);
    CHECK(verdict(result) == "repository-name ");
    CHECK(result.error().message.find("\"" + std::string(normal) + "\"") != std::string::npos);
  }
  for (const char* name :
       {"", "/", "//", ".", "a/../b", "..", "a b", "a\nb", "ä", "a\\b", "a?b", "a%2fb", "https://"}) {
    CAPTURE(name);
    CHECK(verdict(normalise_repository(name)) == "repository-name ");
  }
  CHECK(verdict(normalise_repository(std::string(256, 'a'))) == "repository-name ");
}
