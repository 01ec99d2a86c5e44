"""A small MCP server: how high the tide is, over standard input and output."""

from mcp.server.mcpserver import MCPServer

METRES = {"Brest": 7.0, "Cork": 4.1, "Venice": 1.0}
app = MCPServer("tides")


@app.tool()
def high_water(port: str) -> float:
    """Say how many metres high the spring tide is in a port."""
    return METRES[port]


@app.tool()
def ports() -> list[str]:
    """List the ports that are known."""
    return sorted(METRES)


app.run()
