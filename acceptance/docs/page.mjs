// A page of documentation as a list of steps: what its fenced blocks tell a reader to do, and what they say comes out.
//
// The first word after the fence is the language, for the highlighter. The words after it are for the tester:
//
//   ```sh            a command line; runs in bash, stops at the first command that fails
//   ```sh server     starts a server in the background; it is stopped, and judged, at the end of the page
//   ```sh exit=1     ends with this code
//   ```sh no-run     is only shown
//   ```js            a module of its own
//   ```toml a.toml   is saved under this name
//   ```json, ```text what the block before it prints; `…` stands for anything
//   ```rust          runs in acceptance/rust-sdk, which takes the text from the page

const RUNNABLE = ['sh', 'js'];
const OUTPUT = ['json', 'text'];
const SHOWN = ['ini', 'rust'];

/** A page that does not keep to the words above. */
export class PageError extends Error {}

/** The fenced blocks of a page, in order: line, language, words after it, text. */
export function blocks(markdown) {
  const found = [];
  let open = null;
  markdown.split('\n').forEach((line, index) => {
    if (!line.startsWith('```')) {
      open?.lines.push(line);
    } else if (open) {
      found.push({ line: open.line, language: open.language, words: open.words, text: open.lines.join('\n') });
      open = null;
    } else {
      const [language, ...words] = line.slice(3).split(/\s+/).filter(Boolean);
      open = { line: index + 1, language, words, lines: [] };
    }
  });
  if (open) throw new PageError(`line ${open.line}: the block is never closed`);
  return found;
}

/** What a reader does, step by step; a step that prints something known has it as `expected`. */
export function steps(markdown) {
  const found = [];
  let last = null;
  for (const block of blocks(markdown)) {
    const wrong = (what) => new PageError(`line ${block.line}: ${what}`);
    const { language } = block;
    if (block.words.includes('no-run') || SHOWN.includes(language)) {
      last = null;
      continue;
    }
    if (OUTPUT.includes(language)) {
      if (!last || last.expected) throw wrong(`no block before it prints this ${language}`);
      if (block.words.length > 0) throw wrong('what a block prints takes no further words');
      last.expected = { language, text: block.text, line: block.line };
      continue;
    }
    last = null;
    const step = { kind: language, text: block.text, line: block.line, exit: 0 };
    if (language === 'toml') {
      if (block.words.length !== 1) throw wrong('a toml block is saved: say under which name, or `no-run`');
      step.file = block.words[0];
    } else if (RUNNABLE.includes(language)) {
      for (const word of block.words) apply(word, step, wrong);
      last = step;
    } else {
      throw wrong(`nothing is known of blocks of ${language ?? 'no language'}`);
    }
    found.push(step);
  }
  return found;
}

function apply(word, step, wrong) {
  const exit = word.match(/^exit=([1-9]\d*)$/);
  if (exit) step.exit = Number(exit[1]);
  else if (word === 'server' && step.kind === 'sh') step.kind = 'server';
  else throw wrong(`\`${word}\` is no word that a ${step.kind} block takes`);
}
