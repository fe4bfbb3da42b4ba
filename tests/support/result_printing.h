// Lets Catch print a Result: REQUIRE(result) then shows the error's name and message.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "protocol/result.h"

namespace Catch {
template <typename T>
struct StringMaker<boost::system::result<T, signet::Error>> {
  static std::string convert(const boost::system::result<T, signet::Error>& result) {
    if (result.has_value()) return "a value";
    return std::string(signet::short_name(result.error().name)) + ": " + result.error().message;
  }
};
}  // namespace Catch
