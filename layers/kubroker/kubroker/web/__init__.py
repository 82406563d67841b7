"""HTTP for all capabilities: the API app, browser checks, problem answers, the page document."""
