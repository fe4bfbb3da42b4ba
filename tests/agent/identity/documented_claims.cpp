// The examples of GitHub's and GitLab's documentation, with fresh times and our audience.
#include <boost/json/parse.hpp>

#include "tests/agent/identity/token_maker.h"

namespace signet::test {
namespace {

namespace json = boost::json;

constexpr const char* kGithub = R"({
  "jti": "example-id",
  "sub": "repo:octo-org/octo-repo:environment:prod",
  "environment": "prod",
  "aud": "https://signet.example",
  "ref": "refs/heads/main",
  "sha": "example-sha",
  "repository": "octo-org/octo-repo",
  "repository_owner": "octo-org",
  "actor_id": "12",
  "repository_visibility": "private",
  "repository_id": "74",
  "repository_owner_id": "65",
  "run_id": "example-run-id",
  "run_number": "10",
  "run_attempt": "2",
  "runner_environment": "github-hosted",
  "actor": "octocat",
  "workflow": "example-workflow",
  "head_ref": "",
  "base_ref": "",
  "event_name": "workflow_dispatch",
  "enterprise": "avocado-corp",
  "enterprise_id": "2",
  "ref_type": "branch",
  "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
  "iss": "https://token.actions.githubusercontent.com"
})";

constexpr const char* kGitlab = R"({
  "namespace_id": "72",
  "namespace_path": "my-group",
  "project_id": "20",
  "project_path": "my-group/my-project",
  "user_id": "1",
  "user_login": "sample-user",
  "user_email": "sample-user@example.com",
  "user_identities": [
    {"provider": "github", "extern_uid": "2435223452345"},
    {"provider": "bitbucket", "extern_uid": "john.smith"}
  ],
  "pipeline_id": "574",
  "pipeline_source": "push",
  "job_id": "302",
  "ref": "feature-branch-1",
  "ref_type": "branch",
  "ref_path": "refs/heads/feature-branch-1",
  "ref_protected": "false",
  "groups_direct": ["mygroup/mysubgroup", "myothergroup/myothersubgroup"],
  "environment": "test-environment2",
  "environment_protected": "false",
  "deployment_tier": "testing",
  "environment_action": "start",
  "runner_id": 1,
  "runner_environment": "self-hosted",
  "sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
  "project_visibility": "public",
  "ci_config_ref_uri": "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
  "ci_config_sha": "714a629c0b401fdce83e847fc9589983fc6f46bc",
  "job_config": null,
  "jti": "235b3a54-b797-45c7-ae9a-f72d7bc6ef5b",
  "iss": "https://gitlab.example.com",
  "sub": "project_path:my-group/my-project:ref_type:branch:ref:feature-branch-1",
  "aud": "https://signet.example"
})";

}  // namespace

// In GitHub's example nbf lies ten minutes before iat, and the token lives for five minutes.
json::object github_claims(std::int64_t now) {
  json::object claims = json::parse(kGithub).as_object();
  claims["nbf"] = now - 600;
  claims["iat"] = now;
  claims["exp"] = now + 300;
  return claims;
}

json::object gitlab_claims(std::int64_t now) {
  json::object claims = json::parse(kGitlab).as_object();
  claims["nbf"] = now - 5;
  claims["iat"] = now;
  claims["exp"] = now + 3600;
  return claims;
}

PolicyIssuer github_issuer() {
  PolicyIssuer issuer;
  issuer.name = "github";
  issuer.issuer = "https://token.actions.githubusercontent.com";
  issuer.jwks = "/etc/signet/github.jwks";
  issuer.audiences = {"https://signet.example"};
  issuer.algorithms = {"RS256"};
  return issuer;
}

PolicyIssuer gitlab_issuer() {
  PolicyIssuer issuer = github_issuer();
  issuer.name = "gitlab";
  issuer.issuer = "https://gitlab.example.com";
  issuer.jwks = "/etc/signet/gitlab.jwks";
  return issuer;
}

}  // namespace signet::test
