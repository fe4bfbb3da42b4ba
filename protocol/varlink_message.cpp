#include "protocol/varlink_message.h"

#include <algorithm>
#include <boost/json/serializer.hpp>
#include <utility>

#include "protocol/frame_json.h"
#include "protocol/json_text.h"

namespace signet {
namespace {

namespace json = boost::json;

Error wrong_member(std::string_view member, std::string_view want) {
  return {ErrorName::InvalidParameter,
          "The message's \"" + std::string(member) + "\" must be " + std::string(want) + ".",
          {{"parameter", std::string(member)}}};
}

Result<json::object> parse_object(std::string_view frame, json::storage_ptr storage) {
  Result<json::value> value = parse_frame_json(frame, std::move(storage));
  if (!value) return value.error();
  if (!value->is_object()) return wrong_member("frame", "a JSON object");
  return std::move(value->get_object());
}

// Null is as good as absent: several libraries write every flag that way.
Result<void> read_flag(const json::key_value_pair& member, bool& flag) {
  if (member.value().is_null()) return {};
  if (!member.value().is_bool()) return wrong_member(member.key(), "true or false");
  flag = member.value().get_bool();
  return {};
}

Result<void> read_parameters(json::key_value_pair& member, json::object& parameters) {
  if (member.value().is_null()) return {};
  if (!member.value().is_object()) return wrong_member(member.key(), "an object");
  parameters = std::move(member.value().get_object());
  return {};
}

Result<void> read_text(const json::key_value_pair& member, std::string& text) {
  if (!member.value().is_string()) return wrong_member(member.key(), "a string");
  text = std::string(member.value().get_string());
  return {};
}

Result<void> read_call_member(json::key_value_pair& member, VarlinkCall& call) {
  const std::string_view key = member.key();
  if (key == "method") return read_text(member, call.method);
  if (key == "parameters") return read_parameters(member, call.parameters);
  if (key == "oneway") return read_flag(member, call.oneway);
  if (key == "more") return read_flag(member, call.more);
  if (key == "upgrade") return read_flag(member, call.upgrade);
  // What we do not know might change what the call means (as "oneway" does): better refused than misread.
  return wrong_member(key, "left out: Varlink's calls have method, parameters, oneway, more and upgrade");
}

void append(WipedBuffer& out, std::string_view text) {
  out.insert(out.end(), text.begin(), text.end());
}

void append_json(WipedBuffer& out, json::serializer& serializer) {
  constexpr std::size_t kStep = 512;
  while (!serializer.done()) {
    const std::size_t filled = out.size();
    // Doubling keeps the cost of a 16 MiB frame linear.
    out.resize(filled + std::max(kStep, filled));
    const json::string_view written = serializer.read(out.data() + filled, out.size() - filled);
    out.resize(filled + written.size());
  }
}

void append_json(WipedBuffer& out, const json::object& object) {
  json::serializer serializer;
  serializer.reset(&object);
  append_json(out, serializer);
}

void append_json(WipedBuffer& out, std::string_view text) {
  json::serializer serializer;
  serializer.reset(text);
  append_json(out, serializer);
}

WipedBuffer finish(WipedBuffer out) {
  append(out, "}");
  out.push_back('\0');
  return out;
}

// A token's label, or a reader's name, may be any bytes that its maker or owner put there. One of them would
// make a reply that nobody can read, of all tokens.
WipedBuffer finish_reply(WipedBuffer out) {
  replace_what_is_not_utf8(out);
  return finish(std::move(out));
}

}  // namespace

Result<VarlinkCall> parse_call(std::string_view frame, json::storage_ptr storage) {
  Result<json::object> object = parse_object(frame, storage);
  if (!object) return object.error();
  VarlinkCall call(std::move(storage));
  for (json::key_value_pair& member : *object)
    if (Result<void> read = read_call_member(member, call); !read) return read.error();
  if (call.method.empty()) return wrong_member("method", "given, as \"interface.Method\"");
  return call;
}

Result<VarlinkReply> parse_reply(std::string_view frame, json::storage_ptr storage) {
  Result<json::object> object = parse_object(frame, storage);
  if (!object) return object.error();
  VarlinkReply reply(std::move(storage));
  for (json::key_value_pair& member : *object) {
    Result<void> read;  // members that we do not know are a newer service's: ignored
    if (member.key() == "parameters") read = read_parameters(member, reply.parameters);
    if (member.key() == "continues") read = read_flag(member, reply.continues);
    if (member.key() == "error" && !member.value().is_null()) read = read_text(member, reply.error);
    if (!read) return read.error();
  }
  return reply;
}

WipedBuffer encode_call(const VarlinkCall& call) {
  WipedBuffer out;
  append(out, "{\"method\":");
  append_json(out, call.method);
  append(out, ",\"parameters\":");
  append_json(out, call.parameters);
  if (call.oneway) append(out, ",\"oneway\":true");
  if (call.more) append(out, ",\"more\":true");
  if (call.upgrade) append(out, ",\"upgrade\":true");
  return finish(std::move(out));
}

WipedBuffer encode_reply(const json::object& parameters, bool continues) {
  WipedBuffer out;
  append(out, "{\"parameters\":");
  append_json(out, parameters);
  if (continues) append(out, ",\"continues\":true");
  return finish_reply(std::move(out));
}

WipedBuffer encode_error(const Error& error) {
  json::object parameters = error.parameters;
  parameters.insert_or_assign("message", error.message);
  WipedBuffer out;
  append(out, "{\"error\":");
  append_json(out, wire_name(error.name));
  append(out, ",\"parameters\":");
  append_json(out, parameters);
  return finish_reply(std::move(out));
}

Result<json::object> reply_result(VarlinkReply reply) {
  if (reply.error.empty()) return std::move(reply.parameters);
  std::string message = "The agent answered " + reply.error + ".";
  if (const json::value* given = reply.parameters.if_contains("message"); given && given->is_string())
    message = std::string(given->get_string());
  reply.parameters.erase("message");
  return Error(error_from_wire_name(reply.error), std::move(message), std::move(reply.parameters));
}

}  // namespace signet
