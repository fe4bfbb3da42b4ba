#include "agent/approvals/request_document.h"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <limits>

#include "protocol/canonical_json.h"
#include "protocol/metadata_reader.h"
#include "protocol/public_key.h"

namespace signet {
namespace {

namespace json = boost::json;

constexpr std::string_view kType = "signet-approval-request-v1";
constexpr std::string_view kSign = "sign-metadata", kSupersede = "supersede";

json::object to_object(const RequestDocument& request) {
  std::vector<std::string> keys = request.keys;
  std::sort(keys.begin(), keys.end());
  json::object out;
  out["type"] = kType;
  out["action"] = request.supersede ? kSupersede : kSign;
  out["ledger"] = request.ledger;
  out["repository"] = request.repository;
  out["role"] = request.role;
  out["format"] = to_string(request.format);
  out["version"] = request.version;
  out["digest"] = request.digest;
  out["keys"] = json::array(keys.begin(), keys.end());
  json::object requester;
  requester["uid"] = request.requester;
  out["requester"] = std::move(requester);
  out["expiry"] = request.expiry;
  return out;
}

// Names in a request went through check_role_name() and normalise_repository(), and the rest is ours (see
// check_texts() for what comes from elsewhere): it has a canonical form.
std::string canonical(const json::object& object) {
  return canonical_json(object).value();
}

Error not_a_document(const std::string& what) {
  return approval_refused("", "document",
                          "This is no request for approval: " + what +
                              ". Take the file that \"signet request show --out\" wrote.");
}

// 32 bytes in hexadecimal: a SHA-256, or a ledger's id.
bool is_digest(std::string_view text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// What an approver is shown and signs is what an agent could have asked for, and nothing that looks like it.
std::string check_texts(const RequestDocument& request) {
  if (!is_digest(request.ledger)) return "its ledger is no ledger's id";
  if (!is_digest(request.digest)) return "its digest is no SHA-256 in hexadecimal";
  if (!std::all_of(request.keys.begin(), request.keys.end(), is_digest))
    return "one of its keys is no fingerprint (SHA-256 in hexadecimal)";
  const auto repository = normalise_repository(request.repository);
  if (!repository || *repository != request.repository) return "its repository's name is not in its one form";
  if (!check_role_name(request.role, request.format)) return "its role's name is none that a role can have";
  return "";
}

void read(const JsonNode& root, RequestDocument& out) {
  root.only({"type", "action", "ledger", "repository", "role", "format", "version", "digest", "keys",
             "requester", "expiry"});
  if (root.member("type").string() != kType) root.refuse("type", "it is of another type");
  const std::string_view action = root.member("action").string();
  out.supersede = action == kSupersede;
  if (action != kSupersede && action != kSign) root.refuse("type", "its action is not known");
  out.ledger = root.member("ledger").string();
  out.repository = root.member("repository").string();
  out.role = root.member("role").string();
  const auto format = parse_metadata_format(root.member("format").string());
  if (format)
    out.format = *format;
  else
    root.refuse("type", "its format is not known");
  out.version = root.member("version").integer(1, kMaxVersion);
  out.digest = root.member("digest").string();
  root.member("keys").each_element([&](const JsonNode& key) { out.keys.emplace_back(key.string()); });
  const JsonNode requester = root.member("requester");
  requester.only({"uid"});
  out.requester = static_cast<uid_t>(requester.member("uid").integer(0, std::numeric_limits<uid_t>::max()));
  out.expiry = root.member("expiry").integer(1, kMaxJsonInteger);
}

}  // namespace

Error approval_refused(std::string_view request, std::string_view why, std::string message) {
  json::object parameters;
  parameters["request"] = request;
  parameters["why"] = why;
  return {ErrorName::ApprovalRefused, std::move(message), std::move(parameters)};
}

std::string request_document(const RequestDocument& request) {
  return canonical(to_object(request));
}

Result<RequestDocument> parse_request_document(std::string_view text) {
  const auto value = parse_canonical_json(text, kMaxRequestDocument);
  if (!value) return not_a_document(value.error().message);
  JsonDocument document(*value);
  RequestDocument request;
  read(document.root(), request);
  if (document.failed()) return not_a_document(document.error().message);
  if (const std::string wrong = check_texts(request); !wrong.empty()) return not_a_document(wrong);
  if (request_document(request) != text) return not_a_document("its keys are not in order");
  return request;
}

std::string request_id(const RequestDocument& request) {
  return sha256_hex(as_bytes(request_document(request)));
}

std::string request_subject(const RequestDocument& request) {
  json::object subject = to_object(request);
  subject.erase("expiry");
  return sha256_hex(as_bytes(canonical(subject)));
}

}  // namespace signet
