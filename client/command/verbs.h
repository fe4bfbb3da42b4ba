// The verbs, one file for each group.
#pragma once

#include "client/command/command_line.h"

namespace signet::client {

void add_agent_verbs(Verb& root);       // init, status
void add_token_verbs(Verb& root);       // token …
void add_key_verbs(Verb& root);         // key …
void add_repository_verbs(Verb& root);  // repository …
void add_tuf_verbs(Verb& root);         // tuf …
void add_message_verbs(Verb& root);     // sign, verify
void add_policy_verbs(Verb& root);      // policy …
void add_request_verbs(Verb& root);     // request …
void add_ledger_verbs(Verb& root);      // ledger …
void add_call_verb(Verb& root);         // call

void add_attest_verb(Verb& group);  // key attest

inline void add_verbs(Verb root) {
  add_agent_verbs(root);
  add_token_verbs(root);
  add_key_verbs(root);
  add_repository_verbs(root);
  add_tuf_verbs(root);
  add_message_verbs(root);
  add_policy_verbs(root);
  add_request_verbs(root);
  add_ledger_verbs(root);
  add_call_verb(root);
}

}  // namespace signet::client
