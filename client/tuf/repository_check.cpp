#include "client/tuf/repository_check.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "client/tuf/role_name.h"
#include "protocol/bytes.h"
#include "protocol/threshold.h"

namespace signet::client {
namespace {

// What metadata says about a file against what the file is; empty if they agree. Hash algorithms that we do
// not know do not count, but one that we know must be there if any hash is.
std::string difference(const std::optional<std::int64_t>& length,
                       const std::map<std::string, std::string>& hashes, const ContentDigest& content) {
  if (length && *length != content.length)
    return "has " + std::to_string(content.length) + " bytes, not " + std::to_string(*length);
  bool known = hashes.empty();
  for (const auto& [algorithm, hash] : hashes) {
    const auto found = content.hashes.find(algorithm);
    if (found == content.hashes.end()) continue;
    if (found->second != hash) return "has another " + algorithm + " than it should have";
    known = true;
  }
  return known ? "" : "has no hash of an algorithm that is known here (sha256, sha512)";
}

std::string files_text(std::size_t count, const char* one, const char* many) {
  return std::to_string(count) + (count == 1 ? " target file " : " target files ") +
         (count == 1 ? one : many);
}

// Where a target lies: below its path, and with consistent snapshots its name begins with its hash.
std::vector<std::string> target_places(const std::string& path, const TargetFile& target, bool consistent) {
  std::vector<std::string> places;
  const std::size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  if (consistent)
    for (const auto& [algorithm, hash] : target.hashes) places.push_back(folder + hash + "." + name);
  else
    places.push_back(path);
  return places;
}

class Check {
 public:
  Check(RootChain chain, RepositorySource& source, const CheckOptions& options)
      : chain_(std::move(chain)), source_(source), options_(options) {}

  Result<CheckReport> run() {
    auto done = walk();
    if (!done) return done.error();
    return std::move(report_);
  }

 private:
  Result<void> walk();
  Result<bool> walk_roots();
  Result<bool> newest_root_file();
  Result<std::optional<LoadedFile>> load(const std::string& name);
  Result<std::optional<LoadedFile>> load_named_by(const LoadedFile& lister, const std::string& lister_role,
                                                  const std::string& role);
  Result<std::optional<LoadedFile>> load_listed(const std::string& role, const MetaFile& listed);
  bool check_signatures(const LoadedFile& file, const Signed& delegator, const std::string& delegator_name,
                        const std::string& role);
  void check_listed_root();
  Result<void> walk_delegations();
  Result<void> walk_delegation(const Signed& delegator, const std::string& delegator_role,
                               const std::string& role);
  std::vector<std::string> delegated_names(const Signed& delegator) const;
  Result<void> check_targets(const LoadedFile& file, const std::string& role);
  void report_unreached();
  void bad(const std::string& file, const std::string& role, std::int64_t version, std::string message) {
    report_.add(Finding::Bad, file, role, version, std::move(message));
  }

  RootChain chain_;
  RepositorySource& source_;
  CheckOptions options_;
  CheckReport report_;
  Signed snapshot_;
  std::deque<std::pair<LoadedFile, std::string>> unwalked_;  // targets files that verified, and their roles
  std::set<std::string> reached_;                            // roles that verified
};

// A file that cannot be read as metadata is a finding about the repository; only the source's own faults end
// the check.
Result<std::optional<LoadedFile>> Check::load(const std::string& name) {
  auto text = source_.metadata(name);
  if (!text) return text.error();
  if (!*text) {
    bad(name, "", 0, "is not there");
    return std::optional<LoadedFile>();
  }
  auto file = load_metadata(name, std::move(**text));
  if (!file) {
    bad(name, "", 0, file.error().message);
    return std::optional<LoadedFile>();
  }
  return std::optional<LoadedFile>(std::move(*file));
}

Result<std::optional<LoadedFile>> Check::load_listed(const std::string& role, const MetaFile& listed) {
  const Signed& root = chain_.newest().content;
  const bool numbered = root.consistent_snapshot && root.format == MetadataFormat::Tuf;
  const std::string plain = root.format == MetadataFormat::Tuf ? file_of_role(role) : role + ".json";
  auto file = load(numbered ? std::to_string(listed.version) + "." + plain : plain);
  if (!file || !*file) return file;
  const LoadedFile& loaded = **file;
  const Signed& content = loaded.metadata.content;
  const std::string wrong = difference(listed.length, listed.hashes, digest_of(loaded.text));
  if (!wrong.empty()) bad(loaded.name, role, content.version, wrong);
  // Notary lists no versions.
  const bool other_version = listed.version != 0 && content.version != listed.version;
  if (other_version)
    bad(loaded.name, role, content.version,
        "is version " + std::to_string(content.version) + ", but version " + std::to_string(listed.version) +
            " is listed");
  if (!wrong.empty() || other_version) return std::optional<LoadedFile>();
  return file;
}

Result<std::optional<LoadedFile>> Check::load_named_by(const LoadedFile& lister,
                                                       const std::string& lister_role,
                                                       const std::string& role) {
  const Signed& content = lister.metadata.content;
  const auto listed = content.meta.find(role + ".json");
  if (listed != content.meta.end()) return load_listed(role, listed->second);
  bad(lister.name, lister_role, content.version, "lists no " + role + ".json");
  return std::optional<LoadedFile>();
}

bool Check::check_signatures(const LoadedFile& file, const Signed& delegator,
                             const std::string& delegator_name, const std::string& role) {
  const Signed& content = file.metadata.content;
  if (content.type != role_type(role)) {
    bad(file.name, role, content.version,
        "is of type \"" + std::string(to_string(content.type)) + "\", which " + role + " is not");
    return false;
  }
  auto signatures = verify_threshold(file.metadata, delegator, role);
  if (!signatures) {
    bad(file.name, role, content.version, signatures.error().message);
    return false;
  }
  report_.add(Finding::Good, file.name, role, content.version,
              threshold_text(signatures->valid.size(), signatures->threshold, delegator_name));
  check_expiry(content, file.name, role, options_, report_);
  return true;
}

Result<bool> Check::walk_roots() {
  for (;;) {
    const std::string name = std::to_string(chain_.newest().content.version + 1) + ".root.json";
    auto text = source_.metadata(name);
    if (!text) return text.error();
    if (!*text) return newest_root_file();
    auto next = load_metadata(name, std::move(**text));
    if (!next) bad(name, "root", 0, next.error().message);
    if (!next || !chain_.advance(std::move(*next), report_)) return false;
  }
}

// root.json, where there is one, is the newest root or the next.
Result<bool> Check::newest_root_file() {
  auto text = source_.metadata("root.json");
  if (!text) return text.error();
  if (*text) {
    auto root = load_metadata("root.json", std::move(**text));
    if (!root) bad("root.json", "root", 0, root.error().message);
    if (!root || !chain_.advance(std::move(*root), report_)) return false;
  }
  check_expiry(chain_.newest().content, chain_.newest_name(), "root", options_, report_);
  return true;
}

Result<void> Check::walk() {
  auto roots = walk_roots();
  if (!roots) return roots.error();
  if (!*roots) return {};
  const Signed root = chain_.newest().content;
  const std::string by = "root " + std::to_string(root.version);

  auto timestamp = load("timestamp.json");
  if (!timestamp) return timestamp.error();
  if (!*timestamp || !check_signatures(**timestamp, root, by, "timestamp")) return {};

  auto snapshot = load_named_by(**timestamp, "timestamp", "snapshot");
  if (!snapshot) return snapshot.error();
  if (!*snapshot || !check_signatures(**snapshot, root, by, "snapshot")) return {};
  snapshot_ = (*snapshot)->metadata.content;
  check_listed_root();

  auto targets = load_named_by(**snapshot, "snapshot", "targets");
  if (!targets) return targets.error();
  if (!*targets || !check_signatures(**targets, root, by, "targets")) return {};
  reached_.insert("targets");
  unwalked_.emplace_back(std::move(**targets), "targets");
  if (auto delegations = walk_delegations(); !delegations) return delegations.error();
  report_unreached();
  return {};
}

// Notary's snapshot lists the root too: where that is another one, a newer root is kept from us.
void Check::check_listed_root() {
  const Signed& root = chain_.newest().content;
  const auto listed = snapshot_.meta.find("root.json");
  if (root.format != MetadataFormat::Notary || listed == snapshot_.meta.end()) return;
  const std::string wrong =
      difference(listed->second.length, listed->second.hashes, digest_of(chain_.newest_text()));
  if (!wrong.empty())
    bad(chain_.newest_name(), "root", root.version, wrong + ": the snapshot lists another root");
}

// Succinct roles (TAP 15) have up to 2^32 bins: those that the snapshot lists are the ones that exist.
std::vector<std::string> Check::delegated_names(const Signed& delegator) const {
  std::vector<std::string> names;
  for (const auto& role : delegator.delegations) names.push_back(role.name);
  if (!delegator.succinct) return names;
  for (const auto& [file, listed] : snapshot_.meta) {
    if (!file.ends_with(".json") || !file.starts_with(delegator.succinct->name_prefix + "-")) continue;
    std::string name = file.substr(0, file.size() - 5);
    if (delegated_keys(delegator, name)) names.push_back(std::move(name));
  }
  return names;
}

// A queue, not recursion: how deep delegations go is for the repository to say.
Result<void> Check::walk_delegations() {
  while (!unwalked_.empty()) {
    const auto [file, delegator_role] = std::move(unwalked_.front());
    unwalked_.pop_front();
    if (auto targets = check_targets(file, delegator_role); !targets) return targets.error();
    for (const auto& role : delegated_names(file.metadata.content))
      if (auto walked = walk_delegation(file.metadata.content, delegator_role, role); !walked)
        return walked.error();
  }
  return {};
}

Result<void> Check::walk_delegation(const Signed& delegator, const std::string& delegator_role,
                                    const std::string& role) {
  const auto listed = snapshot_.meta.find(role + ".json");
  if (listed == snapshot_.meta.end()) {
    bad(file_of_role(role), role, 0, "is delegated by " + delegator_role + " but not listed in the snapshot");
    return {};
  }
  auto file = load_listed(role, listed->second);
  if (!file) return file.error();
  if (!*file || !check_signatures(**file, delegator, delegator_role, role)) return {};
  // Two delegators may name one role: each must find its own threshold met, but what follows is looked at
  // once.
  if (reached_.insert(role).second) unwalked_.emplace_back(std::move(**file), role);
  return {};
}

Result<void> Check::check_targets(const LoadedFile& file, const std::string& role) {
  const Signed& content = file.metadata.content;
  std::size_t good = 0, absent = 0;
  for (const auto& [path, target] : content.targets) {
    bool found = false;
    for (const auto& place : target_places(path, target, chain_.newest().content.consistent_snapshot)) {
      auto digest = source_.target(place);
      if (!digest) return digest.error();
      if (!*digest) continue;
      found = true;
      const std::string wrong = difference(target.length, target.hashes, **digest);
      if (!wrong.empty()) bad(place, role, content.version, wrong);
      good += wrong.empty() ? 1U : 0U;
    }
    absent += found ? 0U : 1U;
  }
  if (good > 0)
    report_.add(Finding::Good, file.name, role, content.version,
                files_text(good, "is as listed", "are as listed"));
  if (absent > 0)
    report_.add(Finding::Warning, file.name, role, content.version,
                files_text(absent, "is not here", "are not here"));
  return {};
}

void Check::report_unreached() {
  for (const auto& [file, listed] : snapshot_.meta) {
    if (!file.ends_with(".json")) continue;
    const std::string role = file.substr(0, file.size() - 5);
    if (role != "root" && !reached_.contains(role) && role_type(role) == RoleType::Targets && report_.good())
      report_.add(Finding::Warning, file, role, listed.version,
                  "is listed in the snapshot, but nobody delegates to it");
  }
}

std::string hash_of(const char* algorithm, std::string_view content) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  EVP_Digest(content.data(), content.size(), hash.data(), &size, EVP_get_digestbyname(algorithm), nullptr);
  return to_hex({hash.data(), size});
}

}  // namespace

ContentDigest digest_of(std::string_view content) {
  ContentDigest digest;
  digest.length = static_cast<std::int64_t>(content.size());
  for (const char* algorithm : {"sha256", "sha512"}) digest.hashes[algorithm] = hash_of(algorithm, content);
  return digest;
}

Result<CheckReport> check_repository(std::string anchor_name, std::string anchor, RepositorySource& source,
                                     const CheckOptions& options) {
  auto loaded = load_metadata(std::move(anchor_name), std::move(anchor));
  if (!loaded) return loaded.error();
  const std::int64_t version = loaded->metadata.content.version;
  const std::string name = loaded->name;
  auto chain = RootChain::start(std::move(*loaded));
  if (!chain) return chain.error();
  auto report = Check(std::move(*chain), source, options).run();
  if (report) {
    CheckStep trusted;
    trusted.file = name;
    trusted.role = "root";
    trusted.version = version;
    trusted.message = "is where the trust begins; its own keys signed it at threshold";
    report->steps.insert(report->steps.begin(), std::move(trusted));
  }
  return report;
}

}  // namespace signet::client
