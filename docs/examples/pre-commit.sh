#!/bin/sh
# A hook before each commit: a quick look at what is staged. As .git/hooks/pre-commit, or by pre-commit-config.yaml.
# A finding stops the commit (`git commit --no-verify` goes on); a service that cannot be reached does not.
set -u
git diff --cached --quiet && exit 0
answer=$(git diff --cached | devagent run \
    "Look at this staged change for secrets, debugging left-overs and conflict marks. Answer OK, or one line a finding." \
    --max-turns 3 --max-cost 0.05 --time-limit 60)
code=$?
if [ $code -ne 0 ]; then
    echo "pre-commit: no look was taken (devagent: exit $code)" >&2
    exit 0
fi
[ "$answer" = "OK" ] && exit 0
printf '%s\n' "$answer" >&2
exit 1
