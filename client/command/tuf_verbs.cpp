#include "client/command/tuf_verbs.h"

#include "client/command/verbs.h"

namespace signet::client {

void add_tuf_verbs(Verb& root) {
  Verb group = root.group("tuf", "Sign, show and verify TUF and Notary metadata files.");
  add_tuf_sign(group);
  add_tuf_show(group);
  add_tuf_verify(group);
}

}  // namespace signet::client
