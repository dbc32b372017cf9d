"""What is known of programs that build, and that fetch what is built with."""

from devagent_workspace.programs.program import Program, program

_COMPILER = program(
    "-wrapper -fplugin= -fpass-plugin= -specs --specs -B -Xclang -Xlinker -Xassembler -fuse-ld -plugin --ld-path= --prefix= --config --gcc-toolchain --gcc-install-dir",
    "-o",
    r"@.*|-W[ap],.*|-Wl,(?!-rpath|-z,|-O|-soname|--as-needed|--no-undefined|--gc-sections|-s\Z|--strip).*",
)
_PACKAGE = program(
    "--script-shell --node-options --globalconfig --userconfig --call -c --git --shell --viewer --browser --editor --init-module --node-gyp"
    " --python --onload-script --use-yarnrc --pnpmfile --global-pnpmfile --config.script-shell --config.git --config.node-options",
    "",
    r"config|set|set-script|exec-env|c|explore|edit|node",
    verbs="pkg (?:set|delete|fix)|plugin (?:import|remove)|policies set-version|repl|patch-commit",
)
_PIP = program(
    "--config-settings --python --global-option --build-option -C --editor --keyring-provider", "--log --report -t --target", "config"
)  # fmt: skip
_MAVEN = program("-f --file -s --settings -gs -t --toolchains", "", r"exec:.*|antrun:.*|.*\bexec-maven.*|g(?:roovy|maven)[\w-]*:.*|(?:[\w-]+\.)+[\w.-]+:[\w.-]+:.*|-D(?:maven\.ext\.|argLine|exec\.|jvm|maven\.home).*", whole=True, plain="-fae -fn -ff -fail-at-end -fail-never -fail-fast")  # fmt: skip
_GRADLE = program(
    "-I --init-script -b --build-file -c --settings-file -g",
    "",
    r"(?:-D|--system-prop=)?org\.gradle\..*|--gradle-distribution-\w+.*",
)

BUILDING: dict[str, Program] = {
    "make": program("--eval -E --file --makefile -f", "", r"\.?(?:SHELL\w*|MAKE\w*|CC|CXX|LD|AR|CPP|INSTALL|RM|\.SHELLFLAGS)[:?+!]*=.*|\w+\s*!=.*|\w+[:?+!]*=.*[^\w./:,+@%-].*"),
    "gmake": program("--eval -E --file --makefile -f", "", r"\.?\w+[:?+!]*=.*"),
    "ninja": program("-f", "", r"browse|msvc"),
    "cmake": program(
        "-P -C -E --toolchain --debugger-pipe", "",
        r"(?:-D)?(?:CMAKE_\w*(?:LAUNCHER|COMPILER|PROGRAM|TOOLCHAIN|LINKER|CLANG_TIDY|CPPCHECK|CPPLINT|WHAT_YOU_USE|ICSTAT|EMULATOR|MODULE_PATH)\w*|CMAKE_(?:\w*_)?(?:AR|NM|RANLIB|STRIP|OBJCOPY|OBJDUMP)"
        r"|CMAKE_PROJECT_\w*INCLUDE\w*|\w+_EXECUTABLE)(?::\w+)?=.*|(?:-D)?CMAKE_\w*FLAGS\w*(?::\w+)?=.*(?:-B|-fplugin|-fpass|-wrapper|-specs|-fuse-ld|-ld-path|-Xclang|-load|-plugin|@).*",
        whole=True,
    ),
    "npm": _PACKAGE,
    "pnpm": _PACKAGE,
    "yarn": _PACKAGE,
    "npx": program("--call -c --node-options --script-shell"),
    "yarnpkg": _PACKAGE,
    "bun": _PACKAGE._replace(words=f"{_PACKAGE.words}|exec"),
    "pdm": program(verbs="use|plugin|self|config|shell"), "pipenv": program("--python", verbs="shell|open"), "hatch": program(verbs="shell|config|self|python"), "rye": program(verbs="shell|config|self|tools"),
    "bunx": _PACKAGE,
    "pip": _PIP,
    "pip3": _PIP,
    "uv": program("--python -p --config-file --config-setting --build-option --env-file --keyring-provider", "", r"tool"),
    "cargo": program("--config -Z", "", r"rustc|rustdoc|\+.*/.*|(?:--target=)?.*\.json", verbs="flamegraph|valgrind|with"),
    "rustc": program("-C --codegen", "-o --out-dir", r"@.*"),
    "rustdoc": program("-C --codegen --test-runtool --test-builder -Z", "-o --out-dir", r"@.*"),
    "cargo-watch": program("-s --shell --use-shell"),
    "go-env": program("-w -u", whole=True),
    "go": program(
        "-exec -toolexec -overlay -vettool -modfile -compiler", "-o",
        r"generate|--?(?:gc|asm)flags(?:=(?!(?:all=)?(?:-[NlmS](?:=\d)? ?)+\Z).*)?|.*-(?:extld|extar|linkmode|toolexec).*", whole=True,
        verbs="tool(?! cover| vet| nm| objdump)|telemetry",
    ),
    "gcc": _COMPILER,
    "g++": _COMPILER,
    "cc": _COMPILER,
    "c++": _COMPILER,
    "clang": _COMPILER,
    "clang++": _COMPILER,
    "ld": program("-plugin --plugin", "-o"),
    "gradle": _GRADLE,
    "gradlew": _GRADLE,
    "mvn": _MAVEN,
    "mvnw": _MAVEN,
    "ant": program("-f -file -buildfile -lib -listener -logger -Dbuild.compiler -main -inputhandler -propertyfile", whole=True, plain="-find"),
    "tsc": program("", "--outFile --outDir --tsBuildInfoFile"),
    "composer": program("", "", r"config|exec"),
    "gem": program("--config-file -e --editor", "", r"exec", verbs="open|signin"),
    "bundle": program("--gemfile", "", r"config|plugin|open|console"),
    "poetry": program("", "", r"shell|self|config|source", verbs="env (?:use|activate)"),
    "easy_install": program(),
    "rake": program("-f -r -R -I -e -E -p -g -n --rakefile --require --execute --execute-print --execute-continue --rakelib --libdir --system --dry-run"),
    "sphinx-build": program("-D -c -C -E"),
    "mkdocs": program("-f --config-file"),
    "latexmk": program("-e -pdflatex -latex -r -xelatex"),
    "pdflatex": program("-shell-escape --shell-escape -enable-write18"),
    "latex": program("-shell-escape --shell-escape"),
    "java": program("-javaagent -agentlib -agentpath -XX:VMOptionsFile -XX:OnError -XX:OnOutOfMemoryError -XX:Flags -Xbootclasspath --patch-module --upgrade-module-path -Djava.system.class.loader -Djava.security.manager", "", r"@.*"),
    "javac": program("-processor -processorpath --processor-path --processor-module-path -J -Xplugin", "", r"@.*"),
    "javadoc": program("-doclet -docletpath --doclet -taglet -tagletpath -J", "", r"@.*"),
    "jar": program("-J", "", r"@.*"),
    "kotlinc": program("-Xplugin -script -P -J -Xcompiler-plugin -kotlin-home -e", "", r"@.*", whole=True),
    "kotlin": program("-e -J -howtorun", whole=True),
    "scalac": program("-Xplugin -J -toolcp", "", r"@.*", whole=True),
    "sbt": program("-java-home --java-home -sbt-jar --sbt-jar -sbt-boot -ivy -J", "", r"(?:eval|set|!|<|alias|apply|reload plugins|shell|console|consoleProject|~?\s*;?\s*eval)(?:\b|\s|\Z).*|[!<].*|-D(?:sbt\.(?:boot|global|ivy|repository)|java)\S*=.*", whole=True),
    "dotnet": program(
        "--test-adapter-path --settings --exec --additionalprobingpath --depsfile --runtimeconfig --fx-version", "",
        r"[-/]{1,2}(?:p|property):(?!(?:Version|Configuration|Platform|WarningLevel|TreatWarningsAsErrors|AssemblyVersion|FileVersion|InformationalVersion|PackageVersion|UseAppHost|PublishSingleFile|SelfContained|ContinuousIntegrationBuild|Deterministic|RunAnalyzers|CollectCoverage|DebugType)=[\w.+-]*\Z).*"
        r"|[-/]{1,2}(?:l|logger|dl|distributedlogger)[:=](?!\"?(?:trx|console|html|junit)\b).*|/?@.*|(?:Pre|Post)BuildEvent=.*|\w*Tool(?:Path|Exe)=.*|Custom\w*(?:Before|After)\w*=.*",
        verbs="fsi|tool (?:run|install|update)|script|new install", whole=True,
    ),
    "ctest": program("-S --script -SP --script-new -D --dashboard --build-and-test --build-makeprogram --test-command --build-run-dir --overwrite --launch -T -M", whole=True),
    "cpack": program("--config -P -D", whole=True),
    "meson": program("--wrapper --native-file --cross-file --gdb-path --gdb", "", r"-D(?:\w+_args|\w+_link_args|build\.\w+)=.*", verbs="devenv"),
    "bazel": program(
        "--run_under --bazelrc --workspace_status_command --shell_executable --host_jvm_args --server_javabase --output_user_root --install_base --override_repository --override_module"
        " --crosstool_top --extra_toolchains --remote_executor --tls_certificate --credential_helper --script_path --python_path --host_javabase"
    ),
    "just": program("--shell --shell-arg -c --command -f --justfile --chooser --choose --edit -e --set --working-directory -d --init --dotenv-path -E --dotenv-filename"),
    "ar": program("--plugin"), "nm": program("--plugin"), "ranlib": program("--plugin"), "strip": program("--plugin", "-o"), "objdump": program("--plugin"),
    "clang-tidy": program("--load -load --vfsoverlay --config-file", plain="--config --checks", whole=True),
    "cppcheck": program("--addon --addon-python --clang --rule-file --plist-output", "--output-file --checkers-report", plain="--check-level"),
    "libtool": program("", "", r"--mode=execute|--mode"),
}  # fmt: skip
