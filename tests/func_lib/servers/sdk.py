"""An MCP server by the SDK: over standard input, or over HTTP at a port that it tells."""

import sys

from mcp.server.mcpserver import MCPServer

app = MCPServer("demo")


@app.tool()
def add(a: int, b: int = 2) -> int:
    """Add two numbers."""
    return a + b


@app.tool()
def join(words: list[str], sep: str | None = None) -> str:
    return (sep or " ").join(words)


@app.tool()
def pid() -> str:
    import os

    return str(os.getpid())


if len(sys.argv) == 1:
    app.run()
else:
    app.run("streamable-http", port=int(sys.argv[1]), stateless_http=False)
