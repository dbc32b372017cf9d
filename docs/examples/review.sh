#!/bin/sh
# Review a change, for people and for CI:  git diff main... | sh ci/review.sh
# Prints the findings. Exit 0: none that blocks; 1: one that does; else devagent's own exit code, told on stderr.
set -u
here=$(dirname "$0")
result=$(devagent run "Review this change. Report what is wrong or risky, nothing else." \
    --output-format json --json-schema "$here/review.schema.json" \
    --max-turns 10 --max-cost 0.50 --time-limit 300)
code=$?
case $code in
    0) ;;
    # 3: policy kept it from something (permission_denials says what); what it found still counts.
    3) echo "review: policy refused a call; the review may be incomplete" >&2 ;;
    *)
        printf '%s' "$result" | python3 -c 'import json, sys; print("review:", json.load(sys.stdin)["reason"], file=sys.stderr)'
        exit $code
        ;;
esac
printf '%s' "$result" | python3 -c '
import json, sys
review = json.load(sys.stdin).get("structured") or {"summary": "no answer", "findings": []}
print(review["summary"])
for one in review["findings"]:
    print("{file}:{line}: {severity}: {text}".format(**one))
sys.exit(any(one["severity"] == "blocker" for one in review["findings"]))
'
