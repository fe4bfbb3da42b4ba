#include "client/tuf/root_chain.h"

#include <utility>

#include "protocol/threshold.h"

namespace signet::client {
namespace {

Error about_file(const std::string& name, const Error& error) {
  return {error.name, name + ": " + error.message, error.parameters};
}

}  // namespace

Result<LoadedFile> load_metadata(std::string name, std::string text) {
  auto metadata = parse_metadata_file(text);
  if (!metadata) return about_file(name, metadata.error());
  LoadedFile file;
  file.name = std::move(name);
  file.text = std::move(text);
  file.metadata = std::move(*metadata);
  return file;
}

Result<RootChain> RootChain::start(LoadedFile anchor) {
  if (anchor.metadata.content.type != RoleType::Root)
    return Error(ErrorName::MetadataInvalid,
                 anchor.name + " is no root but of type \"" +
                     std::string(to_string(anchor.metadata.content.type)) +
                     "\". Name the root that you trust.",
                 {{"where", "/signed/_type"}, {"why", "type"}});
  auto signatures = verify_threshold(anchor.metadata, anchor.metadata.content, "root");
  if (!signatures) return about_file(anchor.name, signatures.error());
  return RootChain(std::move(anchor));
}

bool RootChain::advance(LoadedFile candidate, CheckReport& report) {
  const Signed& trusted = newest_.metadata.content;
  const std::int64_t version = candidate.metadata.content.version;
  if (candidate.metadata.content.type == RoleType::Root && version == trusted.version) {
    const bool same = candidate.metadata.canonical == newest_.metadata.canonical;
    report.add(same ? Finding::Good : Finding::Bad, candidate.name, "root", version,
               same ? "is the trusted root"
                    : "has the trusted root's version but other content: two roots of one version exist");
    return same;
  }
  if (auto step = verify_root_step(trusted, candidate.metadata); !step) {
    report.add(Finding::Bad, candidate.name, "root", version, step.error().message);
    return false;
  }
  report.add(Finding::Good, candidate.name, "root", version,
             "signed at threshold by root " + std::to_string(trusted.version) + " and by itself");
  newest_ = std::move(candidate);
  return true;
}

}  // namespace signet::client
