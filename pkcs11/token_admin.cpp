#include "pkcs11/token_admin.h"

#include <algorithm>
#include <array>

#include "pkcs11/session.h"
#include "pkcs11/slots.h"

namespace signet::host {

namespace {

constexpr std::size_t kLabelSize = 32;

// Cryptoki takes PINs by pointer to non-const and does not write to them.
unsigned char* text_of(const Secret& pin) {
  return const_cast<unsigned char*>(pin.bytes().data());
}

}  // namespace

HostResult<InitTokenReply> init_token(Module& module, const InitTokenRequest& request) {
  if (request.label.empty() || request.label.size() > kLabelSize)
    return make_fault(FaultKind::Protocol, "A token's label has 1 to 32 bytes.");
  const auto expected = expect_token(module, request.slot, request.expected);
  if (!expected) return expected.error();
  // The standard's label is 32 bytes, padded, without a NUL (PKCS#11 2.40, 5.5); p11-kit-client 0.24 reads on
  // to a NUL.
  std::array<unsigned char, kLabelSize + 1> label{};
  std::fill_n(label.begin(), kLabelSize, static_cast<unsigned char>(' '));
  std::ranges::copy(request.label, label.begin());
  const auto done = module.call("C_InitToken", &CK_FUNCTION_LIST::C_InitToken, CK_SLOT_ID{request.slot},
                                text_of(request.so_pin), CK_ULONG{request.so_pin.size()}, label.data());
  if (!done) return done.error();
  return InitTokenReply{describe_slot(module, request.slot)};
}

HostResult<InitPinReply> init_pin(Module& module, const InitPinRequest& request) {
  const auto expected = expect_token(module, request.slot, request.expected);
  if (!expected) return expected.error();
  const auto session = Session::open(module, request.slot, true);
  if (!session) return session.error();
  const CK_SESSION_HANDLE handle = (*session)->handle();
  const auto in = module.call("C_Login", &CK_FUNCTION_LIST::C_Login, handle, CK_USER_TYPE{CKU_SO},
                              text_of(request.so_pin), CK_ULONG{request.so_pin.size()});
  if (!in) return in.error();
  const auto done = module.call("C_InitPIN", &CK_FUNCTION_LIST::C_InitPIN, handle, text_of(request.pin),
                                CK_ULONG{request.pin.size()});
  // The officer leaves whatever happened; the process ends soon in any case.
  const auto out = module.call("C_Logout", &CK_FUNCTION_LIST::C_Logout, handle);
  if (!done) return done.error();
  if (!out) return out.error();
  return InitPinReply{describe_slot(module, request.slot)};
}

HostResult<SetPinReply> set_pin(const Session& session, const SetPinRequest& request) {
  const auto done = session.module().call("C_SetPIN", &CK_FUNCTION_LIST::C_SetPIN, session.handle(),
                                          text_of(request.old_pin), CK_ULONG{request.old_pin.size()},
                                          text_of(request.new_pin), CK_ULONG{request.new_pin.size()});
  if (!done) return done.error();
  return SetPinReply{};
}

}  // namespace signet::host
