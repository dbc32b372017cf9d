"""All programs of which options are known."""

from devagent_workspace.programs.building import BUILDING
from devagent_workspace.programs.files import FILES
from devagent_workspace.programs.machines import MACHINES
from devagent_workspace.programs.program import Program
from devagent_workspace.programs.scripting import SCRIPTING
from devagent_workspace.programs.testing import TESTING

PROGRAMS: dict[str, Program] = {**BUILDING, **TESTING, **SCRIPTING, **MACHINES, **FILES}
