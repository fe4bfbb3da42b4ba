// The registered claims of an identity token (RFC 7519 section 4.1).
#include <algorithm>
#include <cmath>
#include <optional>

#include "agent/identity/identity_fault.h"
#include "agent/identity/identity_token.h"

namespace signet {
namespace {

namespace json = boost::json;

// A NumericDate beyond the year 9999 is no date.
constexpr std::int64_t kLastSecond = 253'402'300'799;
constexpr std::size_t kDigestSize = 64;  // SHA-256, hex

Error missing(const std::string& name) {
  return identity_refused(IdentityFault::ClaimMissing, "The identity token has no \"" + name + "\".");
}

Error wrong_type(const std::string& name, const std::string& wanted) {
  return identity_refused(IdentityFault::ClaimType,
                          "The identity token's \"" + name + "\" is not " + wanted + ".");
}

// A NumericDate may have a fraction: dropped, so that a time never becomes later than it was said. Nothing if
// the claim is absent.
Result<std::optional<std::int64_t>> date(const json::object& claims, const std::string& name) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return std::optional<std::int64_t>();
  const Error wrong = wrong_type(name, "a time (seconds since 1970)");
  if (value->is_double()) {
    const double seconds = std::floor(value->get_double());
    if (!(seconds >= 0 && seconds <= static_cast<double>(kLastSecond))) return wrong;
    return std::optional<std::int64_t>(static_cast<std::int64_t>(seconds));
  }
  if (!value->is_int64() || value->get_int64() < 0 || value->get_int64() > kLastSecond) return wrong;
  return std::optional<std::int64_t>(value->get_int64());
}

Result<std::int64_t> required_date(const json::object& claims, const std::string& name) {
  const auto found = date(claims, name);
  if (!found) return found.error();
  if (!*found) return missing(name);
  return **found;
}

// The one audience.
Result<std::string> audience_of(const json::object& claims) {
  const json::value* value = claims.if_contains("aud");
  if (value == nullptr) return missing("aud");
  if (const json::array* list = value->if_array()) {
    if (list->size() > 1)
      return identity_refused(
          IdentityFault::SeveralAudiences,
          "The identity token is meant for several audiences, and any of them could send it "
          "on. Ask the issuer for a token with one \"aud\".");
    if (list->empty()) return missing("aud");
    value = &list->front();
  }
  if (!value->is_string()) return wrong_type("aud", "a text, or a list with one text");
  return std::string(value->get_string().data(), value->get_string().size());
}

bool is_digest(std::string_view text) {
  return text.size() == kDigestSize && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

// The digest of the payload that the audience names; nothing: the audience is one of the issuer's.
Result<std::optional<std::string>> binding_of(const std::string& audience, const PolicyIssuer& issuer) {
  if (audience.starts_with(kPayloadAudience)) {
    std::string digest = audience.substr(kPayloadAudience.size());
    if (is_digest(digest)) return std::optional<std::string>(std::move(digest));
  }
  const auto& known = issuer.audiences;
  if (std::find(known.begin(), known.end(), audience) != known.end()) return std::optional<std::string>();
  return identity_refused(IdentityFault::Audience,
                          "The identity token is meant for another audience. Ask the issuer for one with an "
                          "\"aud\" that the policy lists for issuer \"" +
                              issuer.name +
                              "\", or with \"signet:\" and the payload's SHA-256 in lower case.");
}

struct Times {
  std::int64_t issued = 0, not_before = 0, expires = 0;
};

Result<Times> times_of(const json::object& claims) {
  const auto expires = required_date(claims, "exp");
  if (!expires) return expires.error();
  const auto issued = required_date(claims, "iat");
  if (!issued) return issued.error();
  const auto not_before = date(claims, "nbf");
  if (!not_before) return not_before.error();
  return Times{*issued, not_before->value_or(0), *expires};
}

Result<void> check_times(const Times& times, std::int64_t skew, std::int64_t now) {
  const std::string clock = " If it should be good, compare this machine's clock with the issuer's.";
  if (now >= times.expires + skew)
    return identity_refused(IdentityFault::Expired,
                            "The identity token has expired. Ask the issuer for a new one." + clock);
  if (now + skew < times.not_before)
    return identity_refused(IdentityFault::NotYetValid, "The identity token is not valid yet." + clock);
  if (now + skew < times.issued)
    return identity_refused(IdentityFault::IssuedInTheFuture,
                            "The identity token was issued in the future." + clock);
  if (times.expires - times.issued > kMaxTokenLifetime)
    return identity_refused(IdentityFault::Lifetime,
                            "The identity token is valid for longer than a day. Have the issuer make shorter "
                            "ones (GitLab: the job's timeout).");
  return {};
}

}  // namespace

Result<VerifiedToken> check_claims(json::object claims, const PolicyIssuer& issuer, std::int64_t now) {
  const json::value* subject = claims.if_contains("sub");
  if (subject == nullptr) return missing("sub");
  if (!subject->is_string() || subject->get_string().empty()) return wrong_type("sub", "a text");
  const auto audience = audience_of(claims);
  if (!audience) return audience.error();
  auto binding = binding_of(*audience, issuer);
  if (!binding) return binding.error();
  const auto times = times_of(claims);
  if (!times) return times.error();
  if (auto good = check_times(*times, issuer.skew.count(), now); !good) return good.error();

  VerifiedToken token;
  token.claims.issuer = issuer.name;
  token.issuer = issuer.issuer;
  token.skew = issuer.skew.count();
  token.claims.subject = std::string(subject->get_string().data(), subject->get_string().size());
  token.claims.all = std::move(claims);
  token.payload_digest = std::move(*binding);
  token.expires = times->expires;
  token.max_uses = issuer.max_uses;
  return token;
}

}  // namespace signet
