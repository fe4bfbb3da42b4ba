#include "agent/service/key_book.h"

#include <algorithm>

namespace signet {

void KeyBook::load(std::vector<LedgerKey> keys) {
  by_fingerprint_.clear();
  fingerprint_of_keyid_.clear();
  fingerprint_of_name_.clear();
  for (LedgerKey& key : keys) put(std::move(key));
}

void KeyBook::put(LedgerKey key) {
  const auto known = by_fingerprint_.find(key.fingerprint);
  if (known != by_fingerprint_.end()) {
    if (key.retired && !known->second->retired) {
      // The older enrolment of a public key that is enrolled again; or the retirement of this one.
      if (known->second->name != key.name) return;
    }
    const auto [first, last] = fingerprint_of_name_.equal_range(known->second->name);
    for (auto entry = first; entry != last; ++entry)
      if (entry->second == key.fingerprint) {
        fingerprint_of_name_.erase(entry);
        break;
      }
  }
  fingerprint_of_keyid_[key.tuf_keyid] = key.fingerprint;
  fingerprint_of_keyid_[key.notary_keyid] = key.fingerprint;
  fingerprint_of_name_.emplace(key.name, key.fingerprint);
  Entry& slot = by_fingerprint_[key.fingerprint];  // before the key is moved from
  slot = std::make_shared<const LedgerKey>(std::move(key));
}

KeyBook::Entry KeyBook::by_fingerprint(const std::string& fingerprint) const {
  const auto found = by_fingerprint_.find(fingerprint);
  return found == by_fingerprint_.end() ? nullptr : found->second;
}

KeyBook::Entry KeyBook::find(const std::string& name) const {
  Entry retired;
  const auto [first, last] = fingerprint_of_name_.equal_range(name);
  for (auto entry = first; entry != last; ++entry) {
    Entry key = by_fingerprint(entry->second);
    if (!key->retired) return key;
    retired = std::move(key);
  }
  if (retired) return retired;
  const auto keyid = fingerprint_of_keyid_.find(name);
  return by_fingerprint(keyid == fingerprint_of_keyid_.end() ? name : keyid->second);
}

Result<PublicKey> KeyBook::public_key(const LedgerKey& entry) {
  const auto known = parsed_.find(entry.fingerprint);
  if (known != parsed_.end()) return known->second;
  auto key = PublicKey::from_spki(entry.spki);
  if (!key) return key;
  if (parsed_.size() >= kMaxParsedKeys) parsed_.clear();
  parsed_.emplace(entry.fingerprint, *key);
  return key;
}

std::vector<KeyBook::Entry> KeyBook::all() const {
  std::vector<Entry> keys;
  keys.reserve(by_fingerprint_.size());
  for (const auto& [name, fingerprint] : fingerprint_of_name_)
    keys.push_back(by_fingerprint_.at(fingerprint));
  return keys;
}

}  // namespace signet
