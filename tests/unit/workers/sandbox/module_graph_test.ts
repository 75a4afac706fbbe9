import { assertEquals } from "@std/assert";
import { ModuleGraph } from "../../../../workers/sandbox/module_graph.ts";

const code = (specifier: string, isDynamic = false) => ({ code: { specifier }, isDynamic });

/** As `deno info --json` reports it of an app with three modules. */
const graph = new ModuleGraph({
  modules: [
    {
      specifier: "file:///app/handlers.ts",
      dependencies: [
        code("file:///app/pdf.ts"),
        code("file:///app/late.ts", true),
        code("file:///app/node_modules/own/mod.js"),
        code("jsr:@shop/tools"),
        { ...code("npm:left@1"), npmPackage: "left@1.0.0" },
        {},
      ],
    },
    { specifier: "file:///app/pdf.ts", dependencies: [code("npm:pdf@1"), code("npm:odd@1")] },
    { specifier: "file:///app/late.ts", dependencies: [code("npm:late@1")] },
    { specifier: "npm:/pdf@1.0.0", npmPackage: "pdf@1.0.0" },
    { specifier: "npm:/odd@1.0.0", npmPackage: "odd@1.0.0" },
    { specifier: "npm:/late@1.0.0", npmPackage: "late@1.0.0" },
  ],
  redirects: {
    "jsr:@shop/tools": "https://jsr.io/@shop/tools/1.0.0/mod.ts",
    "npm:pdf@1": "npm:/pdf@1.0.0",
    "npm:odd@1": "npm:/odd@1.0.0",
    "npm:late@1": "npm:/late@1.0.0",
  },
  npmPackages: {
    "left@1.0.0": { dependencies: [], localPath: "/npm/left" },
    "pdf@1.0.0": { dependencies: ["fonts@1.0.0"], localPath: "/npm/pdf" },
    "fonts@1.0.0": { dependencies: ["pdf@1.0.0"], localPath: "/npm/fonts" },
    "odd@1.0.0": { dependencies: [], localPath: "/npm/a,b" },
    "late@1.0.0": { dependencies: [], localPath: "/npm/late" },
    "other@1.0.0": { dependencies: [], localPath: "/npm/other" },
  },
});

Deno.test("imports() lists the app's modules that are imported statically", () => {
  assertEquals(graph.imports("file:///app/handlers.ts"), [
    "file:///app/pdf.ts",
    "https://jsr.io/@shop/tools/1.0.0/mod.ts",
  ]);
  assertEquals(graph.imports("file:///app/unknown.ts"), []);
});

Deno.test("packageFolders() follows imports and packages, and omits unreachable ones", () => {
  assertEquals(graph.packageFolders(["file:///app/pdf.ts"]), ["/npm/fonts", "/npm/pdf"]);
  assertEquals(graph.packageFolders(["file:///app/handlers.ts"]), [
    "/app/node_modules",
    "/npm/fonts",
    "/npm/late",
    "/npm/left",
    "/npm/pdf",
  ]);
});
