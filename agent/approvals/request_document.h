// What a request for approval asks for, as bytes that can be hashed, shown and signed. Pure, thread safe.
// docs/approvals.md specifies the document.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet {

struct RequestDocument {
  std::string ledger;  // its id: an approval for one agent is none for another
  std::string repository, role;
  MetadataFormat format = MetadataFormat::Tuf;
  std::int64_t version = 0;
  std::string digest;             // SHA-256 of the canonical "signed", hex
  std::vector<std::string> keys;  // fingerprints; the document has them sorted
  bool supersede = false;
  uid_t requester = 0;
  std::int64_t expiry = 0;  // Unix seconds: after that no approval counts
};

inline constexpr std::size_t kMaxRequestDocument = 64 * 1024;

// Canonical JSON: {"action","digest","expiry","format","keys","ledger","repository","requester","role",
// "type","version"}.
std::string request_document(const RequestDocument& request);
// The inverse. ApprovalRefused (why document) for anything but the exact bytes that request_document()
// writes of a request that an agent can have: digests, fingerprints and names in their one form.
Result<RequestDocument> parse_request_document(std::string_view text);

// SHA-256 of the document, hex.
std::string request_id(const RequestDocument& request);
// The same without the expiry: one thing that is asked for again has one subject.
std::string request_subject(const RequestDocument& request);

// request: the id, or empty where it is not known.
Error approval_refused(std::string_view request, std::string_view why, std::string message);

}  // namespace signet
