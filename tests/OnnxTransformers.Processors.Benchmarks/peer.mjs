// Preprocesses pictures with @huggingface/transformers (sharp decodes): one JSON line on standard output with seconds of each round.
import { AutoImageProcessor, RawImage } from '@huggingface/transformers';
const [folder, rounds, files] = [process.argv[2], Number(process.argv[3]), process.argv.slice(4)];
const processor = await AutoImageProcessor.from_pretrained(folder, { local_files_only: true });
const decoded = await Promise.all(files.map(f => RawImage.read(f)));
const time = async run => { const start = process.hrtime.bigint(); await run(); return Number(process.hrtime.bigint() - start) / 1e9; };
const values = [], whole = [];
for (let i = 0; i <= rounds; i++) {
  const a = await time(async () => { for (const image of decoded) await processor(image); });
  const b = await time(async () => { for (const file of files) await processor(await RawImage.read(file)); });
  if (i > 0) { values.push(a); whole.push(b); }
}
console.log(JSON.stringify({ values, whole }));
