// Starts `trama lsp` for programs; all knowledge is there.

const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function activate(context) {
  const command = workspace.getConfiguration("trama").get("path", "trama");
  const server = { command, args: ["lsp"] };
  const selector = [{ scheme: "file", language: "trama" }, { scheme: "untitled", language: "trama" }];
  client = new LanguageClient("trama", "Trama", server, { documentSelector: selector });
  context.subscriptions.push({ dispose: deactivate });
  return client.start();
}

function deactivate() {
  const running = client;
  client = undefined;
  return running?.stop();
}

module.exports = { activate, deactivate };
