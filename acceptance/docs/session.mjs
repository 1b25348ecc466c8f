// One reader with one terminal: an empty directory, an environment that is carried from block to block, and the
// servers that the page starts. The session has a conscience: `end` says what was wrong with the life of each server.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';

const STEP_MILLISECONDS_MAX = 60_000;
const START_MILLISECONDS_MAX = 15_000;
const STOP_MILLISECONDS_MAX = 15_000;

const running = new Set();
process.once('exit', () => running.forEach((child) => kill(child, 'SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

const ADDRESS = /127\.0\.0\.1:(\d{4,5})/g;
const MODULES = join(import.meta.dirname, '../js-sdk/node_modules');

/** The reader's machine: what is on the page is done here. */
export class Session {
  #root;
  #environment;
  #cwd;
  #ports = new Map();
  #servers = [];
  #modules = 0;

  /** A session for a page with this text; its addresses become free ones. */
  static async begin(binary, text) {
    const session = new Session();
    session.#root = await mkdtemp(join(tmpdir(), 'guildhall-docs-'));
    session.#cwd = join(session.#root, 'reader');
    const programs = join(session.#root, 'programs');
    await Promise.all([mkdir(session.#cwd), mkdir(programs)]);
    await symlink(resolve(binary), join(programs, 'guildhall'));
    await symlink(MODULES, join(session.#root, 'node_modules'));
    for (const port of new Set(['8480', ...[...text.matchAll(ADDRESS)].map((match) => match[1])])) {
      session.#ports.set(port, await freePort());
    }
    // Nothing of the tester's own environment: a reader has none of it.
    session.#environment = {
      PATH: [programs, process.env.PATH].join(delimiter),
      HOME: session.#cwd,
      LANG: 'C.UTF-8',
      GUILDHALL_LISTEN: session.here('127.0.0.1:8480'),
    };
    return session;
  }

  /** A text of the page as it is on this machine: the built program, and addresses that are free. */
  here(text) {
    return text
      .replaceAll('cargo run --release --', 'guildhall')
      .replace(ADDRESS, (address, port) => address.replace(port, this.#ports.get(port) ?? port));
  }

  /** What was printed on this machine, with the addresses that the page has. */
  onPage(text) {
    const asOnPage = (told, [page, own]) => told.replaceAll(`127.0.0.1:${own}`, `127.0.0.1:${page}`);
    return [...this.#ports].reduce(asOnPage, text);
  }

  /** Does one step; answers its exit code and what it printed. */
  async run({ kind, text, file }) {
    if (kind === 'toml') {
      await writeFile(join(this.#cwd, file), this.here(text) + '\n');
      return { code: 0, stdout: '', stderr: '' };
    }
    if (kind === 'js') {
      const path = join(this.#root, `module-${++this.#modules}.mjs`);
      await writeFile(path, this.here(text));
      return finished(this.#start(process.execPath, [path]));
    }
    return kind === 'server' ? this.#serve(this.here(text)) : this.#shell(this.here(text));
  }

  /** Runs a command line and takes over the variables that it exports and the directory that it ends in. */
  async #shell(text) {
    const child = this.#start('bash', ['-euo', 'pipefail', '-c', `${text}\nenv --null >&3`]);
    let exported = '';
    child.stdio[3].setEncoding('utf8').on('data', (chunk) => (exported += chunk));
    const ended = await finished(child);
    if (ended.code === 0) {
      const variables = exported.split('\0').filter(Boolean);
      this.#environment = Object.fromEntries(variables.map((variable) => variable.split(/=(.*)/s, 2)));
      this.#cwd = this.#environment.PWD;
    }
    return ended;
  }

  /** Starts a server and waits until it says where it listens. */
  async #serve(text) {
    // The shell becomes the server, so that a signal reaches it and its exit code reaches us.
    const child = this.#start('bash', ['-euo', 'pipefail', '-c', `guildhall() { exec guildhall "$@"; }\n${text}`]);
    const server = { child, ended: finished(child, Infinity) };
    this.#servers.push(server);
    const deadline = Date.now() + START_MILLISECONDS_MAX;
    while (Date.now() < deadline) {
      if (/ listens on http.*\n[\s\S]*\n\n/.test(child.printed.stdout)) return { code: 0, ...child.printed };
      const ended = await Promise.race([server.ended, sleep(20)]);
      if (ended) return { ...ended, code: ended.code || 'an end' };
    }
    return { code: 'no greeting', ...child.printed };
  }

  #start(program, words) {
    const child = spawn(program, words, {
      cwd: this.#cwd,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      // A group of its own, so that nothing that it started is left behind.
      detached: true,
    });
    child.printed = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (chunk) => (child.printed[name] += chunk));
    }
    running.add(child);
    child.once('close', () => running.delete(child));
    return child;
  }

  /** Stops the servers, looks at what they leave behind, and says what was wrong. */
  async end() {
    const complaints = [];
    for (const { child, ended } of this.#servers) {
      kill(child, 'SIGTERM');
      const { code } = (await Promise.race([ended, sleep(STOP_MILLISECONDS_MAX)])) ?? { code: 'nothing' };
      if (code !== 0) complaints.push(`a server ended with ${code} on SIGTERM:\n${child.printed.stderr}`);
      const errors = child.printed.stderr.split('\n').filter((line) => /\bERROR\b|panicked at/.test(line));
      complaints.push(...errors.map((line) => `a server logged an error: ${line}`));
    }
    for (const directory of await databases(join(this.#root, 'reader'))) {
      const verified = await finished(this.#start('guildhall', ['verify', '--data-dir', directory]));
      if (verified.code !== 0) complaints.push(`\`guildhall verify\` objects: ${verified.stdout}${verified.stderr}`);
    }
    await rm(this.#root, { recursive: true });
    return complaints;
  }
}

async function databases(root) {
  const entries = await readdir(root, { recursive: true });
  return entries.filter((path) => path.endsWith('guildhall.db')).map((path) => dirname(join(root, path)));
}

/** The exit code and what was printed, once there is nothing more of either. */
function finished(child, milliseconds = STEP_MILLISECONDS_MAX) {
  return new Promise((answer) => {
    const late = Number.isFinite(milliseconds) && setTimeout(() => kill(child, 'SIGKILL'), milliseconds);
    const done = (code) => {
      clearTimeout(late);
      answer({ code, ...child.printed });
    };
    child.once('error', (error) => done(`${error.message}`));
    child.once('close', (code, signal) => done(code ?? signal));
  });
}

function kill(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended already.
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address();
  await new Promise((closed) => server.close(closed));
  return String(port);
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Whether the JavaScript SDK is installed, which the pages import. */
export const sdkIsInstalled = () => existsSync(join(MODULES, '@wacht/backend/package.json'));
