// Makes the ledger that a fixture is: ledger_fixture_maker DIRECTORY. It has something of every table and
// state. Each schema version's fixture was made once, by the code of its time, and is never made again
// (data/README.md).
#include <cstdio>

#include "agent/ledger/ledger_store.h"
#include "tests/agent/ledger/ledger_fixture.h"

namespace signet::test {
namespace {

// Commits each call of a store in a directory that stays.
class Maker {
 public:
  explicit Maker(const char* directory) : store_(LedgerStore::create(directory, {}).value()) {}

  template <typename Call>
  auto call(Call&& work) {
    store_->begin_group(true).value();
    auto result = store_->run(true, work);
    store_->commit_group().value();
    return std::move(result).value();
  }
  LedgerStore& store() { return *store_; }

  std::int64_t reserve(const ReserveRequest& request) {
    return call([&] { return store_->reservations().reserve(request); }).id;
  }
  void sign(const ReserveRequest& request, const std::vector<KeyOutcome>& outcomes) {
    const std::int64_t id = reserve(request);
    call([&]() -> Result<bool> {
      if (auto done = store_->reservations().finish(id, outcomes); !done) return done.error();
      return true;
    });
  }
  void observe(const ObservedMetadata& metadata, const std::vector<std::string>& restarted = {}) {
    call([&] { return store_->repositories().observe("a", metadata, restarted, someone()); });
  }

 private:
  std::unique_ptr<LedgerStore> store_;
};

void add_names(Maker& maker) {
  maker.call([&]() -> Result<bool> {
    for (const char* name : {"k1", "k2", "k3", "gone"})
      if (auto added = maker.store().keys().add(make_key(name), someone()); !added) return added.error();
    if (auto added = maker.store().keys().add(make_key("raw", {"message"}), someone()); !added)
      return added.error();
    TrustedRoot root;
    root.version = 1;
    root.digest = digest_of("root 1 of a");
    root.metadata = "{}";
    auto adopted = maker.store().repositories().adopt("a", MetadataFormat::Tuf, root, someone());
    if (!adopted) return adopted.error();
    auto created = maker.store().repositories().create("b", MetadataFormat::Notary, someone());
    if (!created) return created.error();
    if (auto retired = maker.store().keys().retire("gone", someone()); !retired) return retired.error();
    return true;
  });
}

void sign_versions(Maker& maker) {
  maker.sign(make_request("a", "targets", 1, "one"), {signed_by("k1")});
  maker.observe(make_observed("targets", 1, "one"));
  maker.sign(make_request("a", "targets", 2, "two", {"k1", "k2"}), {signed_by("k1"), failed_by("k2")});
  auto better = make_request("a", "targets", 2, "two, better");
  better.supersede = true;
  maker.sign(better, {signed_by("k1")});
  maker.sign(make_request("a", "snapshot", 4, "released here"), {signed_by("k1")});
  maker.observe(make_observed("snapshot", 4, "published by others"));
  maker.sign(make_request("a", "timestamp", 5, "nobody signed", {"k3"}), {failed_by("k3")});
  maker.sign(make_request("b", "targets", 7, "seven", {"k3"}), {signed_by("k3")});
  maker.observe(make_observed("root", 2, "root 2 of a"), {"snapshot"});
}

void leave_things_open(Maker& maker) {
  maker.call([&]() -> Result<bool> {
    boost::json::object body{{"key", fingerprint_of("raw")}, {"input", "message"}};
    NewRecord message{"message-intent", std::move(body), {{"secret", "only for the agent"}}, someone()};
    if (auto written = maker.store().records().append(std::move(message)); !written) return written.error();
    PinTable& pins = maker.store().pins();
    if (auto begun = pins.begin("token 1", "00ff"); !begun) return begun.error();
    if (auto ended = pins.end("token 1", false); !ended) return ended.error();
    if (auto begun = pins.begin("token 1", "11ee"); !begun) return begun.error();
    return true;
  });
  maker.reserve(make_request("b", "targets", 8, "eight", {"k3"}));  // and never finished
}

}  // namespace
}  // namespace signet::test

int main(int count, char** words) {
  if (count != 2) {
    std::fprintf(stderr, "Usage: ledger_fixture_maker DIRECTORY\n");
    return 2;
  }
  signet::test::Maker maker(words[1]);
  signet::test::add_names(maker);
  signet::test::sign_versions(maker);
  signet::test::leave_things_open(maker);
  return 0;
}
