#include "agent/policy/policy.h"

namespace signet {
namespace {

template <typename Named>
const Named* find_named(const std::vector<Named>& all, std::string_view name) {
  for (const Named& one : all)
    if (one.name == name) return &one;
  return nullptr;
}

}  // namespace

const PolicyPrincipal* find_principal(const Policy& policy, std::string_view name) {
  return find_named(policy.principals, name);
}

const PolicyIssuer* find_issuer(const Policy& policy, std::string_view name) {
  return find_named(policy.issuers, name);
}

}  // namespace signet
