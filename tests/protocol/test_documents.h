// Metadata documents for tests, and what the parsers say of changed ones.
#pragma once

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <catch2/catch.hpp>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/metadata.h"
#include "protocol/threshold.h"
#include "tests/protocol/test_keys.h"

// What Catch2 shows of a result in a failed CHECK.
template <typename T>
struct Catch::StringMaker<boost::system::result<T, signet::Error>> {
  static std::string convert(const boost::system::result<T, signet::Error>& result) {
    return result ? "a value" : "error: " + result.error().message;
  }
};

namespace signet::test {

// The bytes of a file below tests/protocol/data.
std::string read_data(std::string_view path);

// "why where" of an error, e.g. "range /version"; "accepted" for a value.
template <typename T>
std::string verdict(const Result<T>& result) {
  if (result) return "accepted";
  const auto& parameters = result.error().parameters;
  if (result.error().name != ErrorName::MetadataInvalid) return std::string(short_name(result.error().name));
  return std::string(parameters.at("why").as_string()) + " " +
         std::string(parameters.at("where").as_string());
}

// A document that is changed step by step; each call returns a changed copy.
class Document {
 public:
  Document(boost::json::value value, MetadataFormat format) : value_(std::move(value)), format_(format) {}

  // pointer: RFC 6901; what is between is made. A last token "-" appends to an array.
  Document with(std::string_view pointer, boost::json::value value) const;
  template <std::same_as<std::string> String>
  Document with(std::string_view pointer, const String& value) const {
    return with(pointer, boost::json::value(boost::json::string(value)));
  }
  Document without(std::string_view pointer) const;
  const boost::json::object& object() const { return value_.as_object(); }

  // What parse_signed says.
  std::string verdict() const;
  Signed parse() const;

 private:
  boost::json::value value_;
  MetadataFormat format_;
};

Document tuf_root();     // P-256 and Ed25519 for root (threshold 1), P-256 for the rest
Document tuf_targets();  // two delegations: "release" (paths) and "bins" (path_hash_prefixes)
Document tuf_snapshot();
Document tuf_timestamp();
Document notary_root();
Document notary_targets();  // one delegation, targets/releases
Document notary_snapshot();
Document notary_timestamp();

// The key id in these documents of test_key(algorithm).
std::string id_of(KeyAlgorithm algorithm, MetadataFormat format, int number = 0);

// A file of this content, signed by these keys.
struct Signer {
  const TestKey& key;
  std::string keyid;
};
MetadataFile sign_file(const boost::json::object& content, MetadataFormat format,
                       const std::vector<Signer>& signers);

}  // namespace signet::test
