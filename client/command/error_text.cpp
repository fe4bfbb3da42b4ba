#include "client/command/error_text.h"

#include <boost/json/serialize.hpp>
#include <string_view>

namespace signet::client {
namespace {

std::string text_of(const boost::json::object& parameters, std::string_view name) {
  const auto* value = parameters.if_contains(boost::json::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string()) return {value->get_string().data(), value->get_string().size()};
  return boost::json::serialize(*value);
}

// The released bytes can be had back: that is what most people who meet this want.
std::string conflict_text(const boost::json::object& parameters) {
  std::string text = "  released: " + text_of(parameters, "role") + " version " +
                     text_of(parameters, "version") + " of " + text_of(parameters, "repository") +
                     ", sha256 " + text_of(parameters, "digest") + "\n";
  if (!text_of(parameters, "payload").empty())
    text +=
        "  - To publish what was released: run this again with --save-released FILE; FILE gets it, with its "
        "signatures.\n";
  text += "  - To sign other content: raise \"version\" in the file and sign again.\n";
  if (text_of(parameters, "reason") != "older")
    text +=
        "  - If the released bytes never left your hands: --supersede replaces them, and the ledger says "
        "so.\n";
  return text;
}

}  // namespace

std::string error_text(const Error& error, const Paint& paint) {
  std::string text = paint(Color::Bad, "signet:") + " " + printable(error.message) + "\n";
  if (error.name == ErrorName::VersionConflict) text += conflict_text(error.parameters);
  return text;
}

std::string text_parameter(const Error& error, std::string_view name) {
  const auto* value = error.parameters.if_contains(boost::json::string_view(name.data(), name.size()));
  if (value == nullptr || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

boost::json::object error_json(const Error& error) {
  boost::json::object inner;
  const std::string_view name = short_name(error.name);
  inner["name"] = boost::json::string_view(name.data(), name.size());
  inner["message"] = error.message;
  inner["parameters"] = error.parameters;
  boost::json::object outer;
  outer["error"] = std::move(inner);
  return outer;
}

}  // namespace signet::client
