// Which handler a call is for, or why none: the decisions of Varlink's rules, without I/O.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/varlink/handler.h"
#include "protocol/idl.h"
#include "protocol/result.h"
#include "protocol/varlink_message.h"

namespace signet {

// What GetInfo says.
struct ServiceInfo {
  std::string vendor = "Signet";
  std::string product = "signetd";
  std::string version;
  std::string url;  // of the documentation; there is none on the net yet
};

// Constant after construction.
class Dispatcher {
 public:
  // Serves org.varlink.service by itself, and `methods` under `interface`, which must outlive it.
  Dispatcher(const IdlInterface& interface, MethodTable methods, ServiceInfo info);
  // One that is moved would leave its handlers with a dangling `this`.
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  struct Target {
    std::string name;      // short
    const Method* method;  // lives as long as the Dispatcher
  };
  // InvalidParameter (method; upgrade, which no method takes; a parameter), InterfaceNotFound,
  // MethodNotFound, MethodNotImplemented, ExpectedMore. A oneway call for a method that does not allow it:
  // PermissionDenied. An error of a oneway call cannot be sent: the server closes the connection instead.
  Result<Target> resolve(const VarlinkCall& call) const;

 private:
  struct Interface {
    const IdlInterface* idl;
    MethodTable methods;
  };
  MethodTable own_methods();
  boost::json::object describe_service() const;
  Result<boost::json::object> describe_interface(const boost::json::object& parameters) const;

  ServiceInfo info_;
  std::map<std::string, Interface, std::less<>> interfaces_;
};

}  // namespace signet
