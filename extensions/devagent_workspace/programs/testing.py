"""What is known of programs that test and check."""

from devagent_workspace.programs.program import Program, program

TESTING: dict[str, Program] = {
    "(script)": program("-r -e --preload --require --import --loader --eval --print --experimental-loader --test-reporter --env-file"),
    "phpunit": program("--bootstrap --configuration -c --printer --extension --prepend"),
    "pytest": program(
        "--pdbcls -o --override-ini -c --config-file --debugger --tx --px --rsyncdir --pastebin --cov-config", "--junitxml --junit-xml --log-file --result-log --basetemp",
        r"@.*|(?:-W)?[a-z]+:[^:]*:[A-Za-z_]\w*\..*", plain="--cov --pdb --co --log --debug",
    ),
    "mypy": program("--python-executable --custom-typeshed-dir --install-types --plugins --shadow-file --config-file", "--junit-xml --html-report"),
    "eslint": program("--init --plugin --rulesdir --parser --config -c --format -f --resolve-plugins-relative-to", "--output-file -o"),
    "prettier": program("--plugin --config"),
    "mocha": program("-r --require --import --loader --config --package -n --node-option --ui --reporter -R --file --opts"),
    "jest": program(
        "--globalSetup --globalTeardown --testRunner --runner --config -c --reporters --resolver --transform --setupFiles --setupFilesAfterEnv --testEnvironment --env"
        " --filter --preset --testResultsProcessor --testSequencer --watchPlugins --dependencyExtractor --haste --snapshotSerializers --prettierPath --moduleLoader"
    ),
    "vitest": program(
        "--config -c --globalSetup --typecheck.checker --environment --runner --reporter --pool --execArgv --workspace --setupFiles --snapshotEnvironment --diff --browser"
        " --coverage.customProviderModule --coverage.provider --poolOptions"
    ),
    "flake8": program("--config --append-config"),
    "pylint": program("--load-plugins --init-hook --rcfile"),
    "coverage": program("--rcfile --include-code", verbs="run(?: \\S+)* (?:timeit|code|pdb|cProfile|profile|trace|runpy|IPython|fire)"),
    "isort": program("--settings-file --sp"),
    "pdb": program("-c --command"),
    "tox": program("-c --conf --override -x --installpkg", verbs="exec|e|devenv"),
    "nox": program("-f --noxfile"),
    "pre-commit": program("-c --config", "", r"try-repo", verbs="install|init-templatedir|uninstall|autoupdate|hook-impl"),
}  # fmt: skip
