#include "agent/varlink/dispatcher.h"

#include <boost/json/array.hpp>
#include <utility>

namespace signet {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

constexpr std::size_t kMaxShownName = 256;  // what is longer is no name of ours, and is not sent back

std::string shown(std::string_view name) {
  return std::string(name.substr(0, kMaxShownName));
}

Error invalid(const std::string& parameter, const std::string& message) {
  return {ErrorName::InvalidParameter, message, {{"parameter", parameter}}};
}

Error no_interface(std::string_view name) {
  return {
      ErrorName::InterfaceNotFound,
      "There is no interface \"" + shown(name) + "\" here. org.varlink.service.GetInfo lists those that are.",
      {{"interface", shown(name)}}};
}

Error no_method(std::string_view name) {
  return {ErrorName::MethodNotFound,
          "There is no method \"" + shown(name) +
              "\" here. org.varlink.service.GetInterfaceDescription shows those that are.",
          {{"method", shown(name)}}};
}

Result<void> check_flags(const VarlinkCall& call, const Method& method, const std::string& name) {
  if (call.upgrade)
    return invalid("upgrade", "No method here upgrades the connection to another protocol. Call without it.");
  if (call.oneway && call.more)
    return invalid("oneway", "\"oneway\" wants no reply and \"more\" wants several. Give one of them.");
  if (call.oneway && !method.allow_oneway)
    return Error(
        ErrorName::PermissionDenied,
        name + " is not done without a reply: nobody would learn that it failed. Call without oneway.");
  if (method.require_more && !call.more)
    return Error(ErrorName::ExpectedMore, name + " answers several times. Call it with \"more\".");
  return {};
}

}  // namespace

Dispatcher::Dispatcher(const IdlInterface& interface, MethodTable methods, ServiceInfo info)
    : info_(std::move(info)) {
  interfaces_.emplace(service_idl().name, Interface{&service_idl(), own_methods()});
  interfaces_.emplace(interface.name, Interface{&interface, std::move(methods)});
}

Result<Dispatcher::Target> Dispatcher::resolve(const VarlinkCall& call) const {
  const std::size_t dot = call.method.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == call.method.size())
    return invalid("method", "\"method\" must be an interface and a method, as \"org.signet.Agent.Status\".");
  const std::string_view full = call.method;
  const auto interface = interfaces_.find(full.substr(0, dot));
  if (interface == interfaces_.end()) return no_interface(full.substr(0, dot));
  const std::string_view name = full.substr(dot + 1);
  const auto declared = interface->second.idl->methods.find(name);
  if (declared == interface->second.idl->methods.end()) return no_method(full);
  const auto method = interface->second.methods.find(name);
  if (method == interface->second.methods.end())
    return Error(ErrorName::MethodNotImplemented, "This agent does not implement " + call.method + ".",
                 {{"method", call.method}});
  if (Result<void> flags = check_flags(call, method->second, call.method); !flags) return flags.error();
  if (Result<void> fits = check_fields(*interface->second.idl, declared->second.parameters, call.parameters);
      !fits)
    return fits.error();
  return Target{std::string(name), &method->second};
}

MethodTable Dispatcher::own_methods() {
  MethodTable methods;
  methods["GetInfo"].handler = [this](Call) -> awaitable<Result<json::object>> {
    co_return describe_service();
  };
  methods["GetInterfaceDescription"].handler = [this](Call call) -> awaitable<Result<json::object>> {
    co_return describe_interface(call.parameters);
  };
  for (auto& [name, method] : methods) method.allow_oneway = true;  // harmless, and Varlink's own
  return methods;
}

json::object Dispatcher::describe_service() const {
  json::array names;
  for (const auto& [name, interface] : interfaces_) names.emplace_back(name);
  return {{"vendor", info_.vendor},
          {"product", info_.product},
          {"version", info_.version},
          {"url", info_.url},
          {"interfaces", std::move(names)}};
}

Result<json::object> Dispatcher::describe_interface(const json::object& parameters) const {
  const std::string_view name = parameters.at("interface").get_string();  // a string: held against the IDL
  const auto interface = interfaces_.find(name);
  if (interface == interfaces_.end()) return no_interface(name);
  return json::object{{"description", interface->second.idl->text}};
}

}  // namespace signet
