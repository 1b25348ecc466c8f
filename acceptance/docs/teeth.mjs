// Pages with one mistake each: a tester that lets one of them pass shows nothing about the others.

import { PageError } from './page.mjs';

const block = (info, text) => `\`\`\`${info}\n${text}\n\`\`\`\n`;

const MISTAKES = {
  'a command that fails': block('sh', 'false\ntrue'),
  'a failure inside a pipe': block('sh', 'false | true'),
  'a variable that nobody set': block('sh', 'echo "$NOBODY"'),
  'another exit code': block('sh exit=2', 'exit 3'),
  'a failure that does not come': block('sh exit=1', 'true'),
  'another text': block('sh', 'echo one') + block('text', 'two'),
  'a text that goes on': block('sh', 'echo one; echo two') + block('text', 'one'),
  'a line too few': block('sh', 'echo one') + block('text', 'one\n…\ntwo'),
  'another JSON': block('sh', `echo '{"a": 1}'`) + block('json', '{"a": 2}'),
  'one more field': block('sh', `echo '{"a": 1, "b": 2}'`) + block('json', '{"a": …1}'),
  'no JSON at all': block('sh', 'echo one') + block('json', '…'),
  'a module that throws': block('js', 'throw new Error("no")'),
  'an SDK that cannot be reached': block(
    'js',
    `import { WachtClient } from "@wacht/backend";
     await new WachtClient({ apiKey: "x", baseUrl: "http://127.0.0.1:8480" }).health.healthCheck();`,
  ),
  'a server that does not start': block('sh server', 'guildhall serve --listen nowhere'),
  'a server that ends badly': block('sh server', 'guildhall serve & trap "wait; exit 3" TERM; wait'),
  'a variable that was not exported': block('sh', 'A=1') + block('sh', 'echo "$A"'),
  'a block that is never closed': '```sh\ntrue\n',
  'a word that is not known': block('sh backgruond', 'true'),
  'a language that is not known': block('bash', 'true'),
  'an output of nothing': block('text', 'one'),
};

/** Each mistake, and a complaint where it was not seen. */
export async function teeth(binary, walk) {
  const found = [];
  for (const [what, markdown] of Object.entries(MISTAKES)) {
    found.push({ what: `sees ${what}`, complaint: (await isSeen(binary, walk, markdown)) ? null : markdown });
  }
  return found;
}

async function isSeen(binary, walk, markdown) {
  try {
    const { found, complaints } = await walk(binary, markdown);
    return found.some(({ complaint }) => complaint) || complaints.length > 0;
  } catch (error) {
    if (error instanceof PageError) return true;
    throw error;
  }
}
