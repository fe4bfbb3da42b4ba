// Metadata files that are given one by one, against a trusted root.
#include "client/tuf/file_check.h"

#include <catch2/catch.hpp>

#include "tests/client/repository_in_memory.h"

using namespace signet;
using namespace signet::client;
using namespace signet::test;

namespace {

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// The first digit of the first signature is another.
std::string with_flipped_signature(std::string text) {
  const std::size_t at = text.find("\"sig\": \"") + 12;
  text[at] = text[at] == '0' ? '1' : '0';
  return text;
}

}  // namespace

TEST_CASE("files one by one: roots in any order, delegations by the file that delegates") {
  Repository repository;
  CheckOptions options;
  options.now = kNow;
  const auto load = [&](const char* name) { return load_metadata(name, repository.files.at(name)).value(); };
  const auto check = [&](std::vector<const char*> names) {
    std::vector<LoadedFile> files;
    for (const char* name : names) files.push_back(load(name));
    auto report = check_files(load("1.root.json"), std::move(files), options);
    REQUIRE(report);
    std::string bad;
    for (const auto& step : report->steps)
      if (step.finding == Finding::Bad) bad += step.file + ": " + step.message + "\n";
    return bad;
  };
  CHECK(check({"2.root.json", "1.root.json"}) == "");
  CHECK(check({"timestamp.json", "4.snapshot.json", "3.targets.json"}) == "");
  CHECK(check({"1.releases%2Fv1.json", "3.targets.json", "2.root.json"}) == "");
  CHECK(has(check({"1.releases%2Fv1.json"}), "none of the files that verify delegates to releases/v1"));
  repository.files["3.targets.json"] = with_flipped_signature(repository.files["3.targets.json"]);
  const std::string both = check({"1.releases%2Fv1.json", "3.targets.json"});
  CHECK(has(both, "3.targets.json: "));
  CHECK(has(both, "1.releases%2Fv1.json: none of the files"));
  repository.files["2.root.json"] = sign(repository.root2, {repository.root_a});
  CHECK(has(check({"2.root.json"}), "2.root.json: "));
}
