// The same with @huggingface/transformers: node peer.mjs <folder with node_modules> <package> <fp32|q4> <batch> <prompt> <new> <rounds> <threads> <prompts as JSON>.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";
import { dirname, basename } from "node:path";
const [root, folder, dtype, batch, prompt, count, rounds, threads, prompts] = process.argv.slice(2);
const { AutoModelForCausalLM, Tensor, LogitsProcessor, LogitsProcessorList, env } = await import(pathToFileURL(createRequire(`${root}/x.js`).resolve("@huggingface/transformers").replace(/\.cjs$/, ".mjs")).href);
env.allowRemoteModels = false; env.localModelPath = dirname(folder);
const model = await AutoModelForCausalLM.from_pretrained(basename(folder), { dtype, device: "cpu", local_files_only: true, session_options: { intraOpNumThreads: +threads } });
const rows = JSON.parse(readFileSync(prompts, "utf8")).slice(0, +batch).map(r => r.slice(0, +prompt));
const ids = new Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [+batch, +prompt]), mask = new Tensor("int64", new BigInt64Array(ids.size).fill(1n), ids.dims);
// One thread's time is the processor's: other programs disturb it less.
const now = () => +threads === 1 ? (({ user, system }) => (user + system) / 1e6)(process.cpuUsage()) : performance.now() / 1000;
class Clock extends LogitsProcessor { times = []; _call(ids, logits) { this.times.push(now()); return logits; } }
let best = { FirstToken: Infinity, TokensPerSecond: 0, Outside: 0, PeakBytes: 0, Tokens: [] };
for (let round = 0; round <= +rounds; round++) {
  const clock = new Clock(), processors = new LogitsProcessorList(), start = now();
  processors.push(clock);
  const out = await model.generate({ inputs: ids, attention_mask: mask, max_new_tokens: +count, min_new_tokens: +count, do_sample: false, logits_processor: processors });
  if (round === 0) continue;
  const steps = clock.times.slice(1).map((t, i) => t - clock.times[i]).sort((a, b) => a - b);
  best = { ...best, FirstToken: Math.min(best.FirstToken, clock.times[0] - start), TokensPerSecond: Math.max(best.TokensPerSecond, +batch / steps[Math.floor(steps.length / 4)]), Tokens: Array.from(out[0].data.slice(+prompt, +prompt + +count), Number) };
}
best.PeakBytes = 1024 * +/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1];
console.log(JSON.stringify(best));
process.exit(0);
