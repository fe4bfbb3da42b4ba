// An approval that came as a file: a signature by an approver's own key over the request's document. Pure,
// thread safe. docs/approvals.md specifies the file.
#pragma once

#include <string>
#include <string_view>

#include "agent/approvals/request_document.h"
#include "protocol/bytes.h"
#include "protocol/public_key.h"
#include "protocol/result.h"
#include "protocol/signature.h"

namespace signet {

// What goes before the document in what is signed. It is no beginning of JSON, of an SSHSIG blob or of a DSSE
// pre-authentication encoding: a signature for an approval is one for nothing else.
inline constexpr std::string_view kApprovalDomain = "signet-approval-v1\n";
Bytes approval_message(std::string_view document);

struct ApprovalFile {
  std::string document;  // the request's, exactly
  RequestDocument request;
  PublicKey key;
  SignatureScheme scheme;
};

// signature: as SignMessage gives it (ECDSA in DER). JSON with a final newline.
std::string write_approval_file(std::string_view document, const PublicKey& key, SignatureScheme scheme,
                                BytesView signature);

// The signature is verified. Whose key it is and which request is meant, is for the caller. ApprovalRefused
// (why format, document, wrong-signature); text: at most kMaxApprovalFile bytes.
Result<ApprovalFile> parse_approval_file(std::string_view text);

}  // namespace signet
