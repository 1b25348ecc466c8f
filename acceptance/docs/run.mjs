// Does what the documentation says, page by page, as a newcomer would, and compares what comes out.
//
//   GUILDHALL_BIN=target/debug/guildhall node acceptance/docs/run.mjs [page ...]
//
// A page is one session (session.mjs): an empty directory, one terminal, servers that must live well. The blocks run in
// order (page.mjs); a block that fails ends its page, because what follows builds on it. Then the tables of the pages
// are held against the program (tables.mjs). Before all of it the tester shows that it can fail (teeth.mjs).

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { difference } from './output.mjs';
import { PageError, steps } from './page.mjs';
import { Session, sdkIsInstalled } from './session.mjs';
import { tables } from './tables.mjs';
import { teeth } from './teeth.mjs';

const ROOT = join(import.meta.dirname, '../..');
const PAGES = [
  'README.md', 'docs/quick-start.md', 'docs/api.md', 'docs/access.md', 'docs/authzen.md',
  'docs/consistency.md', 'docs/operations.md',
];

/** Programs that the pages use beside Guildhall, with the Debian package of each. */
const PROGRAMS = { bash: 'bash', curl: 'curl', jq: 'jq', openssl: 'openssl' };

const tally = { passed: 0, failed: 0 };

function tell(what, complaint) {
  tally[complaint ? 'failed' : 'passed']++;
  console.log(`${complaint ? 'FAIL' : 'ok  '} ${what}`);
  if (complaint) console.log(complaint.replace(/^/gm, '     '));
}

/** Walks through a page; answers what is wrong with each step, in order, and with the servers at the end. */
export async function walk(binary, markdown) {
  const found = [];
  const planned = steps(markdown);
  const session = await Session.begin(binary, markdown);
  for (const step of planned) {
    const complaint = judge(step, await session.run(step), session);
    found.push({ step, complaint });
    if (complaint) break;
  }
  const complaints = await session.end();
  return { found, left: planned.length - found.length, complaints };
}

function judge({ exit, expected }, { code, stdout, stderr }, session) {
  if (code !== exit) return `ended with ${code} instead of ${exit}:\n${stdout}${stderr}`;
  // A program that fails speaks on stderr.
  const printed = exit === 0 ? stdout : stdout + stderr;
  return expected && difference(expected, session.onPage(printed));
}

async function page(binary, path) {
  try {
    const { found, left, complaints } = await walk(binary, await readFile(join(ROOT, path), 'utf8'));
    for (const { step, complaint } of found) tell(`${path}:${step.line} ${step.kind}`, complaint);
    if (left > 0) tell(`${path}: the rest`, `${left} blocks were not reached`);
    const served = found.some(({ step }) => step.kind === 'server');
    if (served) tell(`${path}: the servers lived well`, complaints.join('\n'));
  } catch (error) {
    if (!(error instanceof PageError)) throw error;
    tell(path, error.message);
  }
}

async function missing() {
  if (!process.env.GUILDHALL_BIN) return 'set GUILDHALL_BIN to the path of the `guildhall` binary';
  if (!sdkIsInstalled()) return 'the JavaScript SDK is missing; run `npm ci` in acceptance/js-sdk';
  for (const [program, debian] of Object.entries(PROGRAMS)) {
    try {
      await promisify(execFile)('sh', ['-c', `command -v ${program}`]);
    } catch {
      return `\`${program}\` is missing; install it, on Debian with \`apt-get install ${debian}\``;
    }
  }
  return null;
}

const lack = await missing();
if (lack) {
  console.error(lack);
  process.exit(1);
}
const binary = process.env.GUILDHALL_BIN;
const chosen = process.argv.slice(2);
for (const { what, complaint } of await teeth(binary, walk)) tell(what, complaint);
for (const path of chosen.length > 0 ? chosen : PAGES) await page(binary, path);
if (chosen.length === 0) {
  for (const { what, complaint } of await tables(binary, ROOT, PAGES)) tell(what, complaint);
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 ? 0 : 1;
