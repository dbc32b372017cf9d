"""Floor 5: devagent as an MCP server: any MCP client gets its extensions, behind the same gate and record."""
