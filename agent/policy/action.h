// What a policy may allow: one name for each kind of thing that can be asked of the agent.
#pragma once

#include <array>
#include <optional>
#include <string_view>

namespace signet {

enum class Action {
  SignMetadata,      // SignMetadata, dryRun included
  Supersede,         // SignMetadata with "supersede"
  SignMessage,       // SignMessage: bytes or a digest
  IssueCertificate,  // IssueCertificate
  StoreCertificate,  // StoreCertificate
  Generate,          // GenerateKey
  Enrol,             // EnrolKey
  Retire,            // RetireKey
  Adopt,             // CreateRepository, AdoptRepository, ObserveMetadata
  Unlock,            // UnlockToken, LockToken, ResetPinBudget
  Approve,           // approve or deny a request
  ReadLedger,        // read, follow and export records
  Administer,        // InitToken, ChangePin, UnblockPin, CreateLedger, backup, reload
};

inline constexpr std::array kActions{Action::SignMetadata,
                                     Action::Supersede,
                                     Action::SignMessage,
                                     Action::IssueCertificate,
                                     Action::StoreCertificate,
                                     Action::Generate,
                                     Action::Enrol,
                                     Action::Retire,
                                     Action::Adopt,
                                     Action::Unlock,
                                     Action::Approve,
                                     Action::ReadLedger,
                                     Action::Administer};

// As a policy and the command line write it: "sign-metadata".
std::string_view to_string(Action action);
std::optional<Action> parse_action(std::string_view name);

// What is known of a request for this action, and so what a rule can select by or limit. The caller of
// decide() must give each fact that is Required; a request without one is refused before any rule.
enum class Presence { Absent, Optional, Required };
struct ActionFacts {
  Presence key = Presence::Absent;          // PolicyRequest::key, name and algorithm at least
  Presence fingerprint = Presence::Absent;  // PolicyKey::fingerprint: not of a key that is yet to be made
  Presence token = Presence::Absent;        // PolicyRequest::token
  Presence repository = Presence::Absent;   // PolicyRequest::repository and role
  Presence metadata = Presence::Absent;     // PolicyRequest::metadata
  Presence expires = Presence::Absent;      // PolicyRequest::expires
};
const ActionFacts& facts_of(Action action);

}  // namespace signet
