#include "protocol/frame_json.h"

#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/error.hpp>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "protocol/secret_json.h"
#include "protocol/varlink_message.h"

namespace signet {
namespace {

namespace json = boost::json;

// What the parser's deepest frame takes, and what that calls: Boost.JSON unescapes in 4 KiB of it.
constexpr std::size_t kDeepestFrame = 8 * 1024;

// Builds the value while the parser walks the text, so that a second key of one name is seen when it comes.
class FrameHandler {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_array_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_key_size = std::numeric_limits<std::size_t>::max();
  static constexpr std::size_t max_string_size = std::numeric_limits<std::size_t>::max();

  explicit FrameHandler(json::storage_ptr storage)
      : storage_(std::move(storage)), text_(storage_), root_(storage_) {
    open_.reserve(kMaxFrameDepth);
  }

  const std::optional<std::string>& duplicate_key() const { return duplicate_key_; }
  // The deepest of the parser's stack frames that had a string of the text.
  const char* deepest() const { return deepest_; }
  json::value take() { return std::move(root_); }

  bool on_document_begin(json::error_code&) { return true; }
  bool on_document_end(json::error_code&) { return true; }
  bool on_object_begin(json::error_code&) { return open(json::value(json::object(storage_))); }
  bool on_object_end(std::size_t, json::error_code& ec) { return close(ec); }
  bool on_array_begin(json::error_code&) { return open(json::value(json::array(storage_))); }
  bool on_array_end(std::size_t, json::error_code& ec) { return close(ec); }

  bool on_key_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
  bool on_key(json::string_view part, std::size_t, json::error_code&) {
    append(part);
    open_.back().key = std::exchange(text_, json::string(storage_));
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code&) { return append(part); }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    append(part);
    return add(json::value(std::exchange(text_, json::string(storage_))), ec);
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code& ec) {
    return add(json::value(number, storage_), ec);
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code& ec) {
    return add(json::value(number, storage_), ec);
  }
  bool on_double(double number, json::string_view, json::error_code& ec) {
    if (!std::isfinite(number)) return refuse(json::error::exponent_overflow, ec);
    return add(json::value(number, storage_), ec);
  }
  bool on_bool(bool flag, json::error_code& ec) { return add(json::value(flag, storage_), ec); }
  bool on_null(json::error_code& ec) { return add(json::value(nullptr, storage_), ec); }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }

 private:
  struct Level {
    json::value container;
    json::string key;  // of the member that comes next
  };

  static bool refuse(json::error error, json::error_code& ec) {
    ec = error;
    return false;
  }
  bool append(json::string_view part) {
    deepest_ = std::min(deepest_, static_cast<const char*>(__builtin_frame_address(0)));
    text_.append(part);
    return true;
  }
  bool open(json::value container) {
    open_.push_back(Level{std::move(container), json::string(storage_)});
    return true;
  }
  bool close(json::error_code& ec) {
    json::value done = std::move(open_.back().container);
    open_.pop_back();
    return add(std::move(done), ec);
  }
  bool add(json::value value, json::error_code& ec) {
    if (open_.empty()) {
      root_ = std::move(value);
      return true;
    }
    Level& level = open_.back();
    if (json::array* array = level.container.if_array()) {
      array->push_back(std::move(value));
      return true;
    }
    if (level.container.get_object().emplace(level.key, std::move(value)).second) return true;
    duplicate_key_ = std::string(level.key);
    return refuse(json::error::syntax, ec);
  }

  json::storage_ptr storage_;
  json::string text_;  // the string or key that is being read
  json::value root_;
  std::vector<Level> open_;
  std::optional<std::string> duplicate_key_;
  const char* deepest_ = static_cast<const char*>(__builtin_frame_address(0));
};

Error no_json(std::string_view what, std::size_t offset) {
  return {ErrorName::InvalidParameter,
          "The message is not JSON as Varlink wants it: " + std::string(what) + " at byte " +
              std::to_string(offset) + ".",
          {{"parameter", "frame"}}};
}

Error parse_error(const json::error_code& ec, const FrameHandler& handler, std::size_t offset) {
  if (ec == json::error::too_deep)
    return {ErrorName::LimitExceeded,
            "The message nests deeper than " + std::to_string(kMaxFrameDepth) + " levels.",
            {{"limit", "depth"}, {"value", kMaxFrameDepth}}};
  if (!handler.duplicate_key()) return no_json(ec.message(), offset);
  const std::string& key = *handler.duplicate_key();
  constexpr std::size_t kShown = 64;  // a longer key helps nobody, and would be sent back whole
  if (key.size() > kShown) return no_json("a member stands twice", offset);
  return {ErrorName::InvalidParameter,
          "\"" + key + "\" stands twice in one object. Give it once.",
          {{"parameter", key}}};
}

[[gnu::noinline]] Result<json::value> parse(std::string_view text, json::storage_ptr storage,
                                            const char*& deepest) {
  json::parse_options options;
  options.max_depth = kMaxFrameDepth;
  json::basic_parser<FrameHandler> parser(options, std::move(storage));
  json::error_code ec;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
  deepest = parser.handler().deepest();
  if (ec) return parse_error(ec, parser.handler(), used);
  if (used < text.size()) return no_json("more bytes after its end", used);
  return parser.handler().take();
}

}  // namespace

Result<json::value> parse_frame_json(std::string_view text, json::storage_ptr storage) {
  const bool secret = *storage == *make_secret_storage();
  const char* const here = static_cast<const char*>(__builtin_frame_address(0));
  const char* deepest = here;
  Result<json::value> result = parse(text, std::move(storage), deepest);
  if (secret) wipe_dead_stack(static_cast<std::size_t>(here - deepest) + kDeepestFrame);
  return result;
}

}  // namespace signet
