import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["node_modules/", "lab/lib/", "**/*.js", "**/*.mjs"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-non-null-assertion": "error",
      "no-restricted-properties": [
        "error",
        { property: "innerHTML", message: "All text is set as text." },
        { property: "outerHTML", message: "All text is set as text." },
        { property: "insertAdjacentHTML", message: "All text is set as text." },
      ],
    },
  },
);
