// New signatures and those that a metadata file has, put together. Pure functions.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/metadata.h"
#include "protocol/result.h"

namespace signet::client {

// A metadata file that is to get signatures.
struct SignableFile {
  MetadataFile metadata;
  boost::json::array signatures;  // as they stand in the file, members that we do not know included
};

// A metadata file whose "signatures" may be absent: not signed by anybody yet. MetadataInvalid, as
// parse_metadata_file(), and for a bare "signed" (why "not-an-envelope").
Result<SignableFile> parse_signable(std::string_view text);

struct MergedSignatures {
  boost::json::array signatures;
  std::vector<std::string> added, replaced;  // key ids
  std::vector<std::string> dropped;          // key ids whose signature in the file was of other bytes
};

// Keeps the order of the file; a new signature takes the place of its key id's old one, others follow at the
// end. A signature in the file is dropped only where its key is known (a root knows its own) and it does not
// verify: it is of bytes that this file does not hold any more. Empty placeholders stay.
MergedSignatures merge_signatures(const SignableFile& file, const std::vector<boost::json::object>& fresh);

}  // namespace signet::client
