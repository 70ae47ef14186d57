// Asks for a run of a sync: REDIS_URL=redis://127.0.0.1:6379 node enqueue.mjs NAME   (needs: npm install redis)
import { randomUUID } from "node:crypto";
import { createClient } from "redis";

const request = { version: 1, id: randomUUID(), sync: process.argv[2], priority: "high" };
const store = createClient({ url: process.env.REDIS_URL ?? "redis://127.0.0.1:6379" });
await store.connect();
await store.rPush("{syncline:default}:inbox", JSON.stringify(request));
await store.close();
console.log(request.id);
