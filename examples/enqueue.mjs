// Asks for a run of a sync: REDIS_URL=redis://127.0.0.1:6379 node enqueue.mjs NAME   (needs: npm install redis)
import { randomUUID } from "node:crypto";

const [sync] = process.argv.slice(2);
if (!sync) {
  console.error("usage: node enqueue.mjs NAME");
  process.exit(2);
}
const { createClient } = await import("redis");
const request = { version: 1, id: randomUUID(), sync, priority: "high" };
const store = createClient({ url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379" });
await store.connect();
await store.rPush("{syncline:default}:inbox", JSON.stringify(request));
await store.close();
console.log(request.id);
