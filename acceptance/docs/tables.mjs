// The tables of the pages against the program: what there is stands in its table, and nothing else does.

import { execFile } from 'node:child_process';
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { blocks } from './page.mjs';
import { Session } from './session.mjs';

const OPERATIONS = 'docs/operations.md';
const API = 'docs/api.md';
const LIMITS = 'docs/limits.md';
const RULES = 'crates/guildhall-core/src/verify/report.rs';
const RUST = 'acceptance/rust-sdk/build.rs';

/** What is claimed, and a complaint where it is not so. */
export async function tables(binary, root, pages) {
  const read = (path) => readFile(join(root, path), 'utf8');
  const program = async (...words) => (await promisify(execFile)(binary, words)).stdout;
  const [operations, api, limits] = await Promise.all([OPERATIONS, API, LIMITS].map(read));
  const checks = {
    [`${OPERATIONS} has every option`]: async () =>
      same(options(await program('serve', '--help')), rows(operations, 'Flag', 4)),
    [`${OPERATIONS} has every command`]: async () => same(await commands(program), rows(operations, 'Command')),
    [`${OPERATIONS} has every metric`]: async () => same(await metrics(binary), rows(operations, 'Metric')),
    [`${OPERATIONS} has every rule of verify`]: async () => same(rules(await read(RULES)), rows(operations, 'Rule')),
    [`${API} has every route`]: async () =>
      same(routes(JSON.parse(await program('openapi'))), rows(api, 'Route')),
    [`${LIMITS} has the bounds that the code has`]: () => bounds(rows(limits, 'What is bounded', 3), read),
    [`${RUST} runs every Rust block`]: () => rust(pages, read),
    'README.md leads to every page': () => reached(read, root),
  };
  const found = [];
  for (const [what, check] of Object.entries(checks)) found.push({ what, complaint: await check() });
  return found;
}

/** Nothing when both lists have the same entries; otherwise which only one has. */
function same(program, page) {
  if (program.length === 0) return 'the program names none: the check has lost its sight';
  const only = (where, these, those) => these.filter((one) => !those.includes(one)).map((one) => `${where}: ${one}`);
  return [...only('not on the page', program, page), ...only('only on the page', page, program)].join('\n');
}

/** The first cells of the rows of the table whose first column has this head. */
function rows(markdown, head, cells = 1) {
  const lines = markdown.split('\n');
  const first = lines.findIndex((line) => line.startsWith(`| ${head} |`)) + 2;
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines.slice(first, first + length).map((line) => line.slice(2).split(' | ').slice(0, cells).join(' | '));
}

/** Each option as its row begins: flag, variable, key, default. */
function options(help) {
  return [...help.matchAll(/^ +--([a-z-]+) <[^>]+>\n((?: {10}.*\n|\n)*)/gm)].map(([, flag, text]) => {
    const standard = text.replace(/\s+/g, ' ').match(/\[default: ([^\]]+)\]/)?.[1];
    const variable = `GUILDHALL_${flag.replaceAll('-', '_').toUpperCase()}`;
    // What begins with `database-` stands in the table `database`.
    const key = flag === 'config' ? '—' : `\`${flag.replaceAll('-', '_').replace(/^database_/, 'database.')}\``;
    return `\`--${flag}\` | \`${variable}\` | ${key} | ${standard ?? '—'}`;
  });
}

async function commands(program) {
  const listed = (help) => {
    const words = [...(help.split('\nCommands:\n')[1] ?? '').matchAll(/^ {2}([a-z]+) {2,}/gm)].map(([, word]) => word);
    return words.filter((word) => word !== 'help');
  };
  const found = [];
  for (const verb of listed(await program('--help'))) {
    const below = listed(await program(verb, '--help'));
    found.push(...(below.length > 0 ? below.map((word) => `${verb} ${word}`) : [verb]));
  }
  return found.map((words) => `\`guildhall ${words}\``);
}

/** The metrics of a server that has answered a request. */
async function metrics(binary) {
  const session = await Session.begin(binary, '');
  await session.run({ kind: 'server', text: 'guildhall serve' });
  const get = (path) => session.run({ kind: 'sh', text: `curl -s http://127.0.0.1:8480${path}` });
  await get('/health');
  const { stdout } = await get('/metrics');
  await session.end();
  const ending = { counter: '_total', info: '_info' };
  return [...stdout.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => `\`${name}${ending[type] ?? ''}\``);
}

const rules = (source) => [...source.matchAll(/^ {4}[A-Z]\w+ = "([a-z_]+)";$/gm)].map(([, word]) => `\`${word}\``);

function routes(document) {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `\`${method.toUpperCase()} ${path}\``),
  );
}

/** Each row ends in a constant of the code and its file; the value before it is that of the constant. */
async function bounds(named, read) {
  const wrong = [];
  for (const row of named) {
    const [, value, name, path] = row.match(/ \| (.+) \| `([A-Z_]+)` in `(\S+)`/) ?? [];
    if (!name) return `the row names no constant: ${row}`;
    const constant = (await read(path)).match(new RegExp(`const ${name}: [^=]+ =\\s*([^;]+);`))?.[1];
    if (!constant) wrong.push(`${path} has no ${name}`);
    else if (amount(value) !== evaluated(constant)) wrong.push(`${name} is ${constant}, the page says ${value}`);
  }
  return named.length === 0 ? 'there is no such table' : wrong.join('\n');
}

const UNITS = { ms: 1, s: 1e3, min: 6e4, h: 36e5, KiB: 1024, MiB: 1024 ** 2 };
const DURATIONS = { from_millis: 1, from_secs: 1e3, from_mins: 6e4, from_hours: 36e5 };

/** A value of the page as a number; of times, in milliseconds. */
function amount(text) {
  const [, number, unit] = text.match(/^([\d,]+)(?: (\S+))?/);
  return Number(number.replaceAll(',', '')) * (UNITS[unit] ?? 1);
}

/** A constant of the source as a number. */
function evaluated(text) {
  const [, duration, inner] = text.match(/^Duration::(\w+)\((.+)\)$/) ?? [null, null, text];
  const factors = inner.replaceAll('_', '').split('*').map((factor) => Number(factor.trim()));
  return factors.reduce((product, factor) => product * factor, DURATIONS[duration] ?? 1);
}

/** A page with Rust blocks is one that the suite of the Rust SDK takes its text from. */
async function rust(pages, read) {
  const source = await read(RUST);
  const wrong = [];
  for (const path of pages) {
    const runs = ({ language, words }) => language === 'rust' && !words.includes('no-run');
    if (blocks(await read(path)).some(runs) && !source.includes(`"${path}"`)) wrong.push(`the Rust blocks of ${path} are run by nobody`);
  }
  return wrong.join('\n');
}

async function reached(read, root) {
  const readme = await read('README.md');
  const pages = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md'));
  const lost = pages.filter((name) => !readme.includes(`(docs/${name})`));
  return lost.map((name) => `it has no link to docs/${name}`).join('\n');
}
