#include "tests/pkcs11/token_setup.h"

#include <stdexcept>

namespace signet::test {

host::SlotDescription find_slot(const host::ListTokensReply& list, const std::string& label) {
  for (const host::SlotDescription& slot : list.slots)
    if (slot.token.label == label) return slot;
  throw std::runtime_error("no token is called " + label);
}

host::TokenIdentity identity_of(const SoftHsm& hsm, const std::string& label) {
  HostProgram scout(host::Mode::Scout, SoftHsm::module(), hsm.environment());
  return find_slot(scout.connect().get<host::ListTokensReply>(host::ListTokensRequest{}), label).token;
}

HostConnection open_token(HostProgram& program, const host::TokenIdentity& identity) {
  HostConnection connection = program.connect();
  connection.get<host::OpenReply>(host::OpenRequest{identity});
  connection.get<host::LoginReply>(host::LoginRequest{Secret(kUserPin)});
  return connection;
}

host::KeyObject generate(const SoftHsm& hsm, const host::TokenIdentity& identity, host::Algorithm algorithm,
                         const std::string& label, const Bytes& id) {
  HostProgram admin(host::Mode::Admin, SoftHsm::module(), hsm.environment());
  HostConnection connection = open_token(admin, identity);
  return connection.get<host::GenerateReply>(host::GenerateRequest{algorithm, label, id}).key;
}

}  // namespace signet::test
