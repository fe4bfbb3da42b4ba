// A repository that lies in folders.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "client/tuf/repository_check.h"

namespace signet::client {

// Where a repository's folders are: DIR/metadata and DIR/targets, or DIR with the metadata and a folder
// "targets" beside it. `targets` names another place for the target files.
struct RepositoryFolders {
  std::filesystem::path metadata;
  std::optional<std::filesystem::path> targets;
};
RepositoryFolders find_folders(const std::filesystem::path& directory,
                               const std::optional<std::string>& targets);

class DirectorySource : public RepositorySource {
 public:
  explicit DirectorySource(RepositoryFolders folders) : folders_(std::move(folders)) {}
  // FileFault for a file that is there and cannot be read.
  Result<std::optional<std::string>> metadata(const std::string& name) override;
  // Read in parts: target files may be large. Nothing for a path that leads out of the folder: no client
  // would take it.
  Result<std::optional<ContentDigest>> target(const std::string& path) override;

 private:
  RepositoryFolders folders_;
};

}  // namespace signet::client
