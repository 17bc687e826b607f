// The same with @huggingface/transformers: node peer.mjs <folder with node_modules> <package> <fp32|q4> <batch> <prompt> <new> <rounds> <prompts as JSON>.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { readFileSync } from "node:fs";
import { dirname, basename } from "node:path";
const [root, folder, dtype, batch, prompt, count, rounds, prompts] = process.argv.slice(2);
const { AutoModelForCausalLM, Tensor, BaseStreamer, env } = await import(pathToFileURL(createRequire(`${root}/x.js`).resolve("@huggingface/transformers").replace(/\.cjs$/, ".mjs")).href);
env.allowRemoteModels = false; env.localModelPath = dirname(folder);
const model = await AutoModelForCausalLM.from_pretrained(basename(folder), { dtype, device: "cpu", local_files_only: true });
const rows = JSON.parse(readFileSync(prompts, "utf8")).slice(0, +batch).map(r => r.slice(0, +prompt));
const ids = new Tensor("int64", BigInt64Array.from(rows.flat(), BigInt), [+batch, +prompt]), mask = new Tensor("int64", new BigInt64Array(ids.size).fill(1n), ids.dims);
// The first call is the prompt. Streamers are for one row, so several rows are timed as a whole.
class Clock extends BaseStreamer { times = []; put() { this.times.push(performance.now() / 1000); } end() { } }
let best = { FirstToken: Infinity, TokensPerSecond: 0, Outside: 0, PeakBytes: 0, Tokens: [] };
for (let round = 0; round <= +rounds; round++) {
  const clock = new Clock(), start = performance.now() / 1000;
  const out = await model.generate({ inputs: ids, attention_mask: mask, max_new_tokens: +count, min_new_tokens: +count, do_sample: false, ...(+batch === 1 ? { streamer: clock } : {}) });
  const whole = performance.now() / 1000 - start, tokens = clock.times.slice(1), steps = tokens.slice(1).map((t, i) => t - tokens[i]).sort((a, b) => a - b);
  if (round === 0) continue;
  const speed = steps.length ? 1 / steps[Math.floor(steps.length / 4)] : +batch * +count / whole;
  best = { ...best, FirstToken: Math.min(best.FirstToken, tokens.length ? tokens[0] - start : 0), TokensPerSecond: Math.max(best.TokensPerSecond, speed), Tokens: Array.from(out[0].data.slice(+prompt, +prompt + +count), Number) };
}
best.PeakBytes = 1024 * +/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1];
console.log(JSON.stringify(best));
process.exit(0);
