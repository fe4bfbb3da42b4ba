// From a trusted root to the newest: every step signed by the root before it and by itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/tuf/check_report.h"
#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet::client {

// A metadata file and the bytes it was read from.
struct LoadedFile {
  std::string name;
  std::string text;
  MetadataFile metadata;
};

// MetadataInvalid, naming the file.
Result<LoadedFile> load_metadata(std::string name, std::string text);

class RootChain {
 public:
  // The trust anchor: a root that its own keys signed at threshold. MetadataInvalid otherwise.
  static Result<RootChain> start(LoadedFile anchor);

  const MetadataFile& newest() const { return newest_.metadata; }
  const std::string& newest_name() const { return newest_.name; }
  const std::string& newest_text() const { return newest_.text; }
  // Goes on to `candidate` if it is a sound N + 1, with a step in the report either way. The same version
  // again is fine if it holds the same bytes. Tells whether it was accepted.
  bool advance(LoadedFile candidate, CheckReport& report);

 private:
  explicit RootChain(LoadedFile anchor) : newest_(std::move(anchor)) {}
  LoadedFile newest_;
};

}  // namespace signet::client
