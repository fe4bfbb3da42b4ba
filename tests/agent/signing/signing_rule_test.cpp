#include "agent/signing/signing_rule.h"

#include <openssl/evp.h>

#include <catch2/catch.hpp>
#include <set>

#include "agent/signing/key_replacement.h"
#include "agent/signing/signer_selection.h"
#include "tests/support/result_printing.h"

using namespace signet;

namespace {

constexpr auto kNow = std::chrono::sys_seconds(std::chrono::seconds(1'800'000'000));

// The Ed25519 public key of the private key whose 32 bytes are all n.
MetadataKey key(std::uint8_t n) {
  const Bytes seed(32, n);
  EVP_PKEY* const pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size());
  Bytes raw(32);
  std::size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(pair, raw.data(), &size);
  EVP_PKEY_free(pair);
  MetadataKey entry;
  entry.keyid = "keyid-" + std::to_string(n);
  entry.key = *PublicKey::from_ed25519(raw);
  return entry;
}

void put_role(Signed& root, const std::string& role, std::vector<std::uint8_t> keys, std::int64_t threshold) {
  RoleKeys role_keys;
  role_keys.threshold = threshold;
  for (const std::uint8_t n : keys) {
    role_keys.keyids.push_back(key(n).keyid);
    root.keys[key(n).keyid] = key(n);
  }
  root.roles[role] = role_keys;
}

Signed make_root(std::int64_t version, std::vector<std::uint8_t> root_keys, std::int64_t threshold) {
  Signed root;
  root.type = RoleType::Root;
  root.version = version;
  root.expires = "2030-01-01T00:00:00Z";
  root.expires_at = kNow + std::chrono::hours(24);
  put_role(root, "root", std::move(root_keys), threshold);
  put_role(root, "targets", {10}, 1);
  put_role(root, "snapshot", {11}, 1);
  put_role(root, "timestamp", {12}, 1);
  return root;
}

Signed make_targets(std::int64_t version) {
  Signed targets;
  targets.type = RoleType::Targets;
  targets.version = version;
  targets.expires = "2030-01-01T00:00:00Z";
  targets.expires_at = kNow + std::chrono::hours(24);
  return targets;
}

void delegate(Signed& targets, const std::string& role, std::uint8_t n, std::int64_t threshold) {
  DelegatedRole delegated;
  delegated.name = role;
  delegated.keys.keyids = {key(n).keyid};
  delegated.keys.threshold = threshold;
  targets.delegations.push_back(delegated);
  targets.keys[key(n).keyid] = key(n);
}

struct Case {
  SigningContext context;
  SigningAsk ask;

  Case(const Signed* trusted, const std::string& role, const Signed& candidate) {
    context.repository = "example.com/app";
    context.trusted_root = trusted;
    context.trusted_root_digest = "trusted-digest";
    context.now = kNow;
    ask.role = role;
    ask.candidate = &candidate;
    ask.digest = "candidate-digest";
  }
  Result<SigningDecision> decide() const { return decide_signing(context, ask); }
  std::string refusal() const {
    const auto decision = decide();
    if (decision) return "allowed";
    const auto& parameters = decision.error().parameters;
    const auto* why = parameters.if_contains("why");
    if (why == nullptr) why = parameters.if_contains("rule");
    return std::string(short_name(decision.error().name)) + " " + std::string(why->get_string());
  }
};

std::set<std::string> keyids(const Result<SigningDecision>& decision) {
  std::set<std::string> ids;
  for (const EligibleKey& entry : decision->keys) ids.insert(entry.keyid);
  return ids;
}

}  // namespace

TEST_CASE("the first root of a created repository is version 1, signed by its own keys") {
  const Signed first = make_root(1, {1, 2}, 2);
  const auto decision = Case(nullptr, "root", first).decide();
  REQUIRE(decision);
  CHECK(keyids(decision) == std::set<std::string>{"keyid-1", "keyid-2"});
  const Signed second = make_root(2, {1, 2}, 2);
  CHECK(Case(nullptr, "root", second).refusal() == "MetadataInvalid root-version");
}

TEST_CASE("a root is the trusted one plus one, or more signatures on the trusted one") {
  const Signed trusted = make_root(3, {1, 2}, 2);
  for (const std::int64_t version : {1, 2, 5}) {
    const Signed candidate = make_root(version, {1, 2}, 2);
    CHECK(Case(&trusted, "root", candidate).refusal() == "MetadataInvalid root-version");
  }
  const Signed next = make_root(4, {1, 2}, 2);
  CHECK(Case(&trusted, "root", next).refusal() == "allowed");
  const Signed same = make_root(3, {1, 2}, 2);
  Case again(&trusted, "root", same);
  CHECK(again.refusal() == "MetadataInvalid root-version");
  again.ask.digest = "trusted-digest";
  CHECK(again.refusal() == "allowed");
}

TEST_CASE("keys of the old and of the new root role sign; one that leaves is marked as leaving") {
  const Signed trusted = make_root(1, {1, 2}, 1);
  const Signed next = make_root(2, {2, 3}, 1);
  const auto decision = Case(&trusted, "root", next).decide();
  REQUIRE(decision);
  CHECK(keyids(decision) == std::set<std::string>{"keyid-1", "keyid-2", "keyid-3"});
  for (const EligibleKey& entry : decision->keys) CHECK(entry.being_removed == (entry.keyid == "keyid-1"));
}

TEST_CASE("a root key that stays in another role is not being removed") {
  const Signed trusted = make_root(1, {1, 2}, 1);
  Signed next = make_root(2, {2}, 1);
  put_role(next, "targets", {1}, 1);
  const auto decision = Case(&trusted, "root", next).decide();
  REQUIRE(decision);
  for (const EligibleKey& entry : decision->keys) CHECK_FALSE(entry.being_removed);
}

TEST_CASE("a lowered threshold of any role of a root is refused unless accepted") {
  const Signed trusted = make_root(1, {1, 2, 3}, 2);
  const Signed lower = make_root(2, {1, 2, 3}, 1);
  Case refused(&trusted, "root", lower);
  CHECK(refused.refusal() == "PolicyDenied lower-threshold");
  refused.ask.accept_lower_threshold = true;
  const auto accepted = refused.decide();
  REQUIRE(accepted);
  CHECK(accepted->lowered == std::vector<std::string>{"root: 2 -> 1"});

  Signed before = make_root(1, {1}, 1);
  put_role(before, "targets", {10, 13}, 2);
  Signed after = make_root(2, {1}, 1);
  put_role(after, "targets", {10, 13}, 1);
  CHECK(Case(&before, "root", after).refusal() == "PolicyDenied lower-threshold");
}

TEST_CASE("a lowered threshold of a delegation is refused unless accepted") {
  const Signed trusted = make_root(1, {1}, 1);
  Signed before = make_targets(1);
  delegate(before, "releases", 20, 2);
  Signed after = make_targets(2);
  delegate(after, "releases", 20, 1);
  Case lowered(&trusted, "targets", after);
  CHECK(lowered.refusal() == "allowed");  // nothing observed: nothing to compare with
  lowered.context.observed = &before;
  CHECK(lowered.refusal() == "PolicyDenied lower-threshold");
  lowered.ask.accept_lower_threshold = true;
  CHECK(lowered.refusal() == "allowed");
}

TEST_CASE("top-level roles take their keys from the trusted root") {
  const Signed trusted = make_root(1, {1}, 1);
  const Signed targets = make_targets(1);
  const auto decision = Case(&trusted, "targets", targets).decide();
  REQUIRE(decision);
  CHECK(keyids(decision) == std::set<std::string>{"keyid-10"});
  CHECK(Case(nullptr, "targets", targets).refusal() == "MetadataInvalid no-root");
}

TEST_CASE("a delegation takes its keys from its observed delegator") {
  const Signed trusted = make_root(1, {1}, 1);
  Signed delegator = make_targets(1);
  delegate(delegator, "releases", 20, 1);
  const Signed candidate = make_targets(1);
  Case releases(&trusted, "releases", candidate);
  CHECK(releases.refusal() == "MetadataInvalid no-delegator");
  releases.context.delegator = &delegator;
  releases.context.delegator_role = "targets";
  const auto decision = releases.decide();
  REQUIRE(decision);
  CHECK(keyids(decision) == std::set<std::string>{"keyid-20"});
  Case nightly(&trusted, "nightly", candidate);
  nightly.context.delegator = &delegator;
  CHECK(nightly.refusal() == "MetadataInvalid not-delegated");
}

TEST_CASE("format, type and expiry are checked before anything else") {
  const Signed trusted = make_root(1, {1}, 1);
  Signed targets = make_targets(1);
  CHECK(Case(&trusted, "snapshot", targets).refusal() == "MetadataInvalid type");
  CHECK(Case(&trusted, "root", targets).refusal() == "MetadataInvalid type");
  targets.expires_at = kNow;
  CHECK(Case(&trusted, "targets", targets).refusal() == "MetadataInvalid expired");
  targets.expires_at = kNow + std::chrono::seconds(1);
  CHECK(Case(&trusted, "targets", targets).refusal() == "allowed");
  targets.format = MetadataFormat::Notary;
  CHECK(Case(&trusted, "targets", targets).refusal() == "MetadataInvalid format");
}

TEST_CASE("an expired trusted root is a warning, for a newer one may be on its way") {
  Signed trusted = make_root(1, {1}, 1);
  trusted.expires_at = kNow - std::chrono::hours(1);
  const Signed targets = make_targets(1);
  const auto decision = Case(&trusted, "targets", targets).decide();
  REQUIRE(decision);
  CHECK(decision->warnings.size() == 1);
}

TEST_CASE("a role whose only keys cannot be read has no signer") {
  Signed trusted = make_root(1, {1}, 1);
  for (auto& [id, entry] : trusted.keys) entry.key.reset();
  const Signed targets = make_targets(1);
  CHECK(Case(&trusted, "targets", targets).refusal() == "MetadataInvalid no-known-key");
}

TEST_CASE("roles whose old keys can no longer meet their threshold start over") {
  const Signed before = make_root(1, {1}, 1);
  Signed after = make_root(2, {1}, 1);
  CHECK(replaced_roles(before, after).empty());
  put_role(after, "timestamp", {30}, 1);
  put_role(after, "root", {31}, 1);  // a root never starts over: its version is exactly plus one
  CHECK(replaced_roles(before, after) == std::vector<std::string>{"timestamp"});
  Signed wide = make_root(1, {1}, 1);
  put_role(wide, "snapshot", {11, 14, 15}, 2);
  Signed kept_two = make_root(2, {1}, 1);
  put_role(kept_two, "snapshot", {11, 14, 40}, 2);
  CHECK(replaced_roles(wide, kept_two).empty());
  Signed kept_one = make_root(2, {1}, 1);
  put_role(kept_one, "snapshot", {11, 40, 41}, 2);
  CHECK(replaced_roles(wide, kept_one) == std::vector<std::string>{"snapshot"});
}

namespace {

LedgerKey enrolled(std::uint8_t n, const std::string& name) {
  LedgerKey entry;
  entry.name = name;
  entry.fingerprint = key(n).key->fingerprint();
  entry.uses = {"tuf"};
  return entry;
}

struct Selection {
  std::vector<LedgerKey> keys;
  SigningDecision decision;

  Result<SignerSelection> select(std::vector<std::string> requested) const {
    const auto by_fingerprint = [this](const std::string& fingerprint) -> const LedgerKey* {
      for (const LedgerKey& entry : keys)
        if (entry.fingerprint == fingerprint) return &entry;
      return nullptr;
    };
    const auto by_name = [this](const std::string& name) -> const LedgerKey* {
      for (const LedgerKey& entry : keys)
        if (entry.name == name) return &entry;
      return nullptr;
    };
    return select_signers(decision, "root", requested, by_fingerprint, by_name);
  }
  std::string refusal(std::vector<std::string> requested) const {
    const auto selection = select(std::move(requested));
    if (selection) return "allowed";
    const Error error = selection.error();  // a copy: what points into it must not outlive it
    const auto* why = error.parameters.if_contains("why");
    return std::string(short_name(error.name)) + (why != nullptr ? " " + std::string(why->get_string()) : "");
  }
  void eligible(std::uint8_t n, bool being_removed) {
    EligibleKey entry{key(n).keyid, *key(n).key, being_removed};
    decision.keys.push_back(std::move(entry));
  }
};

}  // namespace

TEST_CASE("without a request every enrolled key of the role signs, and the others are named") {
  Selection selection;
  selection.eligible(1, false);
  selection.eligible(2, false);
  selection.keys = {enrolled(2, "alice"), enrolled(3, "bob")};
  const auto chosen = selection.select({});
  REQUIRE(chosen);
  REQUIRE(chosen->signers.size() == 1);
  CHECK(chosen->signers[0].enrolled.name == "alice");
  REQUIRE(chosen->absent.size() == 1);
  CHECK(chosen->absent[0].keyid == "keyid-1");
}

TEST_CASE("a requested key must be enrolled, in the role, for metadata, and not retired") {
  Selection selection;
  selection.eligible(1, false);
  selection.eligible(2, true);
  LedgerKey message_key = enrolled(1, "ci");
  message_key.uses = {"message"};
  selection.keys = {message_key, enrolled(3, "bob"), enrolled(2, "carol")};
  CHECK(selection.refusal({"nobody"}) == "NotFound");
  CHECK(selection.refusal({"bob"}) == "KeyRefused not-in-role");
  CHECK(selection.refusal({"ci"}) == "KeyRefused use-excluded");
  CHECK(selection.refusal({"carol"}) == "allowed");
  CHECK(selection.select({"carol", "carol"})->signers.size() == 1);
}

TEST_CASE("a retired key signs only the root that removes it") {
  Selection selection;
  selection.eligible(1, false);
  LedgerKey retired = enrolled(1, "alice");
  retired.retired = true;
  selection.keys = {retired};
  CHECK(selection.refusal({"alice"}) == "KeyRefused retired");
  CHECK(selection.refusal({}) == "KeyRefused retired");
  selection.decision.keys[0].being_removed = true;
  CHECK(selection.refusal({"alice"}) == "allowed");
  CHECK(selection.refusal({}) == "allowed");
}

TEST_CASE("a role without an enrolled key says so") {
  Selection selection;
  selection.eligible(1, false);
  CHECK(selection.refusal({}) == "NotFound");
}
