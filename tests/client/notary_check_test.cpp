// A repository that Debian's notary published (tests/protocol/data/notary), checked as its client would:
// three keys for delegations, a rotated root, signatures in Notary's own encodings, files that are listed
// without versions.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <map>

#include "client/tuf/repository_check.h"
#include "tests/protocol/test_documents.h"

using namespace signet;
using namespace signet::client;
using namespace signet::test;

namespace {

constexpr std::chrono::sys_seconds kPublished{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};
// The repository's names, and the data's.
const std::map<std::string, std::string> kNames{{"root.json", "root.json"},
                                                {"targets.json", "targets.json"},
                                                {"snapshot.json", "snapshot.json"},
                                                {"timestamp.json", "timestamp.json"},
                                                {"targets/releases.json", "targets_releases.json"},
                                                {"targets/qa.json", "targets_qa.json"}};

struct Published : RepositorySource {
  Published() {
    for (const auto& [name, data] : kNames) files[name] = read_data("notary/" + data);
    contents["hello"] = contents["app"] = contents["qa/app"] = "hello, world\n";
    contents["a<b>&c"] = "a name that Go escapes\n";
  }

  Result<std::optional<std::string>> metadata(const std::string& name) override {
    const auto file = files.find(name);
    return file == files.end() ? std::optional<std::string>() : file->second;
  }
  Result<std::optional<ContentDigest>> target(const std::string& path) override {
    const auto content = contents.find(path);
    if (content == contents.end()) return std::optional<ContentDigest>();
    return std::optional<ContentDigest>(digest_of(content->second));
  }

  CheckReport check(std::chrono::sys_seconds now = kPublished) {
    CheckOptions options;
    options.now = now;
    const auto report = check_repository("1.root.json", read_data("notary/1.root.json"), *this, options);
    REQUIRE(report);
    return *report;
  }
  // What is bad, a line for each.
  std::string faults(std::chrono::sys_seconds now = kPublished) {
    std::string all;
    for (const CheckStep& step : check(now).steps)
      if (step.finding == Finding::Bad) all += step.file + ": " + step.message + "\n";
    return all;
  }

  std::map<std::string, std::string> files, contents;
};

// Each signature in turn is another one.
std::string with_flipped_signature(const std::string& text, std::size_t which) {
  boost::json::value file = boost::json::parse(text);
  auto& signature = file.at("signatures").as_array().at(which).as_object().at("sig").as_string();
  signature[10] = signature[10] == 'A' ? 'B' : 'A';
  return boost::json::serialize(file);
}

}  // namespace

TEST_CASE("a repository of notary's is verified from its first root to its target files", "[notary]") {
  Published repository;
  const CheckReport report = repository.check();
  std::vector<std::string> verified;
  for (const CheckStep& step : report.steps) {
    INFO(step.file << ": " << step.message);
    CHECK(step.finding == Finding::Good);
    verified.push_back(step.role + " " + std::to_string(step.version));
  }
  CHECK(report.good());
  CHECK(verified == std::vector<std::string>{"root 1", "root 2", "timestamp 9", "snapshot 10", "targets 6",
                                             "targets 6", "targets/releases 1", "targets/qa 1",
                                             "targets/releases 1", "targets/qa 1"});
}

TEST_CASE("a flipped signature of any of notary's files is found", "[notary]") {
  for (const auto& [name, data] : kNames) {
    const std::string sound = read_data("notary/" + data);
    const std::size_t signatures = boost::json::parse(sound).at("signatures").as_array().size();
    REQUIRE(signatures >= 1);
    for (std::size_t which = 0; which < signatures; ++which) {
      Published repository;
      repository.files[name] = with_flipped_signature(sound, which);
      INFO(name << ", signature " << which);
      CHECK(repository.faults().find(name + ": ") != std::string::npos);
    }
  }
}

TEST_CASE("other content of any of notary's files is found", "[notary]") {
  for (const auto& [name, data] : kNames) {
    Published repository;
    std::string& text = repository.files[name];
    const std::size_t year = text.find("\"expires\":\"20") + 14;
    text[year] = text[year] == '9' ? '8' : '9';
    INFO(name);
    CHECK(repository.faults().find(name + ": ") != std::string::npos);
  }
}

TEST_CASE("a missing file, another target and a late hour are found in notary's repository", "[notary]") {
  for (const auto& [name, data] : kNames) {
    if (name == "root.json") continue;  // then the first root is the newest that is found
    Published repository;
    repository.files.erase(name);
    CHECK(repository.faults() == name + ": is not there\n");
  }
  Published unrotated;
  unrotated.files.erase("root.json");
  CHECK(unrotated.faults().find("1.root.json: has ") == 0);
  Published changed;
  changed.contents["qa/app"] = "hello, World\n";
  CHECK(changed.faults() == "qa/app: has another sha256 than it should have\n");
  Published late;
  CHECK(late.faults(kPublished + std::chrono::days(30)).find("timestamp.json: ") == 0);
}
