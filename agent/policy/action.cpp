#include "agent/policy/action.h"

#include <cstddef>

namespace signet {
namespace {

struct ActionRow {
  Action action;
  std::string_view name;
  ActionFacts facts;
};

constexpr Presence kNo = Presence::Absent, kMay = Presence::Optional, kMust = Presence::Required;

// In the enum's order: key, fingerprint, token, repository and role, metadata, expires.
constexpr std::array<ActionRow, kActions.size()> kRows{{
    {Action::SignMetadata, "sign-metadata", {kMust, kMust, kMust, kMust, kMust, kMust}},
    {Action::Supersede, "supersede", {kMust, kMust, kMust, kMust, kMust, kMust}},
    {Action::SignMessage, "sign-message", {kMust, kMust, kMust, kNo, kNo, kNo}},
    // A request for a certificate has no expiry: then a limit on it does not hold.
    {Action::IssueCertificate, "issue-certificate", {kMust, kMust, kMust, kNo, kNo, kMay}},
    {Action::StoreCertificate, "store-certificate", {kMust, kMust, kMust, kNo, kNo, kMust}},
    {Action::Generate, "generate", {kMust, kNo, kMust, kNo, kNo, kNo}},
    {Action::Enrol, "enrol", {kMust, kMust, kMust, kNo, kNo, kNo}},
    {Action::Retire, "retire", {kMust, kMust, kMust, kNo, kNo, kNo}},
    {Action::Adopt, "adopt", {kNo, kNo, kNo, kMust, kNo, kNo}},
    {Action::Unlock, "unlock", {kNo, kNo, kMust, kNo, kNo, kNo}},
    {Action::Approve, "approve", {kNo, kNo, kNo, kMust, kNo, kNo}},
    {Action::ReadLedger, "read-ledger", {kNo, kNo, kNo, kNo, kNo, kNo}},
    {Action::Administer, "administer", {kNo, kNo, kMay, kNo, kNo, kNo}},
}};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows.size(); ++i)
    if (kRows[i].action != kActions[i] || static_cast<std::size_t>(kActions[i]) != i) return false;
  return true;
}
static_assert(in_order(), "kRows has a row for each action, in the enum's order");

const ActionRow& row_of(Action action) {
  return kRows[static_cast<std::size_t>(action)];
}

}  // namespace

std::string_view to_string(Action action) {
  return row_of(action).name;
}

std::optional<Action> parse_action(std::string_view name) {
  for (const ActionRow& row : kRows)
    if (row.name == name) return row.action;
  return std::nullopt;
}

const ActionFacts& facts_of(Action action) {
  return row_of(action).facts;
}

}  // namespace signet
