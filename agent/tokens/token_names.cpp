#include "agent/tokens/token_names.h"

#include <algorithm>
#include <functional>

namespace signet {

namespace {

std::string token_uri(const ListedToken& token) {
  const TokenDescription& told = token.description;
  TokenUri uri;
  if (!told.model.empty()) uri.model = told.model;
  if (!told.manufacturer.empty()) uri.manufacturer = told.manufacturer;
  if (!told.serial.empty()) uri.serial = told.serial;
  if (!told.label.empty()) uri.label = told.label;
  if (!token.initialised) {
    uri.slot = token.slot;
    uri.module = told.module;
  }
  return format_token_uri(uri);
}

std::size_t count_if_text(const std::vector<ListedToken>& tokens, std::string TokenDescription::*member,
                          const std::string& text) {
  return static_cast<std::size_t>(std::count_if(tokens.begin(), tokens.end(), [&](const ListedToken& token) {
    return token.description.*member == text;
  }));
}

std::string names_of(std::span<const ListedToken> tokens) {
  std::string names;
  for (const ListedToken& token : tokens) {
    if (!names.empty()) names += ", ";
    names += "\"" + token.description.name + "\"";
  }
  return names;
}

Error not_found(std::span<const ListedToken> tokens, std::string_view selector) {
  boost::json::object parameters;
  parameters["kind"] = "token";
  parameters["name"] = selector;
  const std::string present =
      tokens.empty() ? "No token is present; insert one and see \"signet status\" for the modules."
                     : "Present: " + names_of(tokens) + ".";
  return Error(ErrorName::NotFound, "No token fits \"" + std::string(selector) + "\". " + present,
               std::move(parameters));
}

Error ambiguous(std::span<const ListedToken> tokens, const std::vector<std::size_t>& fits,
                std::string_view selector) {
  std::string candidates;
  for (const std::size_t index : fits) {
    if (!candidates.empty()) candidates += ", ";
    const TokenDescription& told = tokens[index].description;
    candidates += "\"" + told.name + "\" (" + told.uri + ", module " + told.module + ")";
  }
  boost::json::object parameters;
  parameters["parameter"] = "token";
  return Error(ErrorName::InvalidParameter,
               "\"" + std::string(selector) + "\" fits several tokens: " + candidates +
                   ". Name one of them by its name or its URI.",
               std::move(parameters));
}

Result<std::size_t> exactly_one(std::span<const ListedToken> tokens, std::string_view selector,
                                const std::function<bool(const ListedToken&)>& fits) {
  std::vector<std::size_t> found;
  for (std::size_t index = 0; index < tokens.size(); ++index) {
    if (fits(tokens[index])) found.push_back(index);
  }
  if (found.size() == 1) return found.front();
  if (found.empty()) return not_found(tokens, selector);
  return ambiguous(tokens, found, selector);
}

}  // namespace

void name_tokens(std::vector<ListedToken>& tokens) {
  for (ListedToken& token : tokens) token.description.uri = token_uri(token);
  // Two modules may show one token: its URI then needs the module and the slot to tell them apart.
  std::vector<ListedToken*> doubled;
  for (ListedToken& token : tokens) {
    if (count_if_text(tokens, &TokenDescription::uri, token.description.uri) > 1) doubled.push_back(&token);
  }
  for (ListedToken* token : doubled) {
    auto uri = parse_token_uri(token->description.uri);
    if (!uri) continue;
    uri->module = token->description.module;
    uri->slot = token->slot;
    token->description.uri = format_token_uri(*uri);
  }
  for (ListedToken& token : tokens) {
    TokenDescription& told = token.description;
    if (!told.label.empty() && count_if_text(tokens, &TokenDescription::label, told.label) == 1) {
      told.name = told.label;
    } else if (!told.serial.empty() && count_if_text(tokens, &TokenDescription::serial, told.serial) == 1) {
      told.name = told.serial;
    } else {
      told.name = told.uri;
    }
  }
}

bool uri_names_token(const TokenUri& uri, const ListedToken& token) {
  const TokenDescription& told = token.description;
  const auto fits = [](const std::optional<std::string>& wanted, const std::string& has) {
    return !wanted || *wanted == has;
  };
  return fits(uri.label, told.label) && fits(uri.serial, told.serial) &&
         fits(uri.manufacturer, told.manufacturer) && fits(uri.model, told.model) &&
         fits(uri.module, told.module) && (!uri.slot || *uri.slot == token.slot);
}

bool selector_fits(std::string_view selector, const ListedToken& token) {
  const TokenDescription& told = token.description;
  if (selector.starts_with("pkcs11:")) {
    const auto uri = parse_token_uri(selector);
    return uri && uri_names_token(*uri, token);
  }
  return !selector.empty() && (selector == told.name || selector == told.label || selector == told.serial);
}

std::optional<PinSource> pin_source_of(std::span<const PinSource> sources,
                                       std::span<const ListedToken> tokens, std::size_t index) {
  for (const PinSource& source : sources) {
    if (!selector_fits(source.token, tokens[index])) continue;
    const auto fits = std::ranges::count_if(
        tokens, [&](const ListedToken& token) { return selector_fits(source.token, token); });
    if (fits == 1) return source;
  }
  return std::nullopt;
}

Result<std::size_t> select_token(std::span<const ListedToken> tokens, const TokenUri& uri) {
  return exactly_one(tokens, format_token_uri(uri),
                     [&](const ListedToken& token) { return uri_names_token(uri, token); });
}

Result<std::size_t> select_token(std::span<const ListedToken> tokens, std::string_view selector) {
  if (selector.starts_with("pkcs11:")) {
    const auto uri = parse_token_uri(selector);
    if (!uri) return uri.error();
    return select_token(tokens, *uri);
  }
  // A name is unique, and wins over another token's serial number that happens to be the same text.
  for (std::size_t index = 0; index < tokens.size(); ++index) {
    if (tokens[index].description.name == selector) return index;
  }
  auto by_text =
      exactly_one(tokens, selector, [&](const ListedToken& token) { return selector_fits(selector, token); });
  if (by_text || by_text.error().name != ErrorName::NotFound) return by_text;
  const bool names_module = std::any_of(tokens.begin(), tokens.end(), [&](const ListedToken& token) {
    return !token.initialised && token.description.module == selector;
  });
  if (!names_module) return by_text;
  return exactly_one(tokens, selector, [&](const ListedToken& token) {
    return !token.initialised && token.description.module == selector;
  });
}

}  // namespace signet
