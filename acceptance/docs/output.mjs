// Whether what came out is what the page says, where `…` stands for anything.

const ANYTHING = '…';

/** Nothing when it is; otherwise what differs, for people. */
export function difference({ language, text }, printed) {
  if (language === 'json') {
    const actual = canonical(printed);
    if (actual === null) return `this is no JSON:\n${printed}`;
    return pattern(squeezed(text), '[\\s\\S]*?').test(actual) ? null : shown(squeezed(text), actual);
  }
  const [expected, actual] = [tidied(text), tidied(printed)];
  return lines(expected).test(actual) ? null : shown(expected, actual);
}

const shown = (expected, actual) => `the page says:\n${expected}\nthe program said:\n${actual}`;

/** The lines of a text; a line of `…` alone stands for any number of them. */
function lines(text) {
  const parts = text.split('\n').map((line) =>
    line.trim() === ANYTHING ? '(?:.*(?:\\n|$))*?' : `${source(line, '.*?')}(?:\\n|$)`,
  );
  return new RegExp(`^${parts.join('')}$`);
}

const pattern = (text, anything) => new RegExp(`^${source(text, anything)}$`);

const source = (text, anything) =>
  text
    .split(ANYTHING)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join(anything);

const tidied = (text) =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
    .trim();

function canonical(text) {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return null;
  }
}

/** JSON without the white space between its parts; it need not be whole, as `…` may stand in it. */
function squeezed(text) {
  return text.replace(/"(?:[^"\\]|\\.)*"|\s+/g, (part) => (part.startsWith('"') ? part : ''));
}
