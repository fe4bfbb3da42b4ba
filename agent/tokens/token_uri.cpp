#include "agent/tokens/token_uri.h"

#include <p11-kit/p11-kit.h>
#include <p11-kit/uri.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace signet {

namespace {

struct FreeUri {
  void operator()(P11KitUri* uri) const { p11_kit_uri_free(uri); }
};
using UriPointer = std::unique_ptr<P11KitUri, FreeUri>;

Error uri_error(const std::string& why) {
  boost::json::object parameters;
  parameters["parameter"] = "uri";
  return Error(ErrorName::InvalidParameter, "The PKCS#11 URI cannot be used: " + why, std::move(parameters));
}

// A field of CK_TOKEN_INFO: padded with blanks, without a NUL. p11-kit marks an absent one with a NUL first
// byte.
template <std::size_t N>
std::optional<std::string> from_padded(const unsigned char (&field)[N]) {
  if (field[0] == 0) return std::nullopt;
  const std::string_view text(reinterpret_cast<const char*>(field), N);
  const std::size_t last = text.find_last_not_of(' ');
  return std::string(text.substr(0, last == std::string_view::npos ? 0 : last + 1));
}

template <std::size_t N>
void to_padded(const std::optional<std::string>& text, unsigned char (&field)[N]) {
  if (!text) return;
  std::memset(field, ' ', N);
  std::memcpy(field, text->data(), std::min(text->size(), N));
}

Result<void> read_object(P11KitUri* parsed, TokenUri& uri) {
  if (const CK_ATTRIBUTE* klass = p11_kit_uri_get_attribute(parsed, CKA_CLASS)) {
    if (klass->ulValueLen != sizeof(CK_OBJECT_CLASS) ||
        *static_cast<const CK_OBJECT_CLASS*>(klass->pValue) != CKO_PRIVATE_KEY) {
      return uri_error("it names an object that is not a private key; say type=private or leave type out.");
    }
  }
  if (const CK_ATTRIBUTE* id = p11_kit_uri_get_attribute(parsed, CKA_ID)) {
    const auto* data = static_cast<const std::uint8_t*>(id->pValue);
    uri.id = Bytes(data, data + id->ulValueLen);
  }
  if (const CK_ATTRIBUTE* label = p11_kit_uri_get_attribute(parsed, CKA_LABEL)) {
    uri.object = std::string(static_cast<const char*>(label->pValue), label->ulValueLen);
  }
  return {};
}

}  // namespace

Result<TokenUri> parse_token_uri(std::string_view text) {
  if (text.size() > kMaxUriSize)
    return uri_error("it is longer than " + std::to_string(kMaxUriSize) + " bytes.");
  if (text.find('\0') != std::string_view::npos) return uri_error("it holds a NUL byte.");
  const UriPointer parsed(p11_kit_uri_new());
  if (!parsed) return uri_error("there is no memory to read it.");
  if (const int code = p11_kit_uri_parse(std::string(text).c_str(), P11_KIT_URI_FOR_ANY, parsed.get())) {
    const char* why = p11_kit_uri_message(code);
    return uri_error(std::string(why != nullptr ? why : "it is malformed") + " (RFC 7512).");
  }
  if (p11_kit_uri_get_pin_value(parsed.get()) != nullptr ||
      p11_kit_uri_get_pin_source(parsed.get()) != nullptr) {
    return uri_error(
        "it carries a PIN or a PIN source; a PIN is given to \"unlock\" or configured, never named here.");
  }
  if (p11_kit_uri_any_unrecognized(parsed.get()))
    return uri_error("it holds an attribute that is not known.");

  TokenUri uri;
  const CK_TOKEN_INFO* token = p11_kit_uri_get_token_info(parsed.get());
  uri.label = from_padded(token->label);
  uri.serial = from_padded(token->serialNumber);
  uri.manufacturer = from_padded(token->manufacturerID);
  uri.model = from_padded(token->model);
  const CK_SLOT_ID slot = p11_kit_uri_get_slot_id(parsed.get());
  if (slot != static_cast<CK_SLOT_ID>(-1)) uri.slot = slot;
  if (const char* module = p11_kit_uri_get_module_name(parsed.get())) uri.module = module;
  if (auto read = read_object(parsed.get(), uri); !read) return read.error();
  return uri;
}

std::string format_token_uri(const TokenUri& uri) {
  const UriPointer built(p11_kit_uri_new());
  CK_TOKEN_INFO* token = p11_kit_uri_get_token_info(built.get());
  to_padded(uri.label, token->label);
  to_padded(uri.serial, token->serialNumber);
  to_padded(uri.manufacturer, token->manufacturerID);
  to_padded(uri.model, token->model);
  if (uri.slot) p11_kit_uri_set_slot_id(built.get(), static_cast<CK_SLOT_ID>(*uri.slot));
  if (uri.module) p11_kit_uri_set_module_name(built.get(), uri.module->c_str());
  const auto set = [&](CK_ATTRIBUTE_TYPE type, const void* data, std::size_t size) {
    CK_ATTRIBUTE attribute{type, const_cast<void*>(data), static_cast<CK_ULONG>(size)};
    p11_kit_uri_set_attribute(built.get(), &attribute);
  };
  if (uri.id) set(CKA_ID, uri.id->data(), uri.id->size());
  if (uri.object) set(CKA_LABEL, uri.object->data(), uri.object->size());
  if (uri.id || uri.object) {
    const CK_OBJECT_CLASS klass = CKO_PRIVATE_KEY;
    set(CKA_CLASS, &klass, sizeof klass);
  }
  char* text = nullptr;
  if (p11_kit_uri_format(built.get(), P11_KIT_URI_FOR_ANY, &text) != P11_KIT_URI_OK) return {};
  std::string result(text);
  std::free(text);
  return result;
}

}  // namespace signet
