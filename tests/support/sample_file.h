// The samples in docs/ are what people copy: they must load, with and without their examples, and show every
// key.
#pragma once

#include <set>
#include <string>

namespace signet::test {

// A text file; empty if it cannot be read.
std::string file_text(const std::string& path);

// A sample with its examples ("#key", no space) taken in.
std::string with_examples(const std::string& text);

// Every "table.key" that the text sets.
std::set<std::string> keys_set(const std::string& text);

}  // namespace signet::test
