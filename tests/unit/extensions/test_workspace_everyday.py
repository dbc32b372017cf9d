"""The lines of every day pass under the same allow-list: no false asks."""

import pytest

from devagent.policy import CompiledPolicy
from tests.support.shell_lines import allow_list, judged

EVERYDAY = [
    # Looking around.
    "ls", "ls -la", "ls -la src tests", "pwd", "ls *.py", "ls src/*.py | head -20", "cat README.md", "cat src/app.py tests/test_app.py",
    "head -50 README.md", "tail -n 100 out/build.log", "wc -l src/*.py", "find . -name '*.py' -not -path './build/*'",
    "find src -type f -name '*.py' | head", "find . -maxdepth 2 -type d", "tree -L 2", "du -sh .", "stat README.md", "file src/app.py",
    "grep -rn 'def main' src", 'grep -rn "TODO" --include="*.py" .', "rg -n 'class \\w+Error' src", "rg --files | head", "rg -l main src | xargs wc -l",
    "grep -c x README.md || true", "cat README.md | grep -i install | head -5", "sed -n '1,40p' src/app.py", "sed -n '10,20p;30q' src/app.py",
    "awk '{print $1}' README.md | sort | uniq -c | sort -rn | head", "awk -F: '{ print $2 }' out/list.txt", "awk 'NR>5 && NR<10' README.md",
    "jq '.scripts' package.json", "jq -r '.dependencies | keys[]' package.json | sort", "diff README.md out/old.md", "diff <(ls src) <(ls tests)",
    "which python", "command -v node", "type git", "date", "date +%Y-%m-%d", "whoami && id", "uname -a", "ps aux | grep python", "env | sort | head",
    "cut -d, -f1 out/data.txt | sort -u", "sort -t: -k2 -n README.md", "tr 'a-z' 'A-Z' < README.md", "column -t out/list.txt", "nl README.md",
    "basename src/app.py .py", "dirname src/app.py", "realpath src/app.py", "sha256sum README.md", "strings out/list.txt | head", "xxd README.md | head -3",
    "git ls-files | wc -l", "git ls-files '*.py' | xargs wc -l | tail -1", "find . -name '*.py' | xargs grep -n import", "find src -name '*.py' -print0 | xargs -0 wc -l",
    "find . -name '*.py' -exec grep -l main {} +", "find . -name '*.md' -exec wc -l {} \\;", "ls -1 | while read -r f; do echo \"$f\"; done",
    "cat src/app.py | wc -l", "comm -12 out/a.txt out/b.txt", "paste out/a.txt out/b.txt", "echo $PATH", "echo \"$HOME\"", "printf '%s\\n' a b c",
    # git.
    "git status", "git status --short --branch", "git diff", "git diff --stat HEAD~1", "git diff --cached", "git log --oneline -20", "git log --oneline --graph --all -10",
    "git log -p -1 -- src/app.py", "git show HEAD", "git show HEAD:src/app.py | head", "git show --stat", "git blame -L 1,20 src/app.py", "git branch -a", "git branch --show-current",
    "git add -A", "git add src/app.py", "git add .", "git commit -m 'Fix the parser'", 'git commit -m "Fix the parser" -m "It lost a line."', "git commit --amend --no-edit",
    'git commit -m "$(cat <<\'EOF\'\nFix the parser\n\nIt lost a line: `x` and $y.\nEOF\n)"', "git stash && git pull --rebase && git stash pop", "git checkout -b feature/x", "git switch main",
    "git fetch origin", "git pull", "git push -u origin feature/x", "git push", "git rebase main", "git merge --no-ff feature/x", "git reset --hard HEAD~1", "git restore src/app.py",
    "git rev-parse HEAD", "git remote -v", "git tag v1.0", "git cherry-pick abc123", "git --no-pager log -5", "git -C src log -3", "git config user.name", "git config --get remote.origin.url",
    "git log --since='2 weeks ago' --author=ana --format='%h %s'", "git grep -n main", "git clean -nd", "git worktree list", "git reflog | head", "git describe --tags", "git -c color.ui=never status",
    "git diff main...HEAD --name-only", "git diff --name-only | xargs wc -l", "git log --pretty=format:'%h %an %s' -10",
    # Building and testing.
    "pytest", "pytest -q", "pytest tests/test_app.py::test_main -x -vv", "pytest -k 'parser and not slow' --tb=short 2>&1 | tail -30", "python -m pytest -q -p no:cacheprovider", "cd src && pytest -q ..; cd ..",
    "python scripts/gen.py --all", "python -m mypy src", "python -m compileall src", "python --version", "ruff check .", "ruff check --fix src && ruff format src", "mypy --strict src", "black --check .",
    "npm test", "npm run build", "npm run lint -- --fix", "npm ci", "npm install --save-dev typescript", "npx tsc --noEmit", "npx eslint src --ext .ts", "npx prettier --check .", "node scripts/build.js", "node --version", "tsc -p .",
    "cargo build --release", "cargo test -- --nocapture", "cargo clippy --all-targets -- -D warnings", "go build ./...", "go test ./... -run TestX -v", "go vet ./...", "go mod tidy", "make", "make test", "make -j4 all", "make -C src",
    "mvn -q test", "./gradlew test", "gradle build", "bundle exec rspec", "uv run pytest -q", "uv sync", "poetry run pytest", "pip install -e .", "pip list | grep click", "pip install -r requirements.txt", "docker ps -a", "docker compose up -d",
    "docker build -t app .", "kubectl get pods -n dev", "npm test 2>&1 | tee out/test.log | tail -20", "pytest -q > out/test.log 2>&1; tail -5 out/test.log", "pytest -q; echo \"exit: $?\"", "time pytest -q", "timeout 60 pytest -q",
    "CI=1 npm test", "NODE_ENV=test npm run build", "RUST_BACKTRACE=1 cargo test", "DEBUG=1 python scripts/gen.py", "NO_COLOR=1 pytest -q", "export CI=1 && npm test", "./scripts/check.sh", "./scripts/check.sh --fast", "bash scripts/check.sh",
    "set -euo pipefail; make; make test", "bash -c 'ls | wc -l'", "sh -c 'ls src'", "nice -n 10 make -j2", "env CI=1 pytest -q",
    # Changing files.
    "mkdir -p src/new/deep", "touch src/new.py", "cp src/app.py src/copy.py", "mv src/copy.py src/other.py", "rm -rf build", "rm -rf dist src/__pycache__", "echo 'hello' > out/hello.txt", "echo \"line\" >> README.md",
    "cat > src/new.py <<'EOF'\nimport os\n\nprint(f\"{os.getcwd()} $HOME `x`\")\nEOF", "cat <<EOF > out/x.txt\nplain text\nEOF", "cat >> README.md << 'END'\nmore\nEND\nls", "tee out/x.txt <<'EOF'\na\nEOF",
    "cat <<A <<B\na\nA\nb\nB\nls", "sed -i 's/foo/bar/g' src/app.py", "sed -i.bak -e 's/a/b/' -e '/^#/d' src/app.py", "sed -E 's/(a|b)+/x/' README.md", "sort -o out/x.txt out/x.txt", "tar czf out/src.tar.gz src", "tar xzf out/src.tar.gz -C out",
    "zip -r out/src.zip src", "unzip -l out/src.zip", "gzip -k out/x.txt", "find . -name '*.pyc' -delete", "for f in src/*.py; do echo \"$f\"; wc -l \"$f\"; done", "for i in 1 2 3; do echo $i; done", "for i in {1..5}; do echo \"run $i\"; pytest -q; done",
    "for d in src tests; do ls \"$d\"; done", "if [ -f README.md ]; then cat README.md; else echo none; fi", "[ -d src ] && ls src", "[[ -f package.json && -d src ]] && npm test", "test -f Makefile && make || echo 'no Makefile'",
    "i=0; while [ $i -lt 3 ]; do echo $i; i=$((i+1)); done", "echo $((2 + 3 * 4))", "seq 1 10 | paste -sd+", "x=src; ls $x", "name=app && cat src/$name.py", "case $(uname) in Linux) echo l;; *) echo o;; esac",
    "( cd src && ls )", "{ ls; pwd; } > out/x.txt", "cd src; ls", "cd tests && ls && cd ..", "ls > /dev/null 2>&1", "pytest -q 2>/dev/null | tail -1", "! grep -q TODO src/app.py", "sleep 1 && echo done", "npm start & sleep 1; kill $!",
    "curl -s https://example.com | head", "curl -sS -o out/page.txt https://example.com", "curl -fsSL https://example.com/api | jq .", "ls # the files", "# a comment\nls", "echo a \\\n  b \\\n  c", "ls -la \\\n  src",
    "echo \"It's $USER\"", "echo 'single $HOME `x` $(y)'", "echo \"a \\\"quoted\\\" word\"", "grep -E '^(a|b)$' README.md", "grep \"a|b\" README.md", "echo {a,b}.txt", "ls src/{app,other}.py", "cat src/app.py | sed 's/ *$//' | head",
    "python3 -m http.server 8000 &", "sqlite3 out/x.db 'select * from t'", "psql -c 'select 1'", "ls src/ tests/ 2>/dev/null; echo ok", "git log --format=%s | sort | uniq -c | sort -rn | head -5", "cat README.md | head -1 | cut -c1-20",
    "npm test -- --coverage --watch=false -t parser src/a.test.ts", "npm run lint -- --fix --max-warnings=0", "npm test -- --updateSnapshot", "npm run test:unit -- --reporter=dot", "npx jest --env=jsdom --ci",
    "npm run dev -- --port 3000 --host", "pnpm -r test", "pnpm --filter app run build", "yarn add -D typescript", "yarn build --mode production", "node --test", "npx mocha -R dot --exit",
    "go test -count=1 -race -cover ./...", "go build -o out/a.txt ./cmd/x", "cargo +nightly fmt", "cargo run -- --config x.json", "mvn -B -q -Dtest=ParserTest test", "make test TESTS=tests/unit V=1", "make BUILD_TYPE=release",
    "php -d memory_limit=-1 x.php", "python -W error::DeprecationWarning -X importtime x.py", "uv pip install -r requirements.txt", "uv add requests", "./gradlew test --info",
    "ruby scripts/x.rb", "perl scripts/x.pl README.md", "php -l src/x.php", "java -version", "gcc -O2 -Wall -o out/a.txt src/a.c", "ffmpeg -version", "echo done; exit 0", "rm -f src/a.pyc", "true", "mkdir -p out && cd out && ls",
    # Loops over files, and what stands around their names.
    'for f in src/*.py; do wc -l "$f"; done', 'for f in src/*.py; do diff "$f" "out/$f"; done', 'for f in src/*.py README.md; do head -3 "$f"; done',
    "git ls-files '*.py' | while read -r f; do wc -l \"$f\"; done", "find . -name '*.py' -exec cp {} {}.bak \\;", "find src -name '*.py' | xargs -I{} git log -1 -- {}",
]  # fmt: skip


@pytest.fixture(scope="module")
def policy() -> CompiledPolicy:
    return allow_list()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    work = tmp_path_factory.mktemp("work")
    for name in ("src", "out", "tests", "scripts"):
        (work / name).mkdir()
    for name in ("README.md", "src/app.py", "src/other.py", "setup.py", "package.json"):
        (work / name).write_text("x\n")
    for name in ("gradlew", "scripts/check.sh"):
        (work / name).write_text("#!/bin/sh\n")
        (work / name).chmod(0o755)
    return str(work)


@pytest.mark.parametrize(
    "line", EVERYDAY, ids=[f"{n}-{line[:40]!a}" for n, line in enumerate(EVERYDAY)]
)
def test_an_everyday_line_is_allowed(policy: CompiledPolicy, folder: str, line: str) -> None:
    decision, resources = judged(policy, line, folder)
    assert decision.effect == "allow", (line, resources)


def test_the_suite_is_as_large_as_it_claims() -> None:
    assert len(set(EVERYDAY)) == len(EVERYDAY) >= 250
