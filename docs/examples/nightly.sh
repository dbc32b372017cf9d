#!/bin/sh
# A report each morning of what came in, for cron, which mails what is printed. One run at a time; what it may
# spend in a day stands in policy ([budget.day]).
set -u
cd "${1:?the repository}" || exit 1
exec 9>"${TMPDIR:-/tmp}/devagent-nightly.$(id -u).lock"
if command -v flock >/dev/null && ! flock -n 9; then
    echo "nightly: the last run still goes on" >&2
    exit 0
fi
devagent run "What came in since yesterday, and does anything in it need a person's eyes?" \
    --max-cost 0.50 --time-limit 600 9>&-
code=$?
[ $code -eq 0 ] || echo "nightly: devagent ended with exit code $code; devagent session show last tells more" >&2
exit $code
