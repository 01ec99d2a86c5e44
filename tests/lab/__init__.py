"""Tests in a real browser: JupyterLab, Notebook 7, and Chromium driven by Playwright."""
