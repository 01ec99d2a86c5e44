"""Everything that knows IPython, a kernel or a browser: magics, live views, the panel, ■."""
