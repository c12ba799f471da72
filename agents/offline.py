"""Nothing the agents are built on may open a connection of its own: LangChain's tracing to LangSmith is off for good.

LangGraph brings LangSmith's client along, which sends every run to a server abroad as soon as an environment variable
asks for it. A city's installation must not depend on which variables its machine happens to carry.
"""

import os

from langsmith import configure
from langsmith.utils import get_env_var

# What the libraries look at, in all the spellings they know.
SWITCHES = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")


def stay_offline() -> None:
    """Turn tracing off for this and every child process, whatever the environment says."""
    for switch in SWITCHES:
        os.environ[switch] = "false"
    get_env_var.cache_clear()  # type: ignore[attr-defined]  # its overloads hide the cache
    configure(enabled=False)
