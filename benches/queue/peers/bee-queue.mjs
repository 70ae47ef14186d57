import Queue from 'bee-queue';
import { CONCURRENCY, run } from './phases.mjs';

await run(async (url, phase) => {
  const { hostname: host, port } = new URL(url);
  // As fast as it goes: no events between processes, no jobs kept in memory or after success.
  const settings = { redis: { host, port: Number(port) }, getEvents: false, sendEvents: false, storeJobs: false };
  const queue = new Queue('bench', { ...settings, removeOnSuccess: true, isWorker: phase !== 'push' });
  const pusher = phase === 'pickup' ? new Queue('bench', { ...settings, isWorker: false }) : queue;
  await queue.ready();
  const job = (data) => pusher.createJob(data).retries(3);
  return {
    add: (data) => job(data).save(),
    addBulk: (list) => pusher.saveAll(list.map(job)),
    work: async (handler) => {
      queue.process(CONCURRENCY, async () => handler());
    },
    close: () => queue.close(1000),
  };
});
