// yubico_piv_ca.pem, as it is at build time.
#pragma once

#include <string_view>

namespace signet {

std::string_view yubico_piv_ca();

}  // namespace signet
