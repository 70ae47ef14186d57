// What every peer in JavaScript does, whatever its library. A queue gives `add`, `addBulk`, `work` and `close`; figures go to
// standard output, one `name value` per line.
//
//   node PEER.mjs URL push ONE_BY_ONE PRODUCERS BULK
//   node PEER.mjs URL drain JOBS
//   node PEER.mjs URL pickup SAMPLES
//   node PEER.mjs URL idle SECONDS

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export const CONCURRENCY = 64;
const CHUNK = 1000;
const payload = (n) => ({ n, pad: 'x'.repeat(180) });
const tell = (name, value) => console.log(`${name} ${value}`);
const seconds = (since) => (performance.now() - since) / 1000;

async function push(queue, [oneByOne, producers, bulk]) {
  let began = performance.now();
  for (let n = 0; n < oneByOne; n += 1) await queue.add(payload(n));
  if (oneByOne) tell('enqueue', oneByOne / seconds(began));

  began = performance.now();
  let next = 0;
  const producer = async () => {
    while (next < producers) {
      next += 1;
      await queue.add(payload(next));
    }
  };
  await Promise.all(Array.from({ length: 16 }, producer));
  if (producers) tell('producers', producers / seconds(began));

  began = performance.now();
  for (let n = 0; n < bulk; n += CHUNK) {
    const length = Math.min(CHUNK, bulk - n);
    await queue.addBulk(Array.from({ length }, (_, at) => payload(n + at)));
  }
  if (bulk) tell('bulk', bulk / seconds(began));
}

async function drain(queue, [jobs]) {
  let done = 0;
  const began = performance.now();
  await new Promise((resolve, reject) => {
    const job = () => {
      done += 1;
      if (done === jobs) resolve();
    };
    queue.work(job).catch(reject);
  });
  tell('drain', jobs / seconds(began));
  const peak = /VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'));
  tell('memory', Number(peak[1]) / 1024);
}

async function pickup(queue, [samples]) {
  let picked = () => {};
  await queue.work(() => picked(performance.now()));
  await sleep(1000);
  for (let n = 0; n < samples; n += 1) {
    const at = new Promise((resolve) => {
      picked = resolve;
    });
    const began = performance.now();
    await queue.add(payload(n));
    tell('pickup', (await at) - began);
    await sleep(10 + 10 * Math.random());
  }
}

async function idle(queue, [length]) {
  await queue.work(() => {});
  await sleep(1000 * length);
}

export async function run(open) {
  const [url, phase, ...numbers] = process.argv.slice(2);
  const queue = await open(url, phase);
  await { push, drain, pickup, idle }[phase](queue, numbers.map(Number));
  // A queue that hangs at its end has told its figures already.
  await Promise.race([queue.close(), sleep(3000)]);
  process.exit(0);
}
