#include "client/tuf/role_name.h"

#include <algorithm>
#include <vector>

#include "protocol/bytes.h"

namespace signet::client {
namespace {

constexpr std::string_view kExtension = ".json";

bool unreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto byte = text[0] == '%' && text.size() >= 3 ? from_hex(text.substr(1, 2)) : std::nullopt;
    out += byte ? static_cast<char>(byte->front()) : text[0];
    text.remove_prefix(byte ? 3 : 1);
  }
  return out;
}

// The folders below one that is called "targets", that one included: Notary's place for delegations.
std::string notary_role(const std::filesystem::path& file, std::string stem) {
  std::vector<std::string> folders;
  for (const auto& part : file.parent_path()) folders.push_back(part.string());
  const auto targets = std::find(folders.begin(), folders.end(), "targets");
  for (auto folder = folders.end(); folder != targets;) stem = *--folder + "/" + stem;
  return stem;
}

}  // namespace

Result<std::string> role_of_file(const std::filesystem::path& file, const Signed& content) {
  if (content.type != RoleType::Targets) return std::string(to_string(content.type));
  std::string stem = file.filename().string();
  if (stem.size() > kExtension.size() && stem.ends_with(kExtension))
    stem.resize(stem.size() - kExtension.size());
  const std::string prefix = std::to_string(content.version) + ".";
  if (stem.size() > prefix.size() && stem.starts_with(prefix)) stem.erase(0, prefix.size());
  stem =
      content.format == MetadataFormat::Notary ? notary_role(file, std::move(stem)) : percent_decoded(stem);
  if (auto name = check_role_name(stem, content.format); !name)
    return Error(
        ErrorName::MetadataInvalid,
        "The name of " + file.string() + " does not say which role it is of. Name the role with --role.",
        {{"where", file.string()}, {"why", "role-name"}});
  return stem;
}

std::string file_of_role(std::string_view role) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string name;
  for (const char c : role) {
    const auto byte = static_cast<unsigned char>(c);
    if (unreserved(c))
      name += c;
    else
      name += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return name + std::string(kExtension);
}

}  // namespace signet::client
