"""What is known of programs that build, and that fetch what is built with."""

from devagent_workspace.programs.program import Program, program

_COMPILER = program(
    "-wrapper -fplugin= -specs --specs -B -Xclang -Xlinker -Xassembler -fuse-ld -plugin",
    "-o",
    r"@.*|-W[ap],.*|-Wl,(?!-rpath|-z,|-O|-soname|--as-needed|--no-undefined|--gc-sections|-s\Z|--strip).*",
)
_PACKAGE = program(
    "--script-shell --node-options --globalconfig --userconfig --call -c --git --shell --viewer --browser --editor --init-module --node-gyp"
    " --python --onload-script --use-yarnrc --pnpmfile --global-pnpmfile --config.script-shell --config.git --config.node-options",
    "",
    r"config|set|set-script|exec-env|c|explore|edit|node",
)
_PIP = program(
    "--config-settings --python --global-option --build-option -C --editor", "--log --report -t --target", "config"
)  # fmt: skip
_MAVEN = program("-f --file -s --settings -gs -t --toolchains", "", r"exec:.*|antrun:.*|.*\bexec-maven.*|-D(?:maven\.ext\.|argLine|exec\.|jvm|maven\.home).*", whole=True)  # fmt: skip
_GRADLE = program(
    "-I --init-script -b --build-file -c --settings-file -g", "", r"-Dorg\.gradle\..*"
)

BUILDING: dict[str, Program] = {
    "make": program("--eval -E --file --makefile -f", "", r"\.?(?:SHELL\w*|MAKE\w*|CC|CXX|LD|AR|CPP|INSTALL|RM|\.SHELLFLAGS)[:?+!]*=.*|\w+\s*!=.*|\w+[:?+!]*=.*[^\w./:,+@%-].*"),
    "gmake": program("--eval -E --file --makefile -f", "", r"\.?\w+[:?+!]*=.*"),
    "ninja": program("-f -t"),
    "cmake": program("-P -C -E --toolchain", "", r"(?:-D)?CMAKE_\w*(?:LAUNCHER|COMPILER|PROGRAM|TOOLCHAIN|LINKER)\w*(?::\w+)?=.*"),
    "npm": _PACKAGE,
    "pnpm": _PACKAGE,
    "yarn": _PACKAGE,
    "npx": program("--call -c --node-options --script-shell"),
    "yarnpkg": _PACKAGE,
    "bun": _PACKAGE,
    "bunx": _PACKAGE,
    "pip": _PIP,
    "pip3": _PIP,
    "uv": program("--python -p --config-file --config-setting --build-option --env-file --keyring-provider", "", r"tool"),
    "cargo": program("--config -Z", "", r"rustc|rustdoc|\+.*/.*|(?:--target=)?.*\.json"),
    "rustc": program("-C --codegen", "-o --out-dir"),
    "go": program("-exec -toolexec -overlay -vettool -modfile -ldflags -gcflags -asmflags -compiler", "-o", r"env|generate|tool", whole=True),
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
    "ant": program("-f -file -buildfile -lib -listener -logger"),
    "tsc": program("", "--outFile --outDir --tsBuildInfoFile"),
    "composer": program("", "", r"config|exec"),
    "gem": program("--config-file -e", "", r"exec"),
    "bundle": program("", "", r"config|plugin|open|console"),
    "poetry": program("", "", r"shell|self|config|source"),
    "easy_install": program(),
    "rake": program("-f -r -R -I -e -E -p -g -n --rakefile --require --execute --execute-print --execute-continue --rakelib --libdir --system --dry-run"),
    "sphinx-build": program("-D -c -C -E"),
    "mkdocs": program("-f --config-file"),
    "latexmk": program("-e -pdflatex -latex -r -xelatex"),
    "pdflatex": program("-shell-escape --shell-escape -enable-write18"),
    "latex": program("-shell-escape --shell-escape"),
    "java": program("-javaagent -agentlib -agentpath -XX:VMOptionsFile -XX:OnError -XX:OnOutOfMemoryError -XX:Flags -Xbootclasspath --patch-module", "", r"@.*"),
    "javac": program("-processor -processorpath -J", "", r"@.*"),
}  # fmt: skip
