// signet ledger …: the group. Its verbs have a file for each subject.
#include "client/command/ledger_verbs.h"

#include "client/command/verbs.h"

namespace signet::client {

void add_ledger_verbs(Verb& root) {
  Verb group = root.group("ledger", "Look through what the agent did, and keep it safe.");
  add_record_verbs(group);
  add_backup_verbs(group);
  add_log_verbs(group);
  add_ledger_check_verbs(group);
}

}  // namespace signet::client
