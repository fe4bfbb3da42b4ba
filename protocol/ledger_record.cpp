#include "protocol/ledger_record.h"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include "protocol/public_key.h"

namespace signet {
namespace {

namespace json = boost::json;

std::string text(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::optional<std::int64_t> number(const json::object& object, std::string_view name) {
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

std::vector<std::string> texts(const json::object& object, std::string_view name) {
  std::vector<std::string> found;
  const json::value* const value = object.if_contains(name);
  if (value == nullptr || !value->is_array()) return found;
  for (const json::value& element : value->get_array())
    if (element.is_string()) found.emplace_back(element.get_string().data(), element.get_string().size());
  return found;
}

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string names_of(const std::vector<std::string>& fingerprints, const KeyNames& names) {
  std::string text;
  for (const std::string& fingerprint : fingerprints) text += (text.empty() ? "" : ", ") + names(fingerprint);
  return text;
}

// "example.org/app targets 7 (sha256 3f2a9c01)"
std::string version_of(const json::object& body) {
  std::string words = text(body, "repository");
  if (const std::string role = text(body, "role"); !role.empty()) words += " " + role;
  if (const auto version = number(body, "version")) words += " " + std::to_string(*version);
  if (const std::string digest = text(body, "digest"); !digest.empty())
    words += " (sha256 " + short_digest(digest) + ")";
  return words;
}

std::string of_record(const json::object& body) {
  const auto intent = record_intent(body);
  return intent ? " (record " + std::to_string(*intent) + ")" : "";
}

using Sentence = std::string (*)(const json::object& body, const KeyNames& names);

std::string sign_intent(const json::object& body, const KeyNames& names) {
  std::string words = "asked to sign " + version_of(body) + " with " + names_of(texts(body, "keys"), names);
  if (const std::string old = text(body, "supersedes"); !old.empty())
    words += ", SUPERSEDING what was released (sha256 " + short_digest(old) + ")";
  return words;
}

std::string sign_outcome(const json::object& body, const KeyNames& names) {
  const std::string result = text(body, "result");
  const auto signed_by = texts(body, "signed"), failed = texts(body, "failed");
  // What a crash or a full disk left says it in words, and names its intent alone.
  if (record_repository(body).empty()) return result + of_record(body);
  std::string words = result == "released"   ? "released "
                      : result == "withheld" ? "withheld the signatures of "
                                             : "nothing was signed of ";
  words += version_of(body);
  if (!signed_by.empty()) words += ", signed by " + names_of(signed_by, names);
  if (!failed.empty()) words += (signed_by.empty() ? ", failed: " : "; failed: ") + names_of(failed, names);
  return words + of_record(body);
}

std::string observed(const json::object& body, const KeyNames&) {
  std::string words = "observed " + version_of(body);
  if (const auto roles = texts(body, "restarts"); !roles.empty()) {
    words += "; its keys are new, so these start over:";
    for (const std::string& role : roles) words += " " + role;
  }
  if (!texts(body, "contradicts").empty()) words += "; CONTRADICTS what was released here";
  return words;
}

// What was asked of several at once; empty of one alone.
std::vector<const json::object*> shared_signatures(const json::object& body) {
  std::vector<const json::object*> found;
  const json::value* const value = body.if_contains("signatures");
  if (value == nullptr || !value->is_array()) return found;
  for (const json::value& element : value->get_array())
    if (element.is_object()) found.push_back(&element.get_object());
  return found;
}

std::string message_intent(const json::object& body, const KeyNames& names) {
  if (const auto shared = shared_signatures(body); !shared.empty()) {
    return "asked to sign " + std::to_string(shared.size()) + " messages or digests, the first (sha256 " +
           short_digest(text(*shared.front(), "digest")) + ") with " + names(text(*shared.front(), "key"));
  }
  return "asked to sign a " + text(body, "input") + " (sha256 " + short_digest(text(body, "digest")) +
         ") with " + names(text(body, "key"));
}

std::string message_outcome(const json::object& body, const KeyNames&) {
  const auto signature = number(body, "signature");
  return record_outcome(body) + (signature ? ", signature " + std::to_string(*signature) : "") +
         of_record(body);
}

std::string certificate_intent(const json::object& body, const KeyNames& names) {
  const std::string kind = text(body, "kind") == "request" ? "request for a certificate" : "certificate";
  return "asked to sign a " + kind + " of " + names(text(body, "key")) + " for " + text(body, "subject");
}

std::string certificate_outcome(const json::object& body, const KeyNames&) {
  const std::string digest = text(body, "certificate");
  return record_outcome(body) + (digest.empty() ? "" : " (sha256 " + short_digest(digest) + ")") +
         of_record(body);
}

std::string certificate_store(const json::object& body, const KeyNames& names) {
  return "stored a certificate (sha256 " + short_digest(text(body, "certificate")) + ") of " +
         names(text(body, "key")) + " on its token";
}

std::string enrolled(const json::object& body, const KeyNames&) {
  std::string uses;
  for (const std::string& use : texts(body, "uses")) uses += (uses.empty() ? "" : ", ") + use;
  return "enrolled the key " + text(body, "name") + " (" + text(body, "algorithm") + ") for " + uses;
}

std::string retired(const json::object& body, const KeyNames&) {
  return "retired the key " + text(body, "name") + " (" + short_digest(text(body, "fingerprint")) + ")";
}

std::string created(const json::object& body, const KeyNames&) {
  return "created the repository " + text(body, "repository") + " (" + text(body, "format") + ")";
}

std::string adopted(const json::object& body, const KeyNames&) {
  return "adopted " + text(body, "repository") + " by its root " +
         std::to_string(number(body, "version").value_or(0)) + " (sha256 " +
         short_digest(text(body, "digest")) + ")";
}

std::string pin_attempt(const json::object& body, const KeyNames&) {
  return "a PIN goes to the token " + text(body, "token");
}

std::string pin_outcome(const json::object& body, const KeyNames&) {
  return "the token " + text(body, "token") + " " + text(body, "result") + " the PIN";
}

std::string pin_reset(const json::object& body, const KeyNames&) {
  return "allowed PINs to the token " + text(body, "token") + " again";
}

struct KindSentence {
  std::string_view kind;
  Sentence sentence;
};
constexpr std::array kSentences{KindSentence{"sign.intent", sign_intent},
                                KindSentence{"sign.outcome", sign_outcome},
                                KindSentence{"repository.observe", observed},
                                KindSentence{"repository.create", created},
                                KindSentence{"repository.adopt", adopted},
                                KindSentence{"message-intent", message_intent},
                                KindSentence{"message-outcome", message_outcome},
                                KindSentence{"certificate-intent", certificate_intent},
                                KindSentence{"certificate-outcome", certificate_outcome},
                                KindSentence{"certificate-store", certificate_store},
                                KindSentence{"key.enrol", enrolled},
                                KindSentence{"key.enrol-again", enrolled},
                                KindSentence{"key.retire", retired},
                                KindSentence{"pin.attempt", pin_attempt},
                                KindSentence{"pin.outcome", pin_outcome},
                                KindSentence{"pin.reset", pin_reset}};

// A kind that this build has no sentence for: a newer agent's, or one that needs none.
std::string plain(const RecordStatement& record) {
  std::string words = record.kind;
  const char* separator = ": ";
  for (const auto& member : record.body) {
    words += separator + std::string(member.key()) + " ";
    words += member.value().is_string() ? text(record.body, member.key()) : json::serialize(member.value());
    separator = ", ";
  }
  return words;
}

}  // namespace

std::string record_repository(const json::object& body) {
  return text(body, "repository");
}

std::string record_role(const json::object& body) {
  return text(body, "role");
}

std::string record_outcome(const json::object& body) {
  std::string outcome = text(body, "result");
  if (outcome.empty()) outcome = text(body, "outcome");
  return outcome.substr(0, outcome.find_first_of(" :"));
}

std::optional<std::int64_t> record_intent(const json::object& body) {
  return number(body, "intent");
}

std::vector<std::string> record_keys(const json::object& body) {
  std::vector<std::string> found{text(body, "fingerprint"), text(body, "key")};
  for (const json::object* shared : shared_signatures(body)) found.push_back(text(*shared, "key"));
  for (const char* list : {"keys", "signed", "failed"}) {
    const auto more = texts(body, list);
    found.insert(found.end(), more.begin(), more.end());
  }
  std::erase_if(found, [](const std::string& key) { return !is_digest(key); });
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

std::string short_digest(const std::string& digest) {
  return digest.substr(0, 8);
}

std::string describe_record(const RecordStatement& record, const KeyNames& names) {
  for (const KindSentence& known : kSentences)
    if (known.kind == record.kind) return known.sentence(record.body, names);
  return plain(record);
}

bool detail_matches(const std::string& detail_hash, BytesView salt, std::string_view detail) {
  Bytes input = to_bytes(salt);
  input.insert(input.end(), detail.begin(), detail.end());
  return sha256_hex(input) == detail_hash;
}

}  // namespace signet
