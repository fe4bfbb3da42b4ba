// A whole repository, checked as a client would: what is sound passes, and each single thing that is not is
// found.
#include "client/tuf/repository_check.h"

#include <algorithm>
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

TEST_CASE("a sound repository passes, with both ways of naming files") {
  for (const bool consistent : {true, false}) {
    Repository repository;
    repository.consistent = consistent;
    repository.root1 = repository.make_root(1, {repository.root_a, repository.root_b});
    repository.root2 = repository.make_root(2, {repository.root_a, repository.root_b});
    repository.publish();
    const CheckReport report = repository.check();
    CHECK(report.good());
    std::vector<std::string> roles;
    for (const auto& step : report.steps) {
      CHECK(step.finding == Finding::Good);
      roles.push_back(step.role + " " + std::to_string(step.version));
    }
    CHECK(roles == std::vector<std::string>{"root 1", "root 2", "timestamp 5", "snapshot 4", "targets 3",
                                            "targets 3", "releases/v1 1", "releases/v1 1"});
  }
}

TEST_CASE("a flipped signature of any file is found") {
  const Repository sound;
  for (const auto& [name, text] : sound.files) {
    if (name == "1.root.json") continue;  // the anchor comes from elsewhere
    Repository repository;
    repository.files[name] = with_flipped_signature(text);
    INFO(name);
    CHECK(has(repository.faults(), name + ": "));
  }
}

TEST_CASE("other content under a good signature is found") {
  const Repository sound;
  for (const auto& [name, text] : sound.files) {
    if (name == "1.root.json") continue;
    Repository repository;
    std::string changed = text;
    changed.replace(changed.find("2030"), 4, "2031");
    repository.files[name] = changed;
    INFO(name);
    CHECK(has(repository.faults(), name + ": "));
  }
}

TEST_CASE("a missing file is found, and names itself") {
  for (const char* name : {"timestamp.json", "4.snapshot.json", "3.targets.json", "1.releases%2Fv1.json"}) {
    Repository repository;
    repository.files.erase(name);
    CHECK(repository.faults() == std::string(name) + ": is not there\n");
  }
}

TEST_CASE("what cannot be read as metadata is found") {
  Repository repository;
  repository.files["4.snapshot.json"] = "{\"signed\": 1}";
  // Its bytes are wrong, too, but there is nothing that could have them.
  CHECK(has(repository.faults(), "4.snapshot.json: "));
}

TEST_CASE("expired metadata of any role is found, and only noted if that is wanted") {
  for (const char* role : {"root", "targets", "releases"}) {
    Repository repository;
    object& content = role == std::string("root")      ? repository.root2
                      : role == std::string("targets") ? repository.targets
                                                       : repository.releases;
    content["expires"] = "2026-11-22T00:00:00Z";  // this very second
    repository.publish();
    CHECK(has(repository.faults(), "expired at 2026-11-22T00:00:00Z"));
    CHECK(repository.faults(true) == "");
    content["expires"] = "2026-11-22T00:00:01Z";
    repository.publish();
    CHECK(repository.faults() == "");
  }
}

TEST_CASE("an old root that expired does not matter once there is a newer one") {
  Repository repository;
  repository.root1["expires"] = "2020-01-01T00:00:00Z";
  repository.publish();
  CHECK(repository.faults() == "");
}

TEST_CASE("a root needs the signatures of the root before it and its own") {
  Repository repository;
  const TestKey* fresh = &test_key(EcdsaP256, 1);
  repository.root2 = repository.make_root(2, {repository.root_b, fresh});
  repository.files["2.root.json"] = sign(repository.root2, {repository.root_b, fresh});
  CHECK(has(repository.faults(), "2.root.json: "));  // one of the old two
  repository.files["2.root.json"] = sign(repository.root2, {repository.root_a, repository.root_b});
  CHECK(has(repository.faults(), "2.root.json: "));  // one of the new two
  repository.files["2.root.json"] = sign(repository.root2, {repository.root_a, repository.root_b, fresh});
  CHECK(repository.faults() == "");
}

TEST_CASE("roots are walked one by one, and root.json is the newest or the next") {
  Repository repository;
  const object root3 = repository.make_root(3, {repository.root_a, repository.root_b});
  repository.files["root.json"] = repository.files["2.root.json"];
  CHECK(repository.faults() == "");
  repository.files["root.json"] = sign(root3, {repository.root_a, repository.root_b});
  CHECK(repository.faults() == "");
  repository.files.erase("2.root.json");  // now 2 is missing on the way to 3
  CHECK(has(repository.faults(), "root.json: "));
  repository.files["2.root.json"] = repository.files["root.json"];  // version 3 under the name of 2
  CHECK(has(repository.faults(), "2.root.json: "));
  Repository older;
  older.files["root.json"] = older.files["1.root.json"];
  CHECK(has(older.faults(), "root.json: "));
}

TEST_CASE("another root of the trusted version is found") {
  Repository repository;
  object other = repository.root2;
  other["expires"] = "2029-01-01T00:00:00Z";
  repository.files["root.json"] = sign(other, {repository.root_a, repository.root_b});
  CHECK(has(repository.faults(), "root.json: has the trusted root's version but other content"));
}

TEST_CASE("an anchor that its own keys did not sign, or that is no root, is refused") {
  Repository repository;
  CheckOptions options;
  options.now = kNow;
  CHECK_FALSE(check_repository("a", sign(repository.root1, {repository.root_a}), repository, options));
  CHECK_FALSE(check_repository("a", repository.files["3.targets.json"], repository, options));
  CHECK_FALSE(check_repository("a", "{}", repository, options));
}

TEST_CASE("a snapshot signed by another role's key is found") {
  Repository repository;
  repository.snapshot_signers = {repository.root_b};
  repository.publish();
  CHECK(has(repository.faults(), "4.snapshot.json: "));
}

TEST_CASE("versions, lengths and hashes that are listed must be those of the file") {
  Repository repository;
  const auto with_meta = [&](const char* file, const char* member, const boost::json::value& value) {
    object snapshot = base("snapshot", 4);
    snapshot["meta"] = object({{"targets.json", meta_of(repository.files["3.targets.json"], 3)},
                               {"releases/v1.json", meta_of(repository.files["1.releases%2Fv1.json"], 1)}});
    snapshot["meta"].as_object()[file].as_object()[member] = value;
    repository.publish_snapshot(snapshot);
    return repository.faults();
  };
  CHECK(with_meta("targets.json", "version", 3) == "");
  CHECK(has(with_meta("targets.json", "length", 7), "bytes, not 7"));
  CHECK(
      has(with_meta("targets.json", "hashes", object({{"sha256", std::string(64, '0')}})), "another sha256"));
  CHECK(has(with_meta("targets.json", "hashes", object({{"sha512", std::string(128, '0')}})),
            "another sha512"));
  CHECK(has(with_meta("releases/v1.json", "length", 7), "bytes, not 7"));
  // The file of the version that is listed is the one that is looked for.
  CHECK(has(with_meta("targets.json", "version", 2), "2.targets.json: is not there"));
  repository.files["2.targets.json"] = repository.files["3.targets.json"];
  CHECK(has(with_meta("targets.json", "version", 2), "is version 3, but version 2 is listed"));
}

TEST_CASE("a delegation that the snapshot does not list is found; one that nobody delegates is noted") {
  Repository repository;
  object snapshot = base("snapshot", 4);
  snapshot["meta"] = object({{"targets.json", meta_of(repository.files["3.targets.json"], 3)}});
  repository.publish_snapshot(snapshot);
  CHECK(
      has(repository.faults(), "releases%2Fv1.json: is delegated by targets but not listed in the snapshot"));

  snapshot["meta"].as_object()["releases/v1.json"] = meta_of(repository.files["1.releases%2Fv1.json"], 1);
  snapshot["meta"].as_object()["orphan.json"] = object({{"version", 1}});
  repository.publish_snapshot(snapshot);
  const CheckReport report = repository.check();
  CHECK(report.good());
  CHECK(report.steps.back().finding == Finding::Warning);
  CHECK(report.steps.back().file == "orphan.json");
}

TEST_CASE("a delegation signed by the delegator's key instead of its own is found") {
  Repository repository;
  const std::string text = sign(repository.releases, {repository.online});
  repository.files["1.releases%2Fv1.json"] = text;
  object snapshot = base("snapshot", 4);
  snapshot["meta"] = object({{"targets.json", meta_of(repository.files["3.targets.json"], 3)},
                             {"releases/v1.json", meta_of(text, 1)}});
  repository.publish_snapshot(snapshot);
  CHECK(has(repository.faults(), "1.releases%2Fv1.json: "));
}

TEST_CASE("delegations in a circle end") {
  Repository repository;
  object role = role_keys({repository.release}, 1);
  role["name"] = "releases/v1";
  role["paths"] = boost::json::array({"*"});
  role["terminating"] = false;
  repository.releases["delegations"] =
      object({{"keys", key_objects({repository.release})}, {"roles", boost::json::array({role})}});
  repository.publish();
  CHECK(repository.faults() == "");
}

TEST_CASE("target files: other content is found, absent ones are noted") {
  Repository repository;
  repository.contents["README"] = "read mE";
  CHECK(has(repository.faults(), "README: has another sha256"));
  repository.contents["README"] = "read me!";
  CHECK(has(repository.faults(), "README: has 8 bytes, not 7"));
  repository.contents.erase("README");
  const CheckReport report = repository.check();
  CHECK(report.good());
  CHECK(std::count_if(report.steps.begin(), report.steps.end(), [](const CheckStep& step) {
          return step.finding == Finding::Warning && step.message == "1 target file is not here";
        }) == 1);
}
