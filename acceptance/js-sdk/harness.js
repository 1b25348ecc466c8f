// A real Guildhall for one test file, with a conscience: `stop` fails the file when the server did not end
// cleanly, logged an error, or left behind data that `guildhall verify` objects to.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { WachtClient } from '@wacht/backend';

const START_MILLISECONDS_MAX = 15_000;
const STOP_MILLISECONDS_MAX = 15_000;

const run = promisify(execFile);

let started = 0;

/**
 * Starts the server as a newcomer would: an empty directory, a free port, nothing else. Where GUILDHALL_DATABASE_URL
 * names a PostgreSQL, it has a schema of its own there instead.
 */
export async function startGuildhall() {
  const binary = process.env.GUILDHALL_BIN;
  if (!binary) throw new Error('set GUILDHALL_BIN to the path of the `guildhall` binary');
  const directory = await mkdtemp(join(tmpdir(), 'guildhall-js-sdk-'));
  const place = process.env.GUILDHALL_DATABASE_URL
    ? { GUILDHALL_DATABASE_SCHEMA: `js_sdk_${process.pid}_${++started}` }
    : { GUILDHALL_DATA_DIR: directory };
  const server = new Guildhall(binary, directory, place);
  await server.ready();
  return server;
}

class Guildhall {
  #binary;
  #directory;
  #options;
  #process;
  #exit;
  #log = '';
  #deployments = 0;

  constructor(binary, directory, place) {
    this.#binary = binary;
    this.#directory = directory;
    this.#options = { cwd: directory, env: { ...process.env, ...place } };
    this.#process = spawn(binary, ['serve', '--listen', '127.0.0.1:0'], {
      ...this.#options,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#exit = new Promise((resolve, reject) => {
      this.#process.once('error', reject);
      this.#process.once('close', (code, signal) => resolve({ code, signal }));
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => (this.#log += text));
    }
    // A test file that dies half-way must not leave a server behind.
    process.once('exit', () => this.#process.kill('SIGKILL'));
  }

  /** Waits until the server says where it listens. */
  async ready() {
    const deadline = Date.now() + START_MILLISECONDS_MAX;
    while (Date.now() < deadline) {
      const address = this.#log.match(/http:\/\/127\.0\.0\.1:[1-9]\d*/);
      if (address) {
        this.baseUrl = address[0];
        return;
      }
      const ended = await Promise.race([this.#exit, sleep(20)]);
      if (ended) throw new Error(`the server ended before it listened: ${this.#describe(ended)}`);
    }
    throw new Error(`no address within ${START_MILLISECONDS_MAX} ms:\n${this.#log}`);
  }

  /** What the command line prints on stdout. */
  async cli(...args) {
    const { stdout } = await run(this.#binary, args, this.#options);
    return stdout;
  }

  /** A new key of the deployment that the first start created. */
  async key(...flags) {
    const stdout = await this.cli('key', 'create', ...flags);
    const [secret, ...rest] = stdout.split('\n');
    if (!secret || rest.join('') !== '') {
      throw new Error(`\`key create\` must print one line, the secret, and printed ${JSON.stringify(stdout)}`);
    }
    return secret;
  }

  /** The SDK, set up for this server. */
  client(apiKey, config = {}) {
    return new WachtClient({ apiKey, baseUrl: this.baseUrl, ...config });
  }

  /** A deployment that nobody else uses: what a test counts in it is its own. */
  async deployment() {
    const name = `js-${++this.#deployments}`;
    await this.cli('deployment', 'create', name);
    const key = await this.key('--deployment', name);
    return {
      key,
      wacht: this.client(key),
      readOnly: async () => this.client(await this.key('--deployment', name, '--read-only')),
      /** A request of our own, for what the SDK has no method for or hides. */
      request: (method, path, { headers, ...init } = {}) =>
        fetch(new URL(path, this.baseUrl), {
          method,
          headers: { authorization: `Bearer ${key}`, ...headers },
          ...init,
        }),
    };
  }

  /** Stops the server and says what was wrong with its life. */
  async stop() {
    this.#process.kill('SIGTERM');
    const late = setTimeout(() => this.#process.kill('SIGKILL'), STOP_MILLISECONDS_MAX);
    const ended = await this.#exit;
    clearTimeout(late);
    const complaints = [];
    if (ended.code !== 0) complaints.push(`the server did not end with 0 on SIGTERM: ${this.#describe(ended)}`);
    for (const line of this.#log.split('\n')) {
      if (/\bERROR\b|panicked at/.test(line)) complaints.push(`the server logged an error: ${line}`);
    }
    await this.cli('verify').catch((error) => {
      complaints.push(`\`guildhall verify\` objects: ${error.stdout}${error.stderr}`);
    });
    await rm(this.#directory, { recursive: true });
    if (complaints.length > 0) throw new Error(complaints.join('\n'));
  }

  #describe({ code, signal }) {
    return `code ${code}, signal ${signal}, log:\n${this.#log}`;
  }
}

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
