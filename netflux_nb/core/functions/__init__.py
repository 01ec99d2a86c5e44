"""What can be called: kinds of Functions, their arguments, prompts, schemas and versions."""
