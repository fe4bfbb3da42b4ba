#include "agent/policy/parse_policy.h"

#include <catch2/catch.hpp>
#include <string>

#include "policy_fixture.h"

using namespace std::chrono_literals;
using namespace signet;
using namespace signet::test;

namespace {

constexpr const char* kEd25519 = "MCowBQYDK2VwAyEAsdeRxwyP9r5lw4/KFMorKJ24sr5ZEcZooBAXEmjhYes=";

struct BadCase {
  std::string text, begins, mentions;
};

}  // namespace

TEST_CASE("an empty policy has no rule") {
  const Policy policy = test::policy("");
  CHECK(policy.rules.empty());
  CHECK(policy.overflow_uid == 65534);
}

TEST_CASE("every key of a policy is read") {
  const std::string fingerprint(64, 'A');
  const Policy policy = test::policy(R"(
[[rule]]
name = "first"
user = ["alice", "@self", "alice"]
uid = [7]
group = "release"
gid = [2001, 2000]
issuer = "github"
claims = { repository = "org/app", ref = ["refs/heads/main", "refs/tags/*"] }
action = ["sign-metadata", "supersede"]
key = ["ci-*", ")" + fingerprint +
                                     R"("]
algorithm = ["ed25519", "ecdsa-p256"]
use = "tuf"
token = "15835999"
repository = ["registry.example.com/org/app", "registry.example.com/team/**"]
role = ["targets", "releases/*"]
expires-at-least = "1h"
expires-at-most = "30d"
versions-per-hour = 12
hours = ["mon-fri 08:00-18:00 UTC"]
target-paths = "app/**"
most-changed-targets = 3
least-threshold = { root = 2, targets = 1 }
least-root-keys = 3
refused-algorithms = ["rsa-2048"]
shared-keys = ["nightly"]
approvals = 2
approvers = ["ann", "ben"]
requester-may-approve = true
confirm = "person"
pin-cache = "15m"
[[rule]]
name = "second"
effect = "refuse"
anyone = true
action = "any"
[[principal]]
name = "ann"
user = "alice"
spki = [")" + std::string(kEd25519) +
                                     R"("]
[[principal]]
name = "ben"
uid = 1002
spki = """
-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0u/hSUd67KOO5+DgAe13UjTL8Rwo
fy4tJONV8/AcxFVbHByCfqOlPyHvdl9HZPP4MHHZc+69YorAp1gKp+YM8g==
-----END PUBLIC KEY-----
"""
[[issuer]]
name = "github"
issuer = "https://token.actions.githubusercontent.com"
jwks = "/etc/signet/github.json"
audiences = ["signet.example.com"]
algorithms = ["RS256", "ES256"]
max-uses = 5
skew = "1m"
)");
  REQUIRE(policy.rules.size() == 2);
  const PolicyRule& one = policy.rules[0];
  CHECK(one.name == "first");
  CHECK(one.line == 2);
  CHECK(one.allow);
  CHECK(one.who.uids == std::vector<uid_t>{kAlice, kSelf, 7});
  CHECK(one.who.gids == std::vector<gid_t>{kRelease, kStaff});
  CHECK(one.who.issuer == "github");
  CHECK(one.who.claims.at("repository").size() == 1);
  CHECK(one.who.claims.at("ref").size() == 2);
  CHECK(one.what.actions == std::vector<Action>{Action::SignMetadata, Action::Supersede});
  REQUIRE(one.what.keys.size() == 1);
  CHECK(one.what.keys[0].text() == "ci-*");
  CHECK(one.what.fingerprints == std::vector<std::string>{std::string(64, 'a')});
  CHECK(one.what.algorithms == std::vector<KeyAlgorithm>{KeyAlgorithm::Ed25519, KeyAlgorithm::EcdsaP256});
  CHECK(one.what.uses == std::vector<std::string>{"tuf"});
  CHECK(one.what.tokens.size() == 1);
  CHECK(one.what.repositories.size() == 2);
  CHECK(one.what.roles.size() == 2);
  CHECK(one.limits.expires_at_least == 1h);
  CHECK(one.limits.expires_at_most == std::chrono::days(30));
  CHECK(one.limits.versions_per_hour == 12);
  CHECK(one.limits.hours.size() == 1);
  CHECK(one.limits.target_paths.size() == 1);
  CHECK(one.limits.most_changed_targets == 3);
  CHECK(one.limits.least_threshold == std::map<std::string, std::int64_t>{{"root", 2}, {"targets", 1}});
  CHECK(one.limits.least_root_keys == 3);
  CHECK(one.limits.refused_algorithms == std::vector<KeyAlgorithm>{KeyAlgorithm::Rsa2048});
  CHECK(one.shared_keys == std::vector<std::string>{"nightly"});
  CHECK(one.needs.approvals == 2);
  CHECK(one.needs.approvers == std::vector<std::string>{"ann", "ben"});
  CHECK(one.needs.requester_may_approve);
  CHECK(one.needs.confirm == Confirm::Person);
  CHECK(one.needs.pin_cache == 15min);
  CHECK_FALSE(policy.rules[1].allow);
  CHECK(policy.rules[1].who.anyone);
  CHECK(policy.rules[1].what.actions.size() == kActions.size());
  REQUIRE(policy.principals.size() == 2);
  CHECK(policy.principals[0].uids == std::vector<uid_t>{kAlice});
  REQUIRE(policy.principals[0].keys.size() == 1);
  CHECK(policy.principals[0].keys[0].algorithm() == KeyAlgorithm::Ed25519);
  CHECK(policy.principals[1].uids == std::vector<uid_t>{kBob});
  REQUIRE(policy.principals[1].keys.size() == 1);
  CHECK(policy.principals[1].keys[0].algorithm() == KeyAlgorithm::EcdsaP256);
  CHECK(find_principal(policy, "ben") == &policy.principals[1]);
  CHECK(find_principal(policy, "bob") == nullptr);
  REQUIRE(policy.issuers.size() == 1);
  const PolicyIssuer& issuer = *find_issuer(policy, "github");
  CHECK(issuer.issuer == "https://token.actions.githubusercontent.com");
  CHECK(issuer.jwks == "/etc/signet/github.json");
  CHECK(issuer.audiences == std::vector<std::string>{"signet.example.com"});
  CHECK(issuer.algorithms == std::vector<std::string>{"RS256", "ES256"});
  CHECK(issuer.max_uses == 5);
  CHECK(issuer.skew == 60s);
}

TEST_CASE("a number as least-threshold is the role root's") {
  const Policy policy = test::policy(rule("least-threshold = 2\n"));
  CHECK(policy.rules[0].limits.least_threshold == std::map<std::string, std::int64_t>{{"root", 2}});
}

TEST_CASE("a mistake names its line and key, and what to write") {
  const std::string principal = "[[principal]]\nname = \"a\"\n";
  const std::string issuer =
      "[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\njwks = \"/j\"\nalgorithms = [\"RS256\"]\n";
  const auto bad = GENERATE_COPY(values<BadCase>({
      {"[agent]\n", "p:1: agent: ", "principal, issuer, rule"},
      {"rule = 3\n", "p:1: rule: ", "[[rule]]"},
      {"[rule]\nname = \"r\"\n", "p:1: rule: ", "[[rule]]"},
      {"rule = [3]\n", "p:1: rule: ", "table"},
      {rule("actions = 1\n"), "p:5: rule.actions: ", "There is: name, effect"},
      // names
      {"[[rule]]\nanyone = true\naction = \"any\"\n", "p:1: rule.name: ", "is missing"},
      {"[[rule]]\nname = \"a b\"\nanyone = true\naction = \"any\"\n", "p:2: rule.name: ", "characters"},
      {"[[rule]]\nname = \"\"\nanyone = true\naction = \"any\"\n", "p:2: rule.name: ", "characters"},
      {"[[rule]]\nname = 3\nanyone = true\naction = \"any\"\n", "p:2: rule.name: ", "text"},
      {"[[rule]]\nname = \"" + std::string(65, 'a') + "\"\nanyone = true\naction = \"any\"\n",
       "p:2: rule.name: ", "1 to 64"},
      {rule("") + rule(""), "p:6: rule.name: ", "taken"},
      {"[[rule]]\nname = \"no-rule-matched\"\nanyone = true\naction = \"any\"\n",
       "p:2: rule.name: ", "taken"},
      {"[[rule]]\nname = \"overflow-uid\"\nanyone = true\naction = \"any\"\n", "p:2: rule.name: ", "taken"},
      {rule("effect = \"deny\"\n"), "p:5: rule.effect: ", "allow, refuse"},
      // who
      {"[[rule]]\nname = \"r\"\naction = \"any\"\n", "p:2: rule.name: ", "not who it is for"},
      {"[[rule]]\nname = \"r\"\nanyone = false\naction = \"any\"\n", "p:2: rule.name: ", "not who it is for"},
      {rule("anyone = true\n"), "p:5: rule.anyone: ", "Leave one"},
      {rule("anyone = \"yes\"\n"), "p:5: rule.anyone: ", "true or false"},
      {"[[rule]]\nname = \"r\"\nuser = \"carol\"\naction = \"any\"\n",
       "p:3: rule.user: ", "no user \"carol\""},
      {"[[rule]]\nname = \"r\"\nuser = \"\"\naction = \"any\"\n", "p:3: rule.user: ", "no user"},
      {"[[rule]]\nname = \"r\"\nuser = []\naction = \"any\"\n", "p:3: rule.user: ", "empty list"},
      {"[[rule]]\nname = \"r\"\nuser = 1000\naction = \"any\"\n", "p:3: rule.user: ", "text"},
      {"[[rule]]\nname = \"r\"\nuser = \"nobody\"\naction = \"any\"\n",
       "p:3: rule.user: ", "cannot tell who"},
      {rule("uid = 65534\n"), "p:5: rule.uid: ", "cannot tell who"},
      {rule("uid = -1\n"), "p:5: rule.uid: ", "whole number"},
      {rule("uid = 4294967295\n"), "p:5: rule.uid: ", "4294967294"},
      {rule("uid = \"1000\"\n"), "p:5: rule.uid: ", "whole number"},
      {rule("group = \"wheel\"\n"), "p:5: rule.group: ", "no group \"wheel\""},
      {rule("group = \"@self\"\n"), "p:5: rule.group: ", "no group"},
      {rule("gid = 65534\n"), "p:5: rule.gid: ", "cannot tell who"},
      {rule("issuer = \"g\"\nclaims = { a = \"b\" }\n"), "p:5: rule.issuer: ", "no [[issuer]]"},
      {issuer + rule("issuer = \"g\"\n"), "p:10: rule.issuer: ", "every job"},
      {rule("claims = { a = \"b\" }\n"), "p:5: rule.claims: ", "Say whose"},
      {issuer + rule("issuer = \"g\"\nclaims = {}\n"), "p:11: rule.claims: ", "1 to 64 claims"},
      {issuer + rule("issuer = \"g\"\nclaims = \"x\"\n"), "p:11: rule.claims: ", "table"},
      {issuer + rule("issuer = \"g\"\nclaims = { a = true }\n"), "p:11: rule.claims.a: ", "text"},
      {issuer + rule("issuer = \"g\"\nclaims = { a = [] }\n"), "p:11: rule.claims.a: ", "empty list"},
      {issuer + rule("issuer = \"g\"\nclaims = { a = 'x\\' }\n"), "p:11: rule.claims.a: ", "backslash"},
      // what
      {"[[rule]]\nname = \"r\"\nanyone = true\n", "p:1: rule.action: ", "is missing"},
      {rule("", "[]"), "p:4: rule.action: ", "empty list"},
      {rule("", "\"sign\""), "p:4: rule.action: ", "any, sign-metadata, supersede"},
      {rule("", "[\"any\", \"adopt\"]"), "p:4: rule.action: ", "Leave out the others"},
      {rule("key = \"\"\n"), "p:5: rule.key: ", "it is empty"},
      {rule("key = 'a\\'\n"), "p:5: rule.key: ", "lone backslash"},
      {rule("algorithm = \"rsa\"\n"), "p:5: rule.algorithm: ", "rsa-2048"},
      {rule("use = \"signing\"\n"), "p:5: rule.use: ", "tuf, message, digest"},
      {rule("repository = \"https://registry.example.com/app\"\n"), "p:5: rule.repository: ", "refused"},
      {rule("repository = \"https://*\"\n"), "p:5: rule.repository: ", "refused"},
      {rule("repository = \"Registry.Example.com/app\"\n"), "p:5: rule.repository: ", "normal form"},
      {rule("repository = \"registry.example.com/*/\"\n"), "p:5: rule.repository: ", "refused"},
      {rule("role = \"a//b\"\n"), "p:5: rule.role: ", "refused"},
      {rule("role = \"/x\"\n"), "p:5: rule.role: ", "refused"},
      {rule("repository = \"a.example/b\"\n", "\"unlock\""),
       "p:5: rule.repository: ", "unlock concerns no repository"},
      {rule("role = \"root\"\n", "[\"sign-metadata\", \"sign-message\"]"),
       "p:5: rule.role: ", "sign-message concerns no role"},
      {rule("key = \"k\"\n", "\"unlock\""), "p:5: rule.key: ", "unlock concerns no key"},
      {rule("algorithm = \"ed25519\"\n", "\"adopt\""), "p:5: rule.algorithm: ", "adopt concerns no key"},
      {rule("use = \"tuf\"\n", "\"read-ledger\""), "p:5: rule.use: ", "read-ledger concerns no key"},
      {rule("token = \"t\"\n", "\"adopt\""), "p:5: rule.token: ", "adopt concerns no token"},
      // limits
      {rule("expires-at-most = 30\n"), "p:5: rule.expires-at-most: ", "\"30d\""},
      {rule("expires-at-most = \"59s\"\n"), "p:5: rule.expires-at-most: ", "from 1m to 36500d"},
      {rule("expires-at-least = \"36501d\"\n"), "p:5: rule.expires-at-least: ", "from 1m to 36500d"},
      {rule("expires-at-least = \"2d\"\nexpires-at-most = \"1d\"\n"),
       "p:5: rule.expires-at-least: ", "longer than"},
      {rule("versions-per-hour = 0\n"), "p:5: rule.versions-per-hour: ", "from 1"},
      {rule("versions-per-hour = 100001\n"), "p:5: rule.versions-per-hour: ", "to 100000"},
      {rule("hours = \"mon-fri 8-18\"\n"), "p:5: rule.hours: ", "08:00-18:00 UTC"},
      {rule("hours = [\"mon 08:00-18:00 CET\"]\n"), "p:5: rule.hours: ", "UTC is the only zone"},
      {rule("target-paths = []\n"), "p:5: rule.target-paths: ", "empty list"},
      {rule("most-changed-targets = -1\n"), "p:5: rule.most-changed-targets: ", "from 0 to 1000000"},
      {rule("least-threshold = 0\n"), "p:5: rule.least-threshold: ", "from 1 to 256"},
      {rule("least-threshold = 257\n"), "p:5: rule.least-threshold: ", "from 1 to 256"},
      {rule("least-threshold = { root = \"2\" }\n"), "p:5: rule.least-threshold: ", "table"},
      {rule("least-threshold = {}\n"), "p:5: rule.least-threshold: ", "table"},
      {rule("least-threshold = { \"a//b\" = 2 }\n"), "p:5: rule.least-threshold: ", "refused"},
      {rule("least-root-keys = 0\n"), "p:5: rule.least-root-keys: ", "from 1"},
      {rule("refused-algorithms = [\"dsa\"]\n"), "p:5: rule.refused-algorithms: ", "no algorithm"},
      {rule("attestation = \"yes\"\n"), "p:5: rule.attestation: ", "any, required"},
      {rule("attestation = \"required\"\n", "\"unlock\""), "p:5: rule.attestation: ", "concerns no key"},
      {rule("least-firmware = \"5\"\n"), "p:5: rule.least-firmware: ", "no version"},
      {rule("least-firmware = \"5.7.0.1\"\n"), "p:5: rule.least-firmware: ", "no version"},
      {rule("least-firmware = 5.7\n"), "p:5: rule.least-firmware: ", "text"},
      {rule("least-firmware = \"\"\n"), "p:5: rule.least-firmware: ", "no version"},
      {rule("touch-policies = [\"sometimes\"]\n"), "p:5: rule.touch-policies: ", "never, always, cached"},
      {rule("pin-policies = \"twice\"\n"), "p:5: rule.pin-policies: ", "match-always"},
      {rule("shared-keys = [\"ci-*\"]\n"), "p:5: rule.shared-keys: ", "whole names"},
      {rule("confirm = \"touch\"\n"), "p:5: rule.confirm: ", "none, person"},
      {rule("confirm = true\n"), "p:5: rule.confirm: ", "text"},
      {rule("pin-cache = \"0s\"\n"), "p:5: rule.pin-cache: ", "from 1s to 30d"},
      {rule("pin-cache = \"always\"\n"), "p:5: rule.pin-cache: ", "Or \"never\"."},
      {rule("pin-cache = \"31d\"\n"), "p:5: rule.pin-cache: ", "from 1s to 30d"},
      {principal + "uid = 1\n" + rule("approvals = 1\n"), "p:8: rule.approvals: ", "needs approvers"},
      {principal + "uid = 1\n" + rule("approvals = 2\napprovers = \"a\"\n"),
       "p:8: rule.approvals: ", "ever be approved"},
      {principal + "uid = 1\n" + rule("approvals = 2\napprovers = [\"a\", \"a\"]\n"),
       "p:8: rule.approvals: ", "there are 1 approvers"},
      {principal + "uid = 1\n" + rule("approvals = 0\napprovers = \"a\"\n"),
       "p:8: rule.approvals: ", "from 1 to 64"},
      {principal + "uid = 1\n" + rule("approvers = \"a\"\n"), "p:8: rule.approvers: ", "without approvals"},
      {rule("approvals = 1\napprovers = \"b\"\n"), "p:6: rule.approvers: ", "no [[principal]]"},
      {rule("requester-may-approve = true\n"), "p:5: rule.requester-may-approve: ", "without approvals"},
      // limits that an action cannot have
      {rule("expires-at-most = \"1d\"\n", "\"sign-message\""),
       "p:5: rule.expires-at-most: ", "nothing that expires"},
      {rule("versions-per-hour = 1\n", "\"issue-certificate\""),
       "p:5: rule.versions-per-hour: ", "signs no metadata"},
      {rule("refused-algorithms = \"rsa-2048\"\n", "\"unlock\""),
       "p:5: rule.refused-algorithms: ", "concerns no key"},
      {rule("pin-cache = \"1h\"\n", "\"administer\""), "p:5: rule.pin-cache: ", "needs no token's PIN"},
      {rule("target-paths = \"a\"\n", "\"any\""), "p:5: rule.target-paths: ", "as 10 more"},
      {rule("effect = \"refuse\"\nexpires-at-most = \"1d\"\n"),
       "p:6: rule.expires-at-most: ", "this rule refuses"},
      {rule("effect = \"refuse\"\nconfirm = \"person\"\n"), "p:6: rule.confirm: ", "this rule refuses"},
      // principals
      {"[[principal]]\nuid = 1\n", "p:1: principal.name: ", "is missing"},
      {principal, "p:2: principal.name: ", "no identity"},
      {principal + "uid = 1\n" + principal + "uid = 2\n", "p:5: principal.name: ", "taken"},
      {principal + "uid = 1\n[[principal]]\nname = \"b\"\nuid = 1\n",
       "p:6: principal.uid: ", "one uid stands for one"},
      {principal + "user = \"alice\"\n[[principal]]\nname = \"b\"\nuid = 1001\n",
       "p:6: principal.uid: ", "\"a\" already"},
      {principal + "spki = \"x\"\n", "p:3: principal.spki: ", "neither PEM nor base64"},
      {principal + "spki = \"AAAA\"\n", "p:3: principal.spki: ", "no public key"},
      {principal + "spki = \"-----BEGIN PUBLIC KEY-----\"\n", "p:3: principal.spki: ", "no public key"},
      {principal + "spki = \"" + kEd25519 + "\"\n[[principal]]\nname = \"b\"\nspki = \"" + kEd25519 + "\"\n",
       "p:6: principal.spki: ", "one key stands for one person"},
      // issuers
      {"[[issuer]]\nname = \"g\"\njwks = \"/j\"\nalgorithms = \"RS256\"\n",
       "p:1: issuer.issuer: ", "is missing"},
      {"[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\nalgorithms = \"RS256\"\n",
       "p:1: issuer.jwks: ", "is missing"},
      {"[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\njwks = \"/j\"\n",
       "p:1: issuer.algorithms: ", "is missing"},
      {"[[issuer]]\nname = \"g\"\nissuer = \"http://g\"\njwks = \"/j\"\nalgorithms = \"RS256\"\n",
       "p:3: issuer.issuer: ", "https://"},
      {"[[issuer]]\nname = \"g\"\nissuer = \"https://\"\njwks = \"/j\"\nalgorithms = \"RS256\"\n",
       "p:3: issuer.issuer: ", "https://"},
      {"[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\njwks = \"j\"\nalgorithms = \"RS256\"\n",
       "p:4: issuer.jwks: ", "absolute"},
      {"[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\njwks = \"/j\"\nalgorithms = \"none\"\n",
       "p:5: issuer.algorithms: ", "RS256"},
      {"[[issuer]]\nname = \"g\"\nissuer = \"https://g\"\njwks = \"/j\"\nalgorithms = [\"HS256\"]\n",
       "p:5: issuer.algorithms: ", "refused"},
      {issuer + "audiences = \"signet:00\"\n", "p:6: issuer.audiences: ", "bound to that"},
      {issuer + "max-uses = 2\n", "p:6: issuer.max-uses: ", "audiences"},
      {issuer + "audiences = \"a\"\nmax-uses = 0\n", "p:7: issuer.max-uses: ", "from 1"},
      {issuer + "skew = \"301s\"\n", "p:6: issuer.skew: ", "from 0s to 5m"},
      {issuer + "[[issuer]]\nname = \"h\"\nissuer = \"https://g\"\njwks = \"/j\"\nalgorithms = \"RS256\"\n",
       "p:8: issuer.issuer: ", "\"g\" already"},
      // not TOML
      {"[[rule]\n", "p:1: ", "this is not TOML"},
      {"[[rule]]\nname = \n", "p:2: ", "this is not TOML"},
      {"a = " + std::string(5000, '['), "p:1: ", "nested deeper"},
      {"#" + std::string(256 * 1024, 'x'), "p:1: ", "at most 262144"},
  }));
  CAPTURE(bad.text);
  const std::vector<std::string> all = mistakes_of(bad.text);
  REQUIRE(all.size() == 1);
  CHECK_THAT(all[0], Catch::StartsWith(bad.begins));
  CHECK_THAT(all[0], Catch::Contains(bad.mentions));
}

TEST_CASE("all mistakes are told at once, in the order of their lines") {
  const std::vector<std::string> all = mistakes_of(R"([[rule]]
name = "one"
user = ["carol", "alice", "dave"]
action = ["sign-metadata", "sing"]
expires-at-most = "1"
nonsense = true
[[principal]]
name = "ann"
[[rule]]
name = "one"
effect = "maybe"
anyone = 3
repository = "http://x"
action = "unlock"
)");
  const std::vector<std::string> expected{"p:3: rule.user: ",        "p:3: rule.user: ",
                                          "p:4: rule.action: ",      "p:5: rule.expires-at-most: ",
                                          "p:6: rule.nonsense: ",    "p:8: principal.name: ",
                                          "p:10: rule.name: ",       "p:10: rule.name: ",
                                          "p:11: rule.effect: ",     "p:12: rule.anyone: ",
                                          "p:13: rule.repository: ", "p:13: rule.repository: "};
  REQUIRE(all.size() == expected.size());
  for (std::size_t i = 0; i < all.size(); ++i) CHECK_THAT(all[i], Catch::StartsWith(expected[i]));
}
