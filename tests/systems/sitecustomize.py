"""Makes this interpreter look like another system's to our package, where NETFLUX_SYSTEM says so.

Python imports it by itself when this folder is on PYTHONPATH, so child processes and kernels
are changed too. Only our own modules see the difference: they are handed modules in which the
other system's names are missing, or do what they do there. Libraries and tests stay as they are.
"""

import os

if os.environ.get("NETFLUX_SYSTEM"):
    import system

    system.install(os.environ["NETFLUX_SYSTEM"])
