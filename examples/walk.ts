// Asks the API for a run of a sync, waits for its end, and prints the numbers of the sync:
// node walk.ts NAME   (Node 22.18 or later, which runs TypeScript; nothing to install)
// SYNCLINE_URL is the server, http://127.0.0.1:8080 without it; SYNCLINE_TOKEN a token with the scopes read and enqueue.
import { randomUUID } from "node:crypto";

type Counts = { created: number; updated: number; deleted: number; conflicts: number };
type Job = { id: string; status: string; success?: boolean; counts?: Counts; links: { self: string } };
type Stats = { syncs: { sync: string; links: { completed: number }; runs: { completed: number } }[] };

const base = (process.env.SYNCLINE_URL ?? "http://127.0.0.1:8080").replace(/\/+$/, "");
const wait = 120_000; // milliseconds

function fail(text: string, code = 1): never {
  console.error(text);
  process.exit(code);
}

/** Sends a request. A problem that the server tells ends the program with its text. */
async function call<T>(method: string, path: string, body?: unknown, more: Record<string, string> = {}): Promise<T> {
  const headers: Record<string, string> = { ...more };
  if (process.env.SYNCLINE_TOKEN) headers.authorization = `Bearer ${process.env.SYNCLINE_TOKEN}`;
  if (body !== undefined) headers["content-type"] = "application/json";
  const signal = AbortSignal.timeout(30_000);
  const answer = await fetch(base + path, { method, headers, body: JSON.stringify(body), signal }).catch((error: Error) =>
    fail(`${method} ${path}: ${error.message}; is the server at ${base}?`),
  );
  const text = await answer.text();
  if (answer.ok) return JSON.parse(text) as T;
  let told = text;
  try {
    const problem = JSON.parse(text) as { detail?: string; title?: string };
    told = problem.detail ?? problem.title ?? text;
  } catch {
    // What is no JSON is told as it is.
  }
  return fail(`${method} ${path}: ${answer.status}: ${told}`);
}

const [name] = process.argv.slice(2);
if (!name) fail("usage: node walk.ts NAME", 2);
// With the key a request that is sent twice, because its answer got lost, asks for one run.
let run = await call<Job>("POST", "/api/v1/jobs", { sync: name }, { "idempotency-key": randomUUID() });
console.log(`run ${run.id}: ${run.status}`);
const deadline = Date.now() + wait;
while (["queued", "in_progress"].includes(run.status)) {
  if (Date.now() > deadline) fail(`run ${run.id} has not ended within ${wait / 1000} seconds; does a worker run?`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  run = await call<Job>("GET", run.links.self);
}
console.log(`run ${run.id}: ${run.status}`);
const { created = 0, updated = 0, deleted = 0, conflicts = 0 } = run.counts ?? {};
console.log(`${created} created, ${updated} updated, ${deleted} deleted, ${conflicts} conflicts`);
const query = new URLSearchParams({ sync: name, window: "24h" });
const stats = await call<Stats>("GET", `/api/v1/sync/stats?${query}`);
for (const { sync, links, runs } of stats.syncs) {
  console.log(`${sync}: ${links.completed} items in step, ${runs.completed} runs in 24 hours`);
}
process.exit(run.success ? 0 : 1);
