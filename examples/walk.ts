// Asks the API for a run of a sync, follows it on the live feed to its end, and prints the numbers of the sync:
// node walk.ts NAME   (Node 22.18 or later, which runs TypeScript; nothing to install)
// SYNCLINE_URL is the server, http://127.0.0.1:8080 without it; SYNCLINE_TOKEN a token with the scopes read and enqueue.
import { randomUUID } from "node:crypto";

type Accepted = { id: string; status: string; links: { self: string } };
type Job = Accepted & { success: boolean | null; created: number; updated: number; deleted: number; conflicts: number };
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

/** Lines of the live feed, after the last event that was seen. */
async function* listen(opened: Response): AsyncGenerator<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of opened.body!) {
    const lines = (text + decoder.decode(chunk as Uint8Array, { stream: true })).split("\n");
    text = lines.pop()!;
    yield* lines;
  }
}

async function open(last?: string): Promise<Response> {
  const headers: Record<string, string> = last ? { "last-event-id": last } : {};
  if (process.env.SYNCLINE_TOKEN) headers.authorization = `Bearer ${process.env.SYNCLINE_TOKEN}`;
  const path = "/api/v1/events?types=run.*";
  const opened = await fetch(base + path, { headers }).catch((error: Error) => fail(`GET ${path}: ${error.message}`));
  if (!opened.ok) fail(`GET ${path}: ${opened.status}: ${((await opened.json()) as { detail: string }).detail}`);
  return opened;
}

type Told = { data: { run?: string; done?: number; total?: number } };
const over = ["run.completed", "run.failed", "run.held", "run.cancelled"];

/** Prints what the feed tells of a run, to its end. After a break it goes on where it was. */
async function follow(feed: Response, run: string): Promise<void> {
  let [last, kind]: (string | undefined)[] = [];
  for (;;) {
    try {
      for await (const line of listen(feed)) {
        if (line.startsWith("id: ")) last = line.slice(4);
        if (line.startsWith("event: ")) kind = line.slice(7);
        if (!line.startsWith("data: ")) continue;
        const { data } = JSON.parse(line.slice(6)) as Told;
        if (data.run !== run) continue;
        console.log(kind === "run.progressed" ? `${kind} ${data.done} of ${data.total}` : kind);
        if (over.includes(kind!)) return;
      }
    } catch {
      // The connection broke off.
    }
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    feed = await open(last);
  }
}

const [name] = process.argv.slice(2);
if (!name) fail("usage: node walk.ts NAME", 2);
// Opened first, so that nothing is missed.
const feed = await open();
// With the key a request that is sent twice, because its answer got lost, asks for one run.
const accepted = await call<Accepted>("POST", "/api/v1/jobs", { sync: name }, { "idempotency-key": randomUUID() });
console.log(`run ${accepted.id}: ${accepted.status}`);
const late = setTimeout(() => fail(`run ${accepted.id} has not ended within ${wait / 1000} seconds; does a worker run?`), wait);
await follow(feed, accepted.id);
clearTimeout(late);
const run = await call<Job>("GET", accepted.links.self);
console.log(`run ${run.id}: ${run.status}`);
console.log(`${run.created} created, ${run.updated} updated, ${run.deleted} deleted, ${run.conflicts} conflicts`);
const query = new URLSearchParams({ sync: name, window: "24h" });
const stats = await call<Stats>("GET", `/api/v1/sync/stats?${query}`);
for (const { sync, links, runs } of stats.syncs) {
  console.log(`${sync}: ${links.completed} items in step, ${runs.completed} runs in 24 hours`);
}
process.exit(run.success ? 0 : 1);
