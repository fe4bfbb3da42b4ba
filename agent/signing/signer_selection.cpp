#include "agent/signing/signer_selection.h"

#include <algorithm>

namespace signet {
namespace {

Error refused(const LedgerKey& key, std::string_view why, std::string message) {
  return {ErrorName::KeyRefused, std::move(message), {{"key", key.name}, {"why", why}}};
}

Result<void> check_usable(const LedgerKey& key, const EligibleKey& eligible) {
  if (key.retired && !eligible.being_removed)
    return refused(key, "retired",
                   "The key " + key.name +
                       " is retired: it signs nothing more but a root that removes it from every role.");
  if (std::find(key.uses.begin(), key.uses.end(), "tuf") == key.uses.end())
    return refused(key, "use-excluded",
                   "The key " + key.name + " is not enrolled for metadata (its uses do not include tuf).");
  return {};
}

const EligibleKey* eligible_key(const SigningDecision& decision, const std::string& fingerprint) {
  for (const EligibleKey& entry : decision.keys)
    if (entry.key.fingerprint() == fingerprint) return &entry;
  return nullptr;
}

Result<SignerSelection> select_requested(const SigningDecision& decision, const std::string& role,
                                         const std::vector<std::string>& requested, const FindNamed& named) {
  SignerSelection selection;
  for (const std::string& name : requested) {
    const LedgerKey* const key = named(name);
    if (key == nullptr)
      return Error{ErrorName::NotFound,
                   "No key named " + name + " is enrolled in this agent. See \"signet key list\".",
                   {{"kind", "key"}, {"name", name}}};
    const EligibleKey* const eligible = eligible_key(decision, key->fingerprint);
    if (eligible == nullptr)
      return refused(*key, "not-in-role",
                     "The key " + key->name + " is not a key of the role " + role +
                         ", so its signature would count for nothing.");
    if (const auto usable = check_usable(*key, *eligible); !usable) return usable.error();
    const auto same = [&](const Signer& s) { return s.enrolled.fingerprint == key->fingerprint; };
    if (std::any_of(selection.signers.begin(), selection.signers.end(), same)) continue;
    selection.signers.push_back(Signer{*key, eligible->keyid, eligible->key});
  }
  return selection;
}

}  // namespace

Result<SignerSelection> select_signers(const SigningDecision& decision, const std::string& role,
                                       const std::vector<std::string>& requested,
                                       const FindEnrolled& enrolled, const FindNamed& named) {
  if (!requested.empty()) return select_requested(decision, role, requested, named);
  SignerSelection selection;
  std::optional<Error> first_refusal;
  for (const EligibleKey& eligible : decision.keys) {
    const LedgerKey* const key = enrolled(eligible.key.fingerprint());
    if (key == nullptr) {
      selection.absent.push_back(AbsentSigner{eligible.keyid, "This key is not enrolled in this agent."});
      continue;
    }
    if (const auto usable = check_usable(*key, eligible); !usable) {
      if (!first_refusal) first_refusal = usable.error();
      selection.absent.push_back(AbsentSigner{eligible.keyid, usable.error().message});
      continue;
    }
    selection.signers.push_back(Signer{*key, eligible.keyid, eligible.key});
  }
  if (!selection.signers.empty()) return selection;
  if (first_refusal) return *first_refusal;
  return Error{ErrorName::NotFound,
               "None of the " + std::to_string(decision.keys.size()) + " keys of the role " + role +
                   " is enrolled in this agent. Enrol one (signet key enrol), or ask an agent that has one.",
               {{"kind", "key"}, {"name", role}}};
}

}  // namespace signet
