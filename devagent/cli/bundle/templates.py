"""What ``bundle init`` writes beside keys and metadata."""

from devagent.org.terms import Terms

IGNORED = "/build/\n/keys/root-*.age\n*.key\n"
README = """\
# The policy of {org}

`content/` is what a bundle holds: `policy/org.toml` first of all. `published/` is the tree that machines fetch: any static server
will do. `keys.toml` says where keys are; the key files are sealed for their owners.

    devagent bundle build --as NAME            # lint, tests, and the same bytes for the same content
    devagent bundle promote dev --as NAME
    devagent bundle approve --as OTHER         # a second person, where two must sign
    devagent bundle publish                    # by CI, which also renews the timestamp each day
"""
CI_GITHUB = """\
# Lints, tests and replays what a pull request changes; publishes what is signed, and renews the timestamp each day.
name: policy
on:
  pull_request:
  push:
    branches: [main]
  schedule:
    - cron: "17 3 * * *"
permissions:
  contents: write
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pipx install 'devagent[org]=={version}'
      - run: devagent bundle build --as ci --check
      - run: test ! -d replays || devagent bundle impact --replay replays
  publish:
    if: github.event_name != 'pull_request'
    needs: check
    runs-on: ubuntu-latest
    concurrency: publish
    steps:
      - uses: actions/checkout@v4
      - run: pipx install 'devagent[org]=={version}'
      - run: |
          umask 077
          printf '%s\\n' "$IDENTITY" > "$RUNNER_TEMP/ci.key"
          DEVAGENT_IDENTITY="$RUNNER_TEMP/ci.key" devagent bundle publish
        env:
          IDENTITY: ${{{{ secrets.POLICY_CI_IDENTITY }}}}
      - run: |
          git add --all
          git diff --cached --quiet || {{ git -c user.name=policy -c user.email=policy@localhost commit -m "Publish" && git push; }}
"""
CI_GITLAB = """\
# Lints, tests and replays what a merge request changes; publishes what is signed. A schedule on the default branch, once a day, renews
# the timestamp. Variables: POLICY_CI_IDENTITY_FILE (of type file), POLICY_PUSH_TOKEN (a project token that may write the repository).
check:
  image: python:3.12
  script:
    - pip install 'devagent[org]=={version}'
    - devagent bundle build --as ci --check
    - test ! -d replays || devagent bundle impact --replay replays
publish:
  image: python:3.12
  needs: [check]
  rules:
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
  variables:
    DEVAGENT_IDENTITY: $POLICY_CI_IDENTITY_FILE
  script:
    - pip install 'devagent[org]=={version}'
    - devagent bundle publish
    - git add --all
    - git config credential.helper '!f() {{ echo username=oauth2; echo "password=$POLICY_PUSH_TOKEN"; }}; f'
    - git diff --cached --quiet || git -c user.name=policy -c user.email=policy@localhost commit -m "Publish [skip ci]"
    - git push "${{CI_PROJECT_URL}}.git" "HEAD:${{CI_COMMIT_BRANCH}}"
  artifacts:
    paths: [published]
"""


def settings_text(org: str, terms: Terms) -> str:
    """``bundle.toml``."""
    return f"""\
# What this policy repository makes. `revision` rises with each bundle.
org = "{org}"
revision = 1
order = ["dev", "test", "prod"]   # a bundle goes through these, each after the one before

[terms]                           # days that each role is signed for
root = {terms.root:g}
targets = {terms.targets:g}
environment = {terms.environment:g}
revoke = {terms.revoke:g}
team = {terms.team:g}
snapshot = {terms.snapshot:g}                     # a machine offline so long is locked
timestamp = {terms.timestamp:g}                     # one offline so long reads, and asks about the rest
"""
