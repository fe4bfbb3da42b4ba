// The verbs of "signet ledger", one file for each subject.
#pragma once

#include "client/command/command_line.h"

namespace signet::client {

void add_record_verbs(Verb& group);        // ledger list, ledger show
void add_backup_verbs(Verb& group);        // ledger backup, ledger restore
void add_log_verbs(Verb& group);           // ledger export, verify, proof, verify-proof
void add_ledger_check_verbs(Verb& group);  // ledger check, clear-quarantine

}  // namespace signet::client
