#!/usr/bin/env node
"use strict";

/*
 * The part of solc's command line that ape, forge, slither and py-solc-x use, on top of the npm
 * package `solc` (the same compiler, built to WebAssembly; it yields the same bytecode). Used where the
 * native binary cannot be downloaded. `make setup` writes the executable that calls this file.
 *
 *   solc --version
 *   solc --standard-json [--base-path DIR] [--include-path DIR]... < input.json > output.json
 *
 * Results are kept in $SOLC_CACHE_DIR by the content of all that was compiled. Several processes may run at once:
 * an entry appears complete (rename) or not at all, and a lost entry is only compiled again.
 */

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");

const COMPILER = path.join(__dirname, "..", "node_modules", "solc");
const CACHE = process.env.SOLC_CACHE_DIR || path.join(__dirname, "..", ".venv", "solc-cache");
const CACHE_FORMAT = 1; // raise it when an entry's layout or the treatment of the output changes
const CACHE_ENTRIES = 48;

function main(args) {
  if (args.includes("--version") || args.includes("-V")) {
    print(`solc, the solidity compiler commandline interface\nVersion: ${compilerVersion()}\n`);
    return 0;
  }
  if (args.includes("--standard-json")) {
    const roots = [...optionValues(args, "--base-path"), ...optionValues(args, "--include-path")];
    const input = JSON.parse(fs.readFileSync(0, "utf8"));
    print(compile(input, roots.length > 0 ? roots : [process.cwd()]));
    return 0;
  }
  process.stderr.write("solc (npm): only --version and --standard-json are supported\n");
  return 1;
}

/* COMPILING */

function compile(input, roots) {
  skipLibraryOutput(input);
  const text = JSON.stringify(input);
  const key = sha256([CACHE_FORMAT, packageVersion(), text].join("\n"));

  const cached = load(key, roots);
  if (cached !== undefined) return cached;

  const reads = {}; // import name -> hash of the file read from disk, null when there was none
  const findImport = (name) => {
    const contents = readImport(name, roots);
    reads[name] = contents === undefined ? null : sha256(contents);
    return contents === undefined ? { error: `File not found: ${name}` } : { contents };
  };
  const output = signedAstIds(require(COMPILER).compile(text, { import: findImport }));
  store(key, reads, output);
  return output;
}

/*
 * ape asks for the code and the syntax tree of each library file it imports and uses neither. Not making
 * them saves most of the time; the code of the project's contracts does not depend on it.
 */
function skipLibraryOutput(input) {
  const selection = (input.settings && input.settings.outputSelection) || {};
  const files = Object.keys(selection);
  const libraries = files.filter((file) => file.split("/").includes(".cache"));
  if (libraries.length < files.length) for (const file of libraries) delete selection[file];
}

/*
 * Declarations built into the language (`this`, `msg`, `abi`) have negative ids. The 32-bit build writes
 * them modulo 2^32, which does not fit the types some readers use.
 */
function signedAstIds(output) {
  const signed = (ids) => ids.replace(/\d+/g, (id) => (id > 2 ** 31 ? String(id - 2 ** 32) : id));
  return output
    .replace(/"referencedDeclaration":\d{10}\b/g, signed)
    .replace(/"overloadedDeclarations":\[[\d,]*\d{10}[\d,]*\]/g, signed);
}

function readImport(name, roots) {
  for (const root of roots) {
    try {
      return fs.readFileSync(path.resolve(root, name), "utf8");
    } catch (error) {
      if (!["ENOENT", "ENOTDIR", "EISDIR"].includes(error.code)) throw error;
    }
  }
  return undefined;
}

/* CACHE */

function load(key, roots) {
  const file = path.join(CACHE, `${key}.json`);
  try {
    const stored = fs.readFileSync(file, "utf8");
    const split = stored.indexOf("\n"); // first line: what was read from disk; then the output as it is
    for (const [name, hash] of Object.entries(JSON.parse(stored.slice(0, split)))) {
      const contents = readImport(name, roots);
      if ((contents === undefined ? null : sha256(contents)) !== hash) return undefined;
    }
    fs.utimesSync(file, new Date(), new Date());
    return stored.slice(split + 1);
  } catch {
    return undefined; // absent, or removed by another process meanwhile
  }
}

function store(key, reads, output) {
  write(`${key}.json`, `${JSON.stringify(reads)}\n${output}`);
  const entries = fs
    .readdirSync(CACHE)
    .filter((name) => name.endsWith(".json"))
    .map((name) => path.join(CACHE, name))
    .map((file) => ({ file, usedAt: (fs.statSync(file, { throwIfNoEntry: false }) || {}).mtimeMs || 0 }))
    .sort((a, b) => b.usedAt - a.usedAt);
  for (const { file } of entries.slice(CACHE_ENTRIES)) fs.rmSync(file, { force: true });
}

function write(name, contents) {
  fs.mkdirSync(CACHE, { recursive: true });
  const partial = path.join(CACHE, `${name}.${process.pid}.partial`);
  fs.writeFileSync(partial, contents);
  fs.renameSync(partial, path.join(CACHE, name));
}

/* SMALL THINGS */

function packageVersion() {
  return JSON.parse(fs.readFileSync(path.join(COMPILER, "package.json"), "utf8")).version;
}

/* Loading the compiler only to ask its version takes a while; tools ask often. */
function compilerVersion() {
  const name = `version-${packageVersion()}.txt`;
  try {
    return fs.readFileSync(path.join(CACHE, name), "utf8");
  } catch {
    const version = require(COMPILER).version();
    write(name, version);
    return version;
  }
}

function optionValues(args, name) {
  return args.flatMap((arg, index) => {
    if (arg === name) return args.slice(index + 1, index + 2);
    return arg.startsWith(`${name}=`) ? [arg.slice(name.length + 1)] : [];
  });
}

function sha256(text) {
  return crypto.createHash("sha256").update(text).digest("hex");
}

function print(text) {
  const bytes = Buffer.from(text);
  for (let done = 0; done < bytes.length; ) {
    try {
      done += fs.writeSync(1, bytes, done);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error; // a full pipe: try again
    }
  }
}

// The compiler's package installs handlers of its own; leave at once when the answer is written.
process.exit(main(process.argv.slice(2)));
