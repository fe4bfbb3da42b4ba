#include "pkcs11/key_generator.h"

#include <sys/random.h>

#include <array>
#include <utility>

#include "pkcs11/card.h"
#include "pkcs11/host_piv_slot.h"
#include "pkcs11/key_search.h"
#include "pkcs11/public_key_der.h"

namespace signet::host {

namespace {

constexpr std::size_t kIdSize = 16;

struct KeyPair {
  CK_OBJECT_HANDLE public_key = 0, private_key = 0;
};

HostResult<Bytes> random_id() {
  Bytes id(kIdSize);
  if (::getrandom(id.data(), id.size(), 0) != static_cast<ssize_t>(id.size()))
    return make_fault(FaultKind::Protocol, "The system gave no random bytes for a CKA_ID.");
  return id;
}

// The values that a template's attributes point to: one object for both templates, alive during the call.
class Templates {
 public:
  Templates(const GenerateRequest& request, Bytes id)
      : algorithm_(request.algorithm),
        by_officer_(!request.so_pin.empty()),
        label_(request.label),
        id_(std::move(id)),
        params_(ec_parameters(algorithm_)) {
    bits_ = modulus_bits(algorithm_);
  }

  CK_MECHANISM mechanism() const {
    if (bits_ != 0) return {CKM_RSA_PKCS_KEY_PAIR_GEN, nullptr, 0};
    if (algorithm_ == Algorithm::Ed25519) return {CKM_EC_EDWARDS_KEY_PAIR_GEN, nullptr, 0};
    return {CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  }

  // Without CKA_VERIFY, which the agent does not need: it verifies by itself. tpm2-pkcs11 1.9 fails with
  // CKR_GENERAL_ERROR where a template says that and the other one says no to CKA_DECRYPT.
  std::vector<CK_ATTRIBUTE> public_template() {
    std::vector<CK_ATTRIBUTE> attributes = {attribute_of(CKA_TOKEN, yes_), attribute_of(CKA_ID, id_),
                                            attribute_of(CKA_LABEL, label_)};
    if (bits_ != 0) {
      attributes.push_back(attribute_of(CKA_MODULUS_BITS, bits_));
      attributes.push_back(attribute_of(CKA_PUBLIC_EXPONENT, exponent_));
    } else {
      attributes.push_back(attribute_of(CKA_EC_PARAMS, params_));
    }
    return attributes;
  }

  // Decryption and derivation are denied aloud: several modules allow what the template does not mention.
  // ykcs11 2.2.0 refuses a template that mentions CKA_EXTRACTABLE, even to deny it.
  std::vector<CK_ATTRIBUTE> private_template() {
    std::vector<CK_ATTRIBUTE> attributes = {
        attribute_of(CKA_TOKEN, yes_), attribute_of(CKA_PRIVATE, yes_), attribute_of(CKA_SENSITIVE, yes_),
        attribute_of(CKA_SIGN, yes_),  attribute_of(CKA_DECRYPT, no_),  attribute_of(CKA_UNWRAP, no_),
        attribute_of(CKA_DERIVE, no_), attribute_of(CKA_ID, id_),       attribute_of(CKA_LABEL, label_)};
    if (!by_officer_) attributes.push_back(attribute_of(CKA_EXTRACTABLE, no_));
    return attributes;
  }

 private:
  Algorithm algorithm_;
  bool by_officer_;
  std::string label_;
  Bytes id_, params_;
  CK_ULONG bits_ = 0;
  Bytes exponent_ = {0x01, 0x00, 0x01};
  CK_BBOOL yes_ = CK_TRUE, no_ = CK_FALSE;
};

HostResult<KeyPair> make_pair(const Session& session, Templates& templates) {
  CK_MECHANISM mechanism = templates.mechanism();
  auto public_template = templates.public_template();
  auto private_template = templates.private_template();
  KeyPair pair;
  const auto made = session.module().call(
      "C_GenerateKeyPair", &CK_FUNCTION_LIST::C_GenerateKeyPair, session.handle(), &mechanism,
      public_template.data(), CK_ULONG{public_template.size()}, private_template.data(),
      CK_ULONG{private_template.size()}, &pair.public_key, &pair.private_key);
  if (!made) return made.error();
  return pair;
}

HostResult<void> destroy(const Session& session, CK_OBJECT_HANDLE object) {
  return session.module().call("C_DestroyObject", &CK_FUNCTION_LIST::C_DestroyObject, session.handle(),
                               object);
}

// What the token made, in words: nothing if it is what was asked for. In a PIV slot a key does what its
// commands ask of it, and ykcs11 says so whatever the template denies (CKA_DECRYPT).
HostResult<std::string> difference(const Session& session, CK_OBJECT_HANDLE handle, const KeyObject& key,
                                   const GenerateRequest& request) {
  if (key.algorithm != request.algorithm) return std::string("it is of another algorithm");
  if (key.extractable || !key.never_extractable) return std::string("it is extractable");
  if (!key.sensitive || !key.always_sensitive) return std::string("it is not sensitive");
  if (!key.local) return std::string("it was not made on the token");
  constexpr std::array<std::pair<CK_ATTRIBUTE_TYPE, const char*>, 3> kWanted = {
      {{CKA_TOKEN, "it is not stored on the token"},
       {CKA_PRIVATE, "it is not private"},
       {CKA_SIGN, "it cannot sign"}}};
  constexpr std::array<std::pair<CK_ATTRIBUTE_TYPE, const char*>, 3> kUnwanted = {
      {{CKA_DECRYPT, "it decrypts"}, {CKA_UNWRAP, "it unwraps keys"}, {CKA_DERIVE, "it derives keys"}}};
  for (const auto& [type, words] : kWanted) {
    const auto set = session.flag(handle, type);
    if (!set) return set.error();
    if (!*set) return std::string(words);
  }
  const bool in_slot = !request.so_pin.empty();
  for (const auto& [type, words] : kUnwanted) {
    if (in_slot && type == CKA_DECRYPT) continue;
    const auto set = session.flag(handle, type);
    if (!set) return set.error();
    if (*set) return std::string(words);
  }
  return std::string();
}

// The made key as the token describes it, or the reason why it may not stay.
HostResult<KeyObject> read_back(const Session& session, const KeyPair& pair, const GenerateRequest& request) {
  auto key = read_private_key(session, pair.private_key);
  if (!key) return key.error();
  if (!*key) return make_fault(FaultKind::Attributes, "The public key of the new key cannot be read.");
  const auto wrong = difference(session, pair.private_key, **key, request);
  if (!wrong) return wrong.error();
  if (!wrong->empty())
    return make_fault(FaultKind::Attributes, "The token made another key than asked: " + *wrong + ".");
  return std::move(**key);
}

// After a failed check: nothing half-made stays.
Fault destroyed(const Session& session, const KeyPair& pair, Fault fault) {
  const auto private_gone = destroy(session, pair.private_key);
  const auto public_gone = destroy(session, pair.public_key);
  fault.detail += private_gone && public_gone
                      ? " The key was destroyed again."
                      : " The key could NOT be destroyed: delete it from the token by hand.";
  return fault;
}

HostResult<void> check_id_free(const Session& session, Bytes id) {
  CK_OBJECT_CLASS klass = CKO_PRIVATE_KEY;
  std::array query = {attribute_of(CKA_CLASS, klass), attribute_of(CKA_ID, id)};
  const auto taken = session.find(query);
  if (!taken) return taken.error();
  if (taken->empty()) return {};
  return make_fault(FaultKind::KeyExists,
                    "The token has a private key with this CKA_ID already: name another one.");
}

HostResult<GenerateReply> made_reply(HostResult<KeyObject> key) {
  if (!key) return key.error();
  GenerateReply reply;
  reply.key = std::move(*key);
  return reply;
}

// --- in a PIV slot, by the security officer ---

Fault slot_taken(const char* what) {
  return make_fault(FaultKind::KeyExists, std::string("It has ") + what + ".");
}

// By everything that tells: the module shows no private key before a login, no imported one without a
// certificate, and two keys where there is only a certificate.
HostResult<void> check_slot_free(const Token& token, const Session& session, Bytes id, std::uint8_t slot) {
  const auto told = card_slot({token.slot().slot_description, slot});
  if (!told) return told.error();
  if (told->known && told->occupied) return slot_taken("a key");
  for (CK_OBJECT_CLASS klass : {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE}) {
    std::array query = {attribute_of(CKA_CLASS, klass), attribute_of(CKA_ID, id)};
    const auto taken = session.find(query);
    if (!taken) return taken.error();
    if (!taken->empty()) return slot_taken(told->known ? "a certificate" : "a key or a certificate");
  }
  return {};
}

HostResult<GenerateReply> make_in_slot(const Session& session, const GenerateRequest& request) {
  Templates templates(request, request.id);
  const auto pair = make_pair(session, templates);
  if (!pair) return pair.error();
  auto key = read_back(session, *pair, request);
  if (key) return made_reply(std::move(key));
  Fault fault = key.error();
  fault.detail += " It is still in its slot: the module deletes no keys.";
  return fault;
}

HostResult<GenerateReply> generate_as_officer(Token& token, const Session& session,
                                              const GenerateRequest& request) {
  const auto slot = piv_slot(request.id);
  if (!slot)
    return make_fault(FaultKind::Protocol, "The security officer makes keys in PIV slots: CKA_ID 01 to 18.");
  const auto unused = check_slot_free(token, session, request.id, *slot);
  if (!unused) return unused.error();
  const auto in = token.login_officer(request.so_pin);
  if (!in) return in.error();
  auto made = make_in_slot(session, request);
  // Whatever happened. That it failed says nothing of the key: the process ends soon, and resets the card.
  static_cast<void>(token.log_out_officer());
  return made;
}

}  // namespace

HostResult<GenerateReply> generate_key(Token& token, const Session& session, const GenerateRequest& request) {
  if (!request.so_pin.empty()) return generate_as_officer(token, session, request);
  const HostResult<Bytes> id = request.id.empty() ? random_id() : HostResult<Bytes>(request.id);
  if (!id) return id.error();
  const auto unused = check_id_free(session, *id);
  if (!unused) return unused.error();
  Templates templates(request, *id);
  const auto pair = make_pair(session, templates);
  if (!pair) return pair.error();
  auto key = read_back(session, *pair, request);
  if (!key) return destroyed(session, *pair, key.error());
  return made_reply(std::move(key));
}

HostResult<DestroyKeyReply> destroy_key(const Session& session, const DestroyKeyRequest& request) {
  auto found = find_private_key(session, request.spki, {}, "");
  if (!found) return found.error();
  // The public key objects first: without the private key nothing tells any more which are its own.
  CK_OBJECT_CLASS klass = CKO_PUBLIC_KEY;
  std::array query = {attribute_of(CKA_CLASS, klass), attribute_of(CKA_ID, found->key.id)};
  const auto companions = session.find(query);
  if (!companions) return companions.error();
  for (const CK_OBJECT_HANDLE object : *companions) {
    const auto spki = read_public_key(session, object);
    if (!spki) return spki.error();
    if (*spki != request.spki) continue;
    const auto gone = destroy(session, object);
    if (!gone) return gone.error();
  }
  const auto gone = destroy(session, found->handle);
  if (!gone) return gone.error();
  return DestroyKeyReply{};
}

}  // namespace signet::host
