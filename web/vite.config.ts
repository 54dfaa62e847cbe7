import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

// What is built is committed, and embedded in the program: few files, names that stay, nothing that depends on the
// machine. A server in development passes questions on to a running `flightrec up`.
const endWithNewline: Plugin = {
  name: "end-with-newline",
  generateBundle: {
    order: "post",
    handler(_, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === "chunk") file.code = `${file.code.trimEnd()}\n`;
        else if (typeof file.source === "string") file.source = `${file.source.trimEnd()}\n`;
      }
    },
  },
};

export default defineConfig({
  plugins: [endWithNewline],
  base: "./",
  build: {
    target: "es2022",
    outDir: "dist",
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    cssCodeSplit: false,
    reportCompressedSize: true,
    rolldownOptions: {
      output: {
        entryFileNames: "app.js",
        assetFileNames: (asset) => (asset.names.some((name) => name.endsWith(".css")) ? "app.css" : "[name][extname]"),
        codeSplitting: false,
      },
    },
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": process.env["FLIGHTREC"] ?? "http://127.0.0.1:4318" },
  },
  test: { include: ["src/**/*.test.ts"] },
});
