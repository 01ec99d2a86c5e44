"""The kernel's end of the JupyterLab panel."""
