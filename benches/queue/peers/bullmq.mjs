import { Queue, Worker } from 'bullmq';
import { CONCURRENCY, run } from './phases.mjs';

await run(async (url) => {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const defaultJobOptions = { removeOnComplete: true, attempts: 4 };
  const queue = new Queue('bench', { connection, defaultJobOptions });
  await queue.waitUntilReady();
  let worker;
  return {
    add: (data) => queue.add('job', data),
    addBulk: (list) => queue.addBulk(list.map((data) => ({ name: 'job', data }))),
    work: async (job) => {
      worker = new Worker('bench', async () => job(), { connection, concurrency: CONCURRENCY });
      await worker.waitUntilReady();
    },
    close: async () => {
      await worker?.close();
      await queue.close();
    },
  };
});
