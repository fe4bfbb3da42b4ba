// signet sign FILE FILE…: many messages, in as few calls as they fit into.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/command/outcome.h"
#include "client/command/session.h"
#include "client/signet.h"

namespace signet::client {

// One file and what of it is sent.
struct FileToSign {
  std::string file;
  Bytes content;  // the message, or its digest
};

struct FilesToSign {
  std::string key;
  std::optional<std::string> scheme;
  bool digests = false;  // the contents are digests
  bool raw = false;      // signatures are written as bytes, not base64
  std::vector<FileToSign> files;
};

// How many of the first files one call takes: at least one, at most kMostInBatch, no more bytes than a frame
// has room for. Pure.
std::size_t call_size(std::span<const FileToSign> files);

// Writes each signature beside its file, as FILE.sig. Files whose signature failed are named; the exit code
// is then that of the first one's error.
Result<Outcome> sign_files(Session& session, const FilesToSign& wanted, Waiting waiting);

}  // namespace signet::client
