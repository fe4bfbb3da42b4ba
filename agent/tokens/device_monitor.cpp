#include "agent/tokens/device_monitor.h"

#include <libudev.h>
#include <spdlog/spdlog.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <string_view>

namespace signet {

namespace asio = boost::asio;

namespace {

struct UdevDeleter {
  void operator()(udev* context) const { ::udev_unref(context); }
  void operator()(udev_monitor* monitor) const { ::udev_monitor_unref(monitor); }
  void operator()(udev_device* device) const { ::udev_device_unref(device); }
};
using Udev = std::unique_ptr<udev, UdevDeleter>;
using Monitor = std::unique_ptr<udev_monitor, UdevDeleter>;
using Device = std::unique_ptr<udev_device, UdevDeleter>;

// udev lists a device's interfaces as ":030101:0b0000:"; 0b is the class of smart card readers (USB CCID).
bool is_card_reader(udev_device* device) {
  const char* interfaces = ::udev_device_get_property_value(device, "ID_USB_INTERFACES");
  return interfaces != nullptr && std::string_view(interfaces).find(":0b") != std::string_view::npos;
}

std::optional<DeviceMonitor::Change> change_of(udev_device* device) {
  const char* action = ::udev_device_get_action(device);
  if (action == nullptr || !is_card_reader(device)) return std::nullopt;
  const std::string_view name = action;
  if (name == "add") return DeviceMonitor::Change::Added;
  if (name == "remove") return DeviceMonitor::Change::Removed;
  return std::nullopt;
}

class UdevMonitor final : public DeviceMonitor {
 public:
  UdevMonitor(asio::any_io_executor executor, Udev context, Monitor monitor)
      : context_(std::move(context)),
        monitor_(std::move(monitor)),
        ready_(executor, ::udev_monitor_get_fd(monitor_.get())) {}
  ~UdevMonitor() override { close(); }

  asio::awaitable<std::optional<Change>> next() override {
    while (ready_.is_open()) {
      // Non-blocking: null when nothing is there, or when what came was filtered out.
      while (const Device device{::udev_monitor_receive_device(monitor_.get())}) {
        if (const auto change = change_of(device.get())) co_return change;
      }
      boost::system::error_code failed;
      co_await ready_.async_wait(asio::posix::stream_descriptor::wait_read,
                                 asio::redirect_error(asio::use_awaitable, failed));
      if (failed) co_return std::nullopt;
    }
    co_return std::nullopt;
  }

  void close() override {
    boost::system::error_code ignored;
    ready_.cancel(ignored);
    if (ready_.is_open()) ready_.release();  // the descriptor is libudev's
  }

 private:
  Udev context_;
  Monitor monitor_;
  asio::posix::stream_descriptor ready_;
};

}  // namespace

std::shared_ptr<DeviceMonitor> DeviceMonitor::open(asio::any_io_executor executor) {
  Udev context{::udev_new()};
  Monitor monitor{context ? ::udev_monitor_new_from_netlink(context.get(), "udev") : nullptr};
  if (!monitor || ::udev_monitor_filter_add_match_subsystem_devtype(monitor.get(), "usb", "usb_device") < 0 ||
      ::udev_monitor_enable_receiving(monitor.get()) < 0) {
    spdlog::warn(
        "udev cannot be listened to: that a token is plugged in or out is noticed by asking its module.");
    return nullptr;
  }
  return std::make_shared<UdevMonitor>(std::move(executor), std::move(context), std::move(monitor));
}

}  // namespace signet
