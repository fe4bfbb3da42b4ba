#include "agent/tokens/place_health.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "agent/tokens/place_choice.h"

namespace signet {

namespace asio = boost::asio;

namespace {

std::string token_key(const KeyPlace& place) {
  return place.token_label + '\0' + place.token_serial;
}

std::string object_key(const KeyPlace& place, const Bytes& spki) {
  return token_key(place) + '\0' + std::string(as_text(spki));
}

}  // namespace

struct PlaceHealth::Fault {
  Fault(const asio::any_io_executor& executor, std::string key_in, KeyPlace place_in, Bytes spki_in)
      : key(std::move(key_in)), place(std::move(place_in)), spki(std::move(spki_in)), timer(executor) {}
  const std::string key;
  const KeyPlace place;
  const Bytes spki;
  asio::steady_timer timer;
  std::chrono::milliseconds pause{0};
  std::string why;
  bool over = false;
};

PlaceHealth::PlaceHealth(asio::any_io_executor executor, Probe probe)
    : executor_(std::move(executor)), probe_(std::move(probe)) {}

PlaceHealth::~PlaceHealth() {
  close();
}

void PlaceHealth::close() {
  probe_ = nullptr;
  for (const auto& [key, fault] : faults_) {
    fault->over = true;
    fault->timer.cancel();
  }
  faults_.clear();
}

void PlaceHealth::note(std::string key, const KeyPlace& place, const Bytes& spki, std::string why,
                       std::chrono::milliseconds pause) {
  if (!probe_) return;
  const auto known = faults_.find(key);
  if (known != faults_.end()) {
    known->second->why = std::move(why);
    return;
  }
  const auto fault = std::make_shared<Fault>(executor_, key, place, spki);
  fault->why = std::move(why);
  fault->pause = pause;
  faults_.emplace(std::move(key), fault);
  spdlog::warn("Token \"{}\" is passed over for keys that are on other tokens, too: {}", place.token_label,
               fault->why);
  asio::co_spawn(executor_, watch(weak_from_this(), fault), asio::detached);
}

void PlaceHealth::failed(const KeyPlace& place, const Bytes& spki, const Error& error) {
  switch (fault_scope(error)) {
    case FaultScope::None:
      return;
    case FaultScope::Token:
      return note(token_key(place), place, spki, error.message, kFirstProbe);
    case FaultScope::Key:
      return note(object_key(place, spki), place, spki, error.message, kFirstProbe);
  }
}

void PlaceHealth::distrusted(const KeyPlace& place, const Bytes& spki, std::string why) {
  note(object_key(place, spki), place, spki, std::move(why), kLongestProbePause);
}

void PlaceHealth::worked(const KeyPlace& place, const Bytes& spki) {
  if (faults_.empty()) return;
  forget(token_key(place));
  forget(object_key(place, spki));
}

void PlaceHealth::forget(const std::string& key) {
  const auto known = faults_.find(key);
  if (known == faults_.end()) return;
  spdlog::info("Token \"{}\" is asked again.", known->second->place.token_label);
  known->second->over = true;
  known->second->timer.cancel();
  faults_.erase(known);
}

std::optional<std::string> PlaceHealth::fault(const KeyPlace& place, const Bytes& spki) const {
  if (faults_.empty()) return std::nullopt;
  for (const std::string& key : {token_key(place), object_key(place, spki)}) {
    const auto known = faults_.find(key);
    if (known != faults_.end()) return known->second->why;
  }
  return std::nullopt;
}

void PlaceHealth::look_now() {
  for (const auto& [key, fault] : faults_) {
    fault->pause = std::min(fault->pause, kFirstProbe);
    fault->timer.cancel();
  }
}

asio::awaitable<void> PlaceHealth::watch(std::weak_ptr<PlaceHealth> health, std::shared_ptr<Fault> fault) {
  for (;;) {
    fault->timer.expires_after(fault->pause);
    boost::system::error_code woken_early;
    co_await fault->timer.async_wait(asio::redirect_error(asio::use_awaitable, woken_early));
    const auto self = health.lock();
    if (fault->over || !self || !self->probe_) co_return;
    fault->pause = std::min(std::max(fault->pause, kFirstProbe) * 2, kLongestProbePause);
    const Probe probe = self->probe_;
    KeyPlace place = fault->place;
    Bytes spki = fault->spki;
    const auto works = co_await probe(std::move(place), std::move(spki));
    if (fault->over) co_return;
    if (works) {
      self->forget(fault->key);
      co_return;
    }
    fault->why = works.error().message;
  }
}

}  // namespace signet
