// Starts `mbopt lsp` for Dockerfiles. Everything else is the server's.
"use strict";

const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

/** @type {LanguageClient | undefined} */
let client;

async function start() {
  const command = vscode.workspace.getConfiguration("mbopt").get("path") || "mbopt";
  client = new LanguageClient(
    "mbopt",
    "mbopt",
    { command, args: ["lsp"], transport: TransportKind.stdio },
    { documentSelector: [{ language: "dockerfile" }] },
  );
  try {
    await client.start();
  } catch (error) {
    client = undefined;
    vscode.window.showErrorMessage(`mbopt: \`${command} lsp\` does not start: ${error}. Is mbopt installed, and is the setting mbopt.path right?`);
  }
}

async function stop() {
  const running = client;
  client = undefined;
  await running?.stop();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("mbopt.restart", async () => {
      await stop();
      await start();
    }),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration("mbopt.path")) {
        await stop();
        await start();
      }
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
