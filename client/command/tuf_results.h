// What signing a metadata file came to, for people and scripts. Decides nothing but the exit code.
#pragma once

#include <optional>
#include <string>

#include "client/command/console.h"
#include "client/command/outcome.h"
#include "client/signet.h"
#include "client/tuf/merge_signatures.h"
#include "protocol/metadata.h"

namespace signet::client {

struct SigningReport {
  std::string file;
  const SignMetadataCall* call = nullptr;  // borrowed
  const SignedMetadata* result = nullptr;  // borrowed
  MergedSignatures merged;
  std::optional<MetadataFile> after;  // the file with its new signatures
  bool written = false, observe_tried = false;
  std::optional<Observation> observed;

  // Ok, unless a key failed, or one that was asked for by name did not sign.
  Outcome outcome(const Paint& paint) const;
};

}  // namespace signet::client
