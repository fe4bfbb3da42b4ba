#include "pkcs11/host_piv_slot.h"

#include <catch2/catch.hpp>
#include <set>

using signet::Bytes;
using signet::host::piv_slot;

TEST_CASE("a CKA_ID names the slot that the modules mean by it") {
  CHECK(piv_slot(Bytes{0x01}) == 0x9A);
  CHECK(piv_slot(Bytes{0x02}) == 0x9C);
  CHECK(piv_slot(Bytes{0x03}) == 0x9D);
  CHECK(piv_slot(Bytes{0x04}) == 0x9E);
  CHECK(piv_slot(Bytes{0x05}) == 0x82);
  CHECK(piv_slot(Bytes{0x18}) == 0x95);
  std::set<unsigned> slots;
  for (unsigned id = 1; id <= 0x18; ++id)
    slots.insert(piv_slot(Bytes{static_cast<std::uint8_t>(id)}).value());
  CHECK(slots.size() == 24);
}

TEST_CASE("no other CKA_ID names a slot: not the attestation key's, and none that a module would cut short") {
  for (unsigned id = 0x19; id <= 0xff; ++id) CHECK_FALSE(piv_slot(Bytes{static_cast<std::uint8_t>(id)}));
  for (const Bytes& id : {Bytes{}, Bytes{0x00}, Bytes{0x01, 0x01}, Bytes{0x00, 0x01}, Bytes(16, 0x01)})
    CHECK_FALSE(piv_slot(id));
}
