#include "pkcs11/key_search.h"

#include <algorithm>
#include <utility>

#include "pkcs11/public_key_der.h"

namespace signet::host {

namespace {

using Spki = std::optional<PublicKeyDer>;

// Several attributes of one object; a missing one is empty.
HostResult<std::vector<Bytes>> attributes(const Session& session, CK_OBJECT_HANDLE object,
                                          std::initializer_list<CK_ATTRIBUTE_TYPE> types) {
  std::vector<Bytes> values;
  for (const CK_ATTRIBUTE_TYPE type : types) {
    auto value = session.attribute(object, type);
    if (!value) return value.error();
    values.push_back(value->value_or(Bytes()));
  }
  return values;
}

HostResult<CK_KEY_TYPE> key_type(const Session& session, CK_OBJECT_HANDLE object) {
  const auto value = session.attribute(object, CKA_KEY_TYPE);
  if (!value) return value.error();
  CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
  if (*value && (*value)->size() == sizeof type)
    std::copy((*value)->begin(), (*value)->end(), reinterpret_cast<std::uint8_t*>(&type));
  return type;
}

// The public key that a public or a private key object's own attributes state.
HostResult<Spki> own_public_key(const Session& session, CK_OBJECT_HANDLE object, CK_KEY_TYPE type) {
  if (type == CKK_RSA) {
    const auto values = attributes(session, object, {CKA_MODULUS, CKA_PUBLIC_EXPONENT});
    if (!values) return values.error();
    if (Spki key = rsa_public_key((*values)[0], (*values)[1])) return key;
  } else if (type == CKK_EC) {
    const auto values = attributes(session, object, {CKA_EC_PARAMS, CKA_EC_POINT});
    if (!values) return values.error();
    if (Spki key = ec_public_key((*values)[0], (*values)[1])) return key;
  } else if (type == CKK_EC_EDWARDS) {
    const auto values = attributes(session, object, {CKA_EC_POINT});
    if (!values) return values.error();
    if (Spki key = edwards_public_key((*values)[0])) return key;
  }
  const auto info = session.attribute(object, CKA_PUBLIC_KEY_INFO);
  if (!info) return info.error();
  return *info ? spki_public_key(**info) : Spki();
}

HostResult<Spki> certificate_key(const Session& session, CK_OBJECT_HANDLE object) {
  const auto value = session.attribute(object, CKA_VALUE);
  if (!value) return value.error();
  return *value ? certificate_public_key(**value) : Spki();
}

// The one public key among the companions (public key objects or certificates) of a private key: those with
// its CKA_ID, and if these differ, those of them with its label too. Nothing if that still leaves several:
// better no key than the wrong one.
HostResult<Spki> companion_key(const Session& session, CK_OBJECT_CLASS klass, CK_KEY_TYPE type, Bytes id,
                               const std::string& label) {
  std::vector<CK_ATTRIBUTE> query = {attribute_of(CKA_CLASS, klass), attribute_of(CKA_ID, id)};
  if (klass == CKO_PUBLIC_KEY) query.push_back(attribute_of(CKA_KEY_TYPE, type));
  const auto objects = session.find(query);
  if (!objects) return objects.error();
  std::vector<PublicKeyDer> all, labelled;
  for (const CK_OBJECT_HANDLE object : *objects) {
    const auto key =
        klass == CKO_PUBLIC_KEY ? own_public_key(session, object, type) : certificate_key(session, object);
    if (!key) return key.error();
    if (!*key) continue;
    const auto name = session.attribute(object, CKA_LABEL);
    if (!name) return name.error();
    if (std::ranges::find(all, **key) == all.end()) all.push_back(**key);
    const bool same_label = *name && as_text(**name) == label;
    if (same_label && std::ranges::find(labelled, **key) == labelled.end()) labelled.push_back(**key);
  }
  if (all.size() == 1 && !id.empty()) return Spki(all[0]);
  if (labelled.size() == 1) return Spki(labelled[0]);
  return Spki();
}

struct SourcedKey {
  Spki key;
  SpkiSource source = SpkiSource::PrivateKeyObject;
};

HostResult<SourcedKey> public_key_of(const Session& session, CK_OBJECT_HANDLE handle, const Bytes& id,
                                     const std::string& label) {
  const auto type = key_type(session, handle);
  if (!type) return type.error();
  const auto own = own_public_key(session, handle, *type);
  if (!own) return own.error();
  if (*own) return SourcedKey{*own, SpkiSource::PrivateKeyObject};
  const auto object = companion_key(session, CKO_PUBLIC_KEY, *type, id, label);
  if (!object) return object.error();
  if (*object) return SourcedKey{*object, SpkiSource::PublicKeyObject};
  const auto certificate = companion_key(session, CKO_CERTIFICATE, *type, id, label);
  if (!certificate) return certificate.error();
  return SourcedKey{*certificate, SpkiSource::Certificate};
}

HostResult<void> read_evidence(const Session& session, CK_OBJECT_HANDLE handle, KeyObject& key) {
  const std::pair<CK_ATTRIBUTE_TYPE, bool KeyObject::*> flags[] = {
      {CKA_LOCAL, &KeyObject::local},
      {CKA_SENSITIVE, &KeyObject::sensitive},
      {CKA_ALWAYS_SENSITIVE, &KeyObject::always_sensitive},
      {CKA_NEVER_EXTRACTABLE, &KeyObject::never_extractable},
      {CKA_ALWAYS_AUTHENTICATE, &KeyObject::always_authenticate}};
  for (const auto& [type, member] : flags) {
    const auto value = session.flag(handle, type);
    if (!value) return value.error();
    key.*member = *value;
  }
  // A module that does not say must not pass for one that says no.
  const auto extractable = session.attribute(handle, CKA_EXTRACTABLE);
  if (!extractable) return extractable.error();
  key.extractable = !(*extractable && (*extractable)->size() == 1 && (**extractable)[0] == CK_FALSE);
  return {};
}

HostResult<std::vector<CK_OBJECT_HANDLE>> private_keys(const Session& session, Bytes id, std::string label) {
  CK_OBJECT_CLASS klass = CKO_PRIVATE_KEY;
  std::vector<CK_ATTRIBUTE> query = {attribute_of(CKA_CLASS, klass)};
  if (!id.empty()) query.push_back(attribute_of(CKA_ID, id));
  if (!label.empty()) query.push_back(attribute_of(CKA_LABEL, label));
  return session.find(query);
}

}  // namespace

HostResult<std::optional<KeyObject>> read_private_key(const Session& session, CK_OBJECT_HANDLE handle) {
  auto names = attributes(session, handle, {CKA_ID, CKA_LABEL});
  if (!names) return names.error();
  KeyObject key;
  key.id = std::move((*names)[0]);
  key.label = as_text((*names)[1]);
  auto spki = public_key_of(session, handle, key.id, key.label);
  if (!spki) return spki.error();
  if (!spki->key) return std::optional<KeyObject>();
  key.spki = std::move(spki->key->spki);
  key.algorithm = spki->key->algorithm;
  key.source = spki->source;
  const auto evidence = read_evidence(session, handle, key);
  if (!evidence) return evidence.error();
  return std::optional(std::move(key));
}

HostResult<std::optional<Bytes>> read_public_key(const Session& session, CK_OBJECT_HANDLE handle) {
  const auto type = key_type(session, handle);
  if (!type) return type.error();
  auto key = own_public_key(session, handle, *type);
  if (!key) return key.error();
  if (!*key) return std::optional<Bytes>();
  return std::optional(std::move((*key)->spki));
}

HostResult<FindObjectsReply> list_private_keys(const Session& session, const Bytes& id,
                                               const std::string& label) {
  const auto handles = private_keys(session, id, label);
  if (!handles) return handles.error();
  FindObjectsReply reply;
  for (const CK_OBJECT_HANDLE handle : *handles) {
    auto key = read_private_key(session, handle);
    if (!key) return key.error();
    if (*key && reply.keys.size() < kMaxListLength)
      reply.keys.push_back(std::move(**key));
    else
      ++reply.skipped;
  }
  return reply;
}

HostResult<ListCertificatesReply> list_certificates(const Session& session) {
  CK_OBJECT_CLASS klass = CKO_CERTIFICATE;
  std::vector<CK_ATTRIBUTE> query = {attribute_of(CKA_CLASS, klass)};
  const auto handles = session.find(query);
  if (!handles) return handles.error();
  ListCertificatesReply reply;
  std::size_t left = kMaxListBody / 2;  // of the frame: far more than a card holds
  for (const CK_OBJECT_HANDLE handle : *handles) {
    auto values = attributes(session, handle, {CKA_VALUE, CKA_ID, CKA_LABEL});
    if (!values) return values.error();
    CertificateObject found;
    found.der = std::move((*values)[0]);
    found.id = std::move((*values)[1]);
    found.label = as_text((*values)[2]);
    const std::size_t size = found.der.size() + found.id.size() + found.label.size();
    const bool fits = !found.der.empty() && found.der.size() <= kMaxCertificate && size <= left;
    if (!fits || reply.certificates.size() == kMaxListLength) {
      ++reply.skipped;
      continue;
    }
    left -= size;
    reply.certificates.push_back(std::move(found));
  }
  return reply;
}

HostResult<FoundPrivateKey> find_private_key(const Session& session, BytesView spki, const Bytes& id,
                                             const std::string& label) {
  // By both hints, by the CKA_ID alone, among all: each wider than the one before.
  std::vector<std::pair<Bytes, std::string>> queries;
  if (!id.empty() && !label.empty()) queries.emplace_back(id, label);
  if (!id.empty()) queries.emplace_back(id, "");
  queries.emplace_back(Bytes(), "");
  std::vector<CK_OBJECT_HANDLE> seen;
  for (const auto& [query_id, query_label] : queries) {
    const auto handles = private_keys(session, query_id, query_label);
    if (!handles) return handles.error();
    for (const CK_OBJECT_HANDLE handle : *handles) {
      if (std::ranges::find(seen, handle) != seen.end()) continue;
      seen.push_back(handle);
      auto key = read_private_key(session, handle);
      if (!key) return key.error();
      if (*key && std::ranges::equal((*key)->spki, spki)) return FoundPrivateKey{handle, std::move(**key)};
    }
  }
  return make_fault(FaultKind::KeyAbsent, "The token has no private key for this public key.");
}

}  // namespace signet::host
