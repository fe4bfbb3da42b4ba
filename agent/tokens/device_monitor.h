// Hears from udev when a smart card reader (a YubiKey is one) is plugged in or out. libudev's monitor; it
// needs no rights, and works without anything to hear where there is no udevd: then only polling notices.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

namespace signet {

// Runs on one event loop; not thread safe.
class DeviceMonitor {
 public:
  enum class Change { Added, Removed };

  // Null, with a line in the log, where udev cannot be listened to.
  static std::shared_ptr<DeviceMonitor> open(boost::asio::any_io_executor executor);
  virtual ~DeviceMonitor() = default;
  DeviceMonitor() = default;
  DeviceMonitor(const DeviceMonitor&) = delete;
  DeviceMonitor& operator=(const DeviceMonitor&) = delete;

  // The next change; nothing after close(), or when the monitor failed. One caller at a time.
  virtual boost::asio::awaitable<std::optional<Change>> next() = 0;
  virtual void close() = 0;
};

}  // namespace signet
