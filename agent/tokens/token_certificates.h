// The certificate objects beside the keys of a token: read without a login, written in an admin host.
// TokenService's contracts, over the registry.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>
#include <vector>

#include "agent/tokens/token_registry.h"

namespace signet {

// `turns`: one such host at a time, whoever asks.
boost::asio::awaitable<Result<std::vector<Bytes>>> read_token_certificates(
    std::shared_ptr<TokenRegistry> registry, std::shared_ptr<CoroutineMutex> turns, std::string uri);
boost::asio::awaitable<Result<StoredCertificate>> store_token_certificate(
    std::shared_ptr<TokenRegistry> registry, StoreCertificateRequest request);

}  // namespace signet
