"""What is known of the tools and frameworks of scripting languages: bundlers, servers, consoles."""

from devagent_workspace.programs.program import Program, program

_HOOKS = program(
    verbs="install|init|add|set|uninstall|self-update"
)  # they write hooks, which git runs

SCRIPTING: dict[str, Program] = {
    # JavaScript
    "webpack": program("--config -c --require -r"), "rollup": program("--config -c --plugin -p --configPlugin"),
    "vite": program("--config -c --configLoader"), "parcel": program("--config"), "esbuild": program("--plugin"), "swc": program("--config-file --config"),
    "babel": program("--config-file --plugins --presets --require -r"), "babel-node": program("-e --eval -p --print -r --require --config-file --plugins --presets"),
    "stylelint": program("--config -c --custom-formatter --custom-syntax --config-basedir"), "jscodeshift": program("-t --transform --parser-config --extensions-path"),
    "playwright": program("--config -c --reporter", verbs="install-deps"), "cypress": program("--config-file -C --reporter -r", plain="--config"),
    "lerna": program(verbs="exec"), "nx": program("--runner", verbs="exec|add|migrate"), "rush": program(verbs="install-run"),
    "gulp": program("--gulpfile -f --require --cwd"), "grunt": program("--gruntfile --tasks --base -b"), "tap": program("--before --after --require -r --node-arg --test-env"),
    "ava": program("--require --config --node-arguments -r"), "tape": program("-r --require"), "jasmine": program("--config --helper --require --reporter"),
    "cucumber-js": program("--config -c --require -r --import -i --loader"), "zx": program("--eval -e --shell --prefix --postfix --env"),
    "husky": program(words=r"(?!--version\Z|-v\Z).*"), "lefthook": _HOOKS, "simple-git-hooks": program(words=r".*"), "lint-staged": program("--config -c --shell -x"),
    "knex": program("--knexfile"), "sequelize": program("--config --options-path"), "typeorm": program("-d --dataSource"), "commitlint": program("--config -g --extends -x --parser-preset -p --formatter -o"),
    "pm2": program(words=r"(?!(?:list|ls|status|show|describe|logs|jlist|--version)\Z).*"), "env-cmd": program(words=r".*"), "dotenvx": program(words=r".*"),
    # Python
    "django-admin": program("--pythonpath --settings", verbs="shell|shell_plus|dbshell|runscript"), "flask": program(verbs="shell"),
    "gunicorn": program("-c --config --pythonpath --logger-class --logconfig"), "uvicorn": program("--log-config --env-file --app-dir"),
    "memray": program("-c"), "jupyter": program("--config --ServerApp.preexec_fn", verbs="console|run|kernelspec install|labextension|server extension"), "cookiecutter": program(words=r"(?!--version\Z).*"),
    "copier": program("--trust --UNSAFE -l --unsafe"), "robot": program("--listener --prerunmodifier --prerebotmodifier --variablefile --pythonpath --argumentfile --parser -A -P -V"), "scrapy": program("-c", verbs="shell"),
    "watchfiles": program(words=r".*"), "watchmedo": program(words=r".*"), "ptw": program("--runner --onpass --onfail --beforerun --afterrun --onexit --config -c -p"), "pytest-watch": program("--runner --onpass --onfail --beforerun --afterrun --onexit --config -c -p"),
    "pyright": program("--pythonpath"), "basedpyright": program("--pythonpath"),
    "pip-compile": program("--config --pip-args"), "py-spy": program(verbs="record|dump|top"), "kernprof": program("-s --setup -e -m"), "viztracer": program("-m -c --cmd_string"),
    # Ruby, Perl, PHP, Elixir, Swift
    "rspec": program("-r --require -I --options -O --drb", plain="--format"), "rubocop": program("-r --require -c --config --plugin"), "cucumber": program("-r --require"),
    "rails": program("-m --template --rc", verbs=r"runner|r|console|c|dbconsole|db|app:template|plugin|generate plugin"), "rackup": program("-r --require -e --eval -I -s --server"),
    "puma": program("-C --config --control-url -I"), "erb": program("-r -U"), "guard": program(words=r".*"), "pod": program(verbs="plugins"), "thor": program(words=r".*"),
    "prove": program("-e --exec -M -P --plugin --source --formatter --harness --rc --rules"), "perldoc": program("-n -M -w -d"),
    "plackup": program("-e -M -I -s -L"), "perlcritic": program("--profile -p --include"), "phpstan": program("--autoload-file -a --configuration -c"), "psalm": program("--plugin --config -c"), "pest": program("--bootstrap --configuration -c"),
    "phpcs": program("--bootstrap --standard --runtime-set --report"), "php-cs-fixer": program("--config --rules-file"), "artisan": program(verbs="tinker|vendor:publish"),
    "mix": program("-e -r --require --eval", verbs="eval|local|archive|escript"), "swift": program("-load-plugin-executable -load-plugin-library -plugin-path -Xlinker -Xcc -Xswiftc -tools-directory", verbs="package plugin|repl", whole=True),
}  # fmt: skip
SCRIPTS: dict[str, frozenset[str]] = {
    "manage.py": frozenset(["shell", "shell_plus", "dbshell", "runscript"]),
    "artisan": frozenset(["tinker"]),
    "rails": frozenset(["runner", "r", "console", "c", "dbconsole", "db"]),
    "console": frozenset(["dbal:run-sql"]),
}
"""Scripts of frameworks that stand in projects, and their words that run what is given to them or read."""
