// The handlers of org.signet.Agent, by subject. Each adds its methods to the table; all of them hold `state`
// by reference, which outlives the table.
#pragma once

#include "agent/service/state.h"
#include "agent/varlink/handler.h"

namespace signet {

void add_status_methods(ServiceState& state, MethodTable& table);  // Status, CreateLedger, ReadLedger
// ReadCheckpoint, ReadProof, CheckLedger, ClearQuarantine
void add_checkpoint_methods(ServiceState& state, MethodTable& table);
void add_token_methods(ServiceState& state,
                       MethodTable& table);  // ListTokens, InitToken, UnlockToken, LockToken, ChangePin,
                                             // UnblockPin, ResetPinBudget
void add_watch_methods(ServiceState& state, MethodTable& table);  // Watch
void add_key_methods(ServiceState& state,
                     MethodTable& table);  // GenerateKey, EnrolKey, AttestKey, ListKeys, ShowKey, RetireKey
// AddKeyLocation, RemoveKeyLocation
void add_key_location_methods(ServiceState& state, MethodTable& table);
void add_repository_methods(ServiceState& state, MethodTable& table);  // Create, Adopt, Observe, List
void add_metadata_methods(ServiceState& state, MethodTable& table);    // SignMetadata
void add_policy_methods(ServiceState& state, MethodTable& table);   // ShowPolicy, CheckPolicy, ExplainPolicy
void add_message_methods(ServiceState& state, MethodTable& table);  // SignMessage
void add_certificate_methods(ServiceState& state, MethodTable& table);        // IssueCertificate
void add_token_certificate_methods(ServiceState& state, MethodTable& table);  // Read-, StoreCertificate(s)
void add_request_methods(ServiceState& state, MethodTable& table);   // List-, Show-, Approve-, DenyRequest
void add_approval_methods(ServiceState& state, MethodTable& table);  // SignApproval
void add_record_methods(ServiceState& state, MethodTable& table);    // ListRecords, ShowRecord, FollowLedger
void add_backup_methods(ServiceState& state, MethodTable& table);    // BackupLedger

}  // namespace signet
