// libsignet's calls about repositories.
#include "client/agent_state.h"
#include "client/call_json.h"
#include "client/reply.h"

namespace signet::client {

using boost::json::object;

Result<RepositoryInfo> Agent::create_repository(std::string_view name, std::string_view format) {
  object parameters;
  parameters["name"] = json_view(name);
  parameters["format"] = json_view(format);
  return then(state_->plain("CreateRepository", parameters), read_repository_reply);
}

Result<RepositoryInfo> Agent::adopt_repository(std::string_view name, std::string_view format,
                                               std::string_view root) {
  object parameters;
  parameters["name"] = json_view(name);
  parameters["format"] = json_view(format);
  parameters["root"] = json_view(root);
  return then(state_->plain("AdoptRepository", parameters), read_repository_reply);
}

Result<Observation> Agent::observe_metadata(std::string_view repository, std::string_view role,
                                            std::string_view metadata) {
  object parameters;
  parameters["repository"] = json_view(repository);
  parameters["role"] = json_view(role);
  parameters["metadata"] = json_view(metadata);
  return then(state_->plain("ObserveMetadata", parameters), read_observation);
}

Result<std::vector<RepositoryInfo>> Agent::list_repositories() {
  return then(state_->plain("ListRepositories", {}), read_repository_list);
}

}  // namespace signet::client
