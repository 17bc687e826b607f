// Does what it is told, line by line, with the Rust library, and answers with seconds and a count.
// The texts are one JSON list in the file that the first argument names; the size of a batch is the second.
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

const { Tokenizer } = createRequire(import.meta.url)('@anush008/tokenizers');
const texts = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const size = Number(process.argv[3]);
let tokenizer;
let ids = [];

const commands = {
  load(file) {
    tokenizer = Tokenizer.fromFile(file);
    tokenizer.disableTruncation();
    tokenizer.disablePadding();
    return tokenizer.getVocabSize(true);
  },
  async encode() {
    let count = 0;
    for (const text of texts) count += (await tokenizer.encode(text)).getLength();
    return count;
  },
  async batch() {
    let count = 0;
    for (let i = 0; i < texts.length; i += size)
      for (const encoding of await tokenizer.encodeBatch(texts.slice(i, i + size))) count += encoding.getLength();
    return count;
  },
  async ids() {
    ids = [];
    for (const text of texts) ids.push((await tokenizer.encode(text)).getIds());
    return ids.length;
  },
  async decode() {
    let count = 0;
    for (const list of ids) count += (await tokenizer.decode(list, false)).length;
    return count;
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [command, argument] = JSON.parse(line);
  const start = performance.now();
  const count = await commands[command](argument);
  console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, count }));
}
