// Answers about pictures with @huggingface/transformers (sharp decodes, onnxruntime-node runs): one JSON line on standard output with seconds of each round and the peak of memory.
import { env, pipeline } from '@huggingface/transformers';
const [task, folder, rounds, labels, files] = [process.argv[2], process.argv[3], Number(process.argv[4]), process.argv[5].split(',').filter(l => l), process.argv.slice(6)];
env.allowRemoteModels = false;
env.localModelPath = '';
const ask = await pipeline(task, folder, { dtype: 'fp32', device: 'cpu', local_files_only: true, use_external_data_format: true });
const answer = file => labels.length ? ask(file, labels) : ask(file);
const times = [];
let first;
for (let i = 0; i <= rounds; i++) {
  const start = process.hrtime.bigint();
  for (const file of files) { const a = await answer(file); first ??= a; }
  if (i > 0) times.push(Number(process.hrtime.bigint() - start) / 1e9);
}
console.log(JSON.stringify({ times, peak: process.resourceUsage().maxRSS * 1024, first }));
