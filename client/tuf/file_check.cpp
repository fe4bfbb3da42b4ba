#include "client/tuf/file_check.h"

#include <algorithm>
#include <utility>

#include "client/tuf/role_name.h"
#include "protocol/threshold.h"

namespace signet::client {
namespace {

struct RoleFile {
  LoadedFile file;
  std::string role;
  bool verified = false;
};

// Roots in the order of their versions; what is older than the anchor proves nothing.
void check_roots(RootChain& chain, std::vector<LoadedFile> roots, const CheckOptions& options,
                 CheckReport& report) {
  std::sort(roots.begin(), roots.end(), [](const LoadedFile& left, const LoadedFile& right) {
    return left.metadata.content.version < right.metadata.content.version;
  });
  const std::int64_t anchor = chain.newest().content.version;
  for (auto& root : roots) {
    const std::int64_t version = root.metadata.content.version;
    if (version < anchor)
      report.add(Finding::Warning, root.name, "root", version,
                 "is older than the trusted root: not looked at");
    else
      chain.advance(std::move(root), report);
  }
  check_expiry(chain.newest().content, chain.newest_name(), "root", options, report);
}

// Whether `delegator` names the file's role; a step in the report if it does.
bool judge(RoleFile& file, const Signed& delegator, const std::string& delegator_name,
           const CheckOptions& options, CheckReport& report) {
  if (!delegated_keys(delegator, file.role)) return false;
  const Signed& content = file.file.metadata.content;
  auto signatures = verify_threshold(file.file.metadata, delegator, file.role);
  file.verified = signatures.has_value();
  report.add(file.verified ? Finding::Good : Finding::Bad, file.file.name, file.role, content.version,
             file.verified ? threshold_text(signatures->valid.size(), signatures->threshold, delegator_name)
                           : signatures.error().message);
  check_expiry(content, file.file.name, file.role, options, report);
  return true;
}

bool judge_by_any(RoleFile& file, const std::vector<RoleFile>& judged, const CheckOptions& options,
                  CheckReport& report) {
  for (const auto& delegator : judged)
    if (delegator.verified && judge(file, delegator.file.metadata.content, delegator.role, options, report))
      return true;
  return false;
}

// Delegations wait until the file that delegates to them has been verified itself.
void check_delegations(std::vector<RoleFile> waiting, std::vector<RoleFile> judged,
                       const CheckOptions& options, CheckReport& report) {
  for (bool progress = true; progress;) {
    progress = false;
    for (auto file = waiting.begin(); file != waiting.end();) {
      if (!judge_by_any(*file, judged, options, report)) {
        ++file;
        continue;
      }
      judged.push_back(std::move(*file));
      file = waiting.erase(file);
      progress = true;
    }
  }
  for (const auto& file : waiting)
    report.add(Finding::Bad, file.file.name, file.role, file.file.metadata.content.version,
               "none of the files that verify delegates to " + file.role + ": name the file that does, too");
}

}  // namespace

Result<CheckReport> check_files(LoadedFile anchor, std::vector<LoadedFile> files,
                                const CheckOptions& options) {
  const auto is_root = [](const LoadedFile& file) { return file.metadata.content.type == RoleType::Root; };
  auto chain = RootChain::start(std::move(anchor));
  if (!chain) return chain.error();
  CheckReport report;
  std::vector<LoadedFile> roots;
  std::vector<RoleFile> judged, delegations;
  for (auto& file : files) {
    if (is_root(file)) {
      roots.push_back(std::move(file));
      continue;
    }
    auto role = role_of_file(file.name, file.metadata.content);
    if (!role) return role.error();
    RoleFile one;
    one.file = std::move(file);
    one.role = std::move(*role);
    const bool delegated = one.file.metadata.content.type == RoleType::Targets && one.role != "targets";
    (delegated ? delegations : judged).push_back(std::move(one));
  }
  check_roots(*chain, std::move(roots), options, report);
  const Signed& root = chain->newest().content;
  for (auto& file : judged) judge(file, root, "root " + std::to_string(root.version), options, report);
  check_delegations(std::move(delegations), std::move(judged), options, report);
  return report;
}

}  // namespace signet::client
